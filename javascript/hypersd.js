// The WebUI's page, for hypersd_panel.js and hypersd_live.js.
(function() {
    const checkpointList = () => gradioApp().querySelector(".model_selection input");
    const withoutFolderEndingAndHash = (title) =>
        title.split(/[\\/]/).pop().replace(/ \[\w+\]$/, "").replace(/\.\w+$/, "");

    // The host pastes what stands in these fields (webui/live.py) when their button is pressed.
    const find = (selector) => gradioApp().querySelector(selector);
    function fill(selector, text) {
        const box = find(`${selector} textarea`);
        box.value = text;
        box.dispatchEvent(new Event("input", {bubbles: true}));
    }

    function send(tab, picture) {
        for (const name of ["infotext", "image"]) fill(`#hypersd_live_${name}`, picture[name]);
        // Neo pastes no prompt into a box that has been empty since its start (N:infotext_utils.py:92).
        fill(`#${tab}_prompt`, picture.prompt);
        fill(`#${tab}_neg_prompt`, picture.negative);
        setTimeout(() => find(`#hypersd_live_${tab}`).click(), 100); // gradio takes a while to see it
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
