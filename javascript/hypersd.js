// The WebUI's page, for hypersd_panel.js and hypersd_live.js.
(function() {
    const checkpointList = () => gradioApp().querySelector(".model_selection input");
    const withoutFolderEndingAndHash = (title) =>
        title.split(/[\\/]/).pop().replace(/ \[\w+\]$/, "").replace(/\.\w+$/, "");

    // The host pastes what stands in these fields (webui/live_tab.py) when their button is pressed.
    const find = (name) => gradioApp().querySelector(`#hypersd_live_${name}`);
    function send(tab, picture) {
        for (const name of ["infotext", "image"]) {
            const box = find(name).querySelector("textarea");
            box.value = picture[name];
            box.dispatchEvent(new Event("input", {bubbles: true}));
        }
        setTimeout(() => find(tab).click(), 100); // gradio takes a while to see it
    }

    onUiLoaded(() => {
        window.hypersdPanel({
            tabs: ["txt2img", "img2img"],
            root: gradioApp,
            checkpoint: () => checkpointList()?.value ?? opts.sd_model_checkpoint,
            hasOther: (name) => checkpointList() && withoutFolderEndingAndHash(checkpointList().value) !== name,
        });
        const live = gradioApp().querySelector("#hypersd_live");
        if (live) window.hypersdLive(live, send);
    });
})();
