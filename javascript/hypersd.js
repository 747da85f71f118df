// The WebUI's page, for hypersd_panel.js.
(function() {
    const checkpointList = () => gradioApp().querySelector(".model_selection input");
    const withoutFolderEndingAndHash = (title) =>
        title.split(/[\\/]/).pop().replace(/ \[\w+\]$/, "").replace(/\.\w+$/, "");

    onUiLoaded(() => window.hypersdPanel({
        tabs: ["txt2img", "img2img"],
        root: gradioApp,
        checkpoint: () => checkpointList()?.value ?? opts.sd_model_checkpoint,
        hasOther: (name) => checkpointList() && withoutFolderEndingAndHash(checkpointList().value) !== name,
    }));
})();
