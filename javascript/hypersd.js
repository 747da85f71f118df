// Shows on the page what lib_hypersd/panel.py has worked out: which of the host's own controls are overridden, and a
// summary beside the panel's title. It asks the panel to look again when the prompt or the checkpoint changes, and while
// a file comes in.
(function() {
    const TABS = ["txt2img", "img2img"];
    const LORA_TAG = /<(lora|lyco):/i;
    const TYPING_PAUSE = 400;
    const SELECTING_PAUSE = 500;
    const LOADING_PAUSE = 2000;
    const LOADING_LOOKS = 30;
    const DOWNLOAD_PAUSE = 1000;
    const CONTROLS = ["steps", "cfg_scale", "distilled_cfg_scale", "sampling", "scheduler"];
    const badges = new Map(); // host control → its badge

    const byId = (id) => gradioApp().getElementById(id);

    function inForce(tab) {
        const status = gradioApp().querySelector(`#hypersd_${tab}_status [data-hypersd]`);
        return status ? JSON.parse(status.dataset.hypersd) : {state: "off"};
    }

    function lookAgain(tab) {
        const button = byId(`hypersd_${tab}_look`);
        if (button) button.click();
    }

    // A badge in words, tied to the control's inputs, so that it is read aloud as well as seen.
    function mark(control, value) {
        let badge = badges.get(control);
        if (!badge) {
            badge = document.createElement("div");
            badge.className = "hypersd-badge";
            badge.id = `${control.id}_hypersd`;
            badges.set(control, badge);
        }
        const text = `Hyper-SD uses ${value}`;
        if (badge.textContent !== text) badge.textContent = text;
        if (badge.parentElement !== control) control.append(badge);
        control.classList.add("hypersd-overridden");
        for (const input of control.querySelectorAll("input")) input.setAttribute("aria-describedby", badge.id);
    }

    function unmark(control) {
        const badge = badges.get(control);
        if (!badge) return;
        badge.remove();
        badges.delete(control);
        control.classList.remove("hypersd-overridden");
        for (const input of control.querySelectorAll("input")) input.removeAttribute("aria-describedby");
    }

    function showSummary(tab, data) {
        const title = gradioApp().querySelector(`#hypersd_${tab}_enable .label-wrap > span`);
        if (!title) return;
        let summary = title.querySelector(".hypersd-summary");
        if (!summary) {
            summary = document.createElement("span");
            summary.className = "hypersd-summary";
            title.append(summary);
        }
        const words = {on: data.summary, problem: "not applied, see inside", tag: "the prompt has a few-step LoRA"};
        const text = words[data.state] || "";
        if (summary.textContent !== text) summary.textContent = text;
        summary.classList.toggle("hypersd-summary-problem", data.state === "problem");
    }

    function show(tab) {
        const data = inForce(tab);
        const override = data.override || {};
        for (const name of CONTROLS) {
            const control = byId(`${tab}_${name}`);
            if (!control) continue;
            if (name in override) mark(control, override[name]);
            else unmark(control);
        }
        showSummary(tab, data);
        // Some hosts load a checkpoint only when it is needed, which may be never.
        if (data.state === "loading" && looks++ < LOADING_LOOKS) setTimeout(() => lookAgain(tab), LOADING_PAUSE);
    }

    // Some hosts make an accordion's title of a plain element, which no keyboard reaches.
    function makeReachable(tab) {
        const accordion = byId(`hypersd_${tab}_enable`);
        const title = accordion && accordion.querySelector(".label-wrap");
        if (!title) return;
        const checkbox = title.querySelector("input[type=checkbox]");
        if (checkbox) checkbox.setAttribute("aria-label", "Hyper-SD");
        const tellState = () => title.setAttribute("aria-expanded", title.classList.contains("open"));
        title.setAttribute("aria-label", "Hyper-SD settings");
        if (title.tagName !== "BUTTON") {
            title.setAttribute("role", "button");
            title.tabIndex = 0;
            title.addEventListener("keydown", (event) => {
                if (event.target !== title || !["Enter", " "].includes(event.key)) return;
                event.preventDefault();
                title.click();
            });
        }
        new MutationObserver(tellState).observe(title, {attributes: true, attributeFilter: ["class"]});
        tellState();
    }

    function follow(tab) {
        const status = byId(`hypersd_${tab}_status`);
        if (!status) return;
        makeReachable(tab);
        byId(`hypersd_${tab}_enable`).addEventListener("mouseenter", () => {
            if (inForce(tab).state === "loading") lookAgain(tab);
        });
        status.setAttribute("role", "status");
        new MutationObserver(() => show(tab)).observe(status, {childList: true, subtree: true});

        const prompt = gradioApp().querySelector(`#${tab}_prompt textarea`);
        let pause, hadTag = false;
        if (prompt) {
            prompt.addEventListener("input", () => {
                const hasTag = LORA_TAG.test(prompt.value);
                if (hasTag || hadTag) {
                    clearTimeout(pause);
                    pause = setTimeout(() => lookAgain(tab), TYPING_PAUSE);
                }
                hadTag = hasTag;
            });
        }
        lookAgain(tab);
    }

    // Hosts that have a checkpoint list of their own on the page do not tell when it changes.
    let checkpoint, looks = 0;
    function followCheckpoint() {
        const list = gradioApp().querySelector(".model_selection input");
        const selected = list ? list.value : opts.sd_model_checkpoint;
        if (selected === checkpoint) return;
        checkpoint = selected;
        looks = 0;
        setTimeout(() => TABS.forEach(lookAgain), list ? SELECTING_PAUSE : 0);
    }

    // While a file comes in, its bar goes on.
    setInterval(() => TABS.forEach((tab) => {
        if (byId(`hypersd_${tab}_downloads`)?.querySelector("[data-hypersd-coming]")) lookAgain(tab);
    }), DOWNLOAD_PAUSE);

    onUiLoaded(() => TABS.forEach(follow));
    onOptionsChanged(followCheckpoint);
    onAfterUiUpdate(followCheckpoint);
})();
