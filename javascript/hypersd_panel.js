// Shows on the page what lib_hypersd/panel has worked out: which of the page's own controls are overridden, and a
// summary beside the panel's title. It has the panel update itself when the prompt or the checkpoint changes, while a
// file comes in, and when what the panel shows is out of date.
//
// It has two callers, each of which passes its page once that is built: hypersd.js in a WebUI, and
// lib_hypersd/playground/page.js. A page has
//   tabs: the names of its tabs. A panel's elements have the ids hypersd_TAB_…, the controls beside it TAB_….
//   root(): where elements are found by their ids.
//   checkpoint(): the selected checkpoint; the panels are updated when it changes.
//   hasOther(name): whether another checkpoint is selected than this one.
window.hypersdPanel = function(page) {
    const LORA_TAG = /<(lora|lyco):/i;
    const TYPING_PAUSE = 400;
    const UPDATE_PAUSE = 1000;
    const MOST_UPDATES = 60;
    const CONTROLS = [
        "steps", "cfg_scale", "distilled_cfg_scale", "sampling", "scheduler",
        "hr_scale", "denoising_strength", "hr_upscaler",
    ];
    const badges = new Map(); // control → its badge

    const byId = (id) => page.root().getElementById(id);
    const find = (selector) => page.root().querySelector(selector);

    // In the language that the user has chosen for a WebUI, where localizations/ has it.
    const translated = (text) => window.localization?.[text] ?? text;

    function inForce(tab) {
        const status = find(`#hypersd_${tab}_status [data-hypersd]`);
        return status ? JSON.parse(status.dataset.hypersd) : {state: "off"};
    }

    function update(tab) {
        const button = byId(`hypersd_${tab}_look`);
        if (button) button.click();
    }

    // A badge in words, tied to the control's inputs, so that it is read aloud as well as seen.
    function mark(control, text) {
        let badge = badges.get(control);
        if (!badge) {
            badge = document.createElement("div");
            badge.className = "hypersd-badge";
            badge.id = `${control.id}_hypersd`;
            badges.set(control, badge);
        }
        if (badge.textContent !== text) badge.textContent = text;
        if (badge.parentElement !== control) control.append(badge);
        for (const input of control.querySelectorAll("input")) input.setAttribute("aria-describedby", badge.id);
    }

    function unmark(control) {
        const badge = badges.get(control);
        if (!badge) return;
        badge.remove();
        badges.delete(control);
        for (const input of control.querySelectorAll("input")) input.removeAttribute("aria-describedby");
    }

    function showSummary(tab, data) {
        const title = find(`#hypersd_${tab}_enable .label-wrap > span`);
        if (!title) return;
        let summary = title.querySelector(".hypersd-summary");
        if (!summary) {
            summary = document.createElement("span");
            summary.className = "hypersd-summary";
            title.append(summary);
        }
        const words = {
            on: data.summary,
            problem: translated("not applied, see inside"),
            tag: translated("the prompt has a few-step LoRA"),
        };
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
            control.classList.toggle("hypersd-overridden", name in override);
            if (name in override) mark(control, `${translated("Hyper-SD uses")} ${override[name]}`);
            else unmark(control);
        }
        showControlWeight(tab, data);
        showSummary(tab, data);
    }

    // At the weight of each unit of ControlNet that is ticked; no more of it is known to Hyper-SD, and none is changed.
    function showControlWeight(tab, data) {
        const ENABLE = "_enable_checkbox", WEIGHT = "_control_weight_slider";
        for (const weight of page.root().querySelectorAll(`[id^="${tab}_controlnet"][id$="${WEIGHT}"]`)) {
            const enable = byId(weight.id.replace(WEIGHT, ENABLE))?.querySelector("input");
            const isOver = Number(weight.querySelector("input")?.value) > Number(data.control_weight);
            if (enable?.checked && isOver) mark(weight, `${translated("Hyper-SD recommends")} ${data.control_weight}`);
            else unmark(weight);
        }
    }

    const isComing = (tab) => byId(`hypersd_${tab}_downloads`)?.querySelector("[data-hypersd-coming]");

    // Whether the panel shows another checkpoint or tick than the page: the host is loading, or two answers came in the
    // wrong order.
    function isBehind(tab) {
        const ticked = find(`#hypersd_${tab}_enable-checkbox input`)?.checked;
        if (ticked === undefined) return false;
        const data = inForce(tab);
        if (data.state === "loading" || ["on", "problem"].includes(data.state) !== ticked) return true;
        return "model" in data && page.hasOther(data.model);
    }

    // Some hosts make an accordion's title of a plain element, which no keyboard reaches.
    function makeReachable(tab) {
        const accordion = byId(`hypersd_${tab}_enable`);
        const title = accordion && accordion.querySelector(".label-wrap");
        if (!title) return;
        const checkbox = title.querySelector("input[type=checkbox]");
        if (checkbox) checkbox.setAttribute("aria-label", "Hyper-SD");
        const tellState = () => title.setAttribute("aria-expanded", title.classList.contains("open"));
        title.setAttribute("aria-label", translated("Hyper-SD settings"));
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

    function prepare(tab) {
        const status = byId(`hypersd_${tab}_status`);
        if (!status) return;
        makeReachable(tab);
        byId(`hypersd_${tab}_enable`).addEventListener("mouseenter", () => {
            if (inForce(tab).state === "loading") update(tab);
        });
        status.setAttribute("role", "status");
        new MutationObserver(() => show(tab)).observe(status, {childList: true, subtree: true});

        const prompt = find(`#${tab}_prompt textarea`);
        let pause, hadTag = false;
        if (prompt) {
            prompt.addEventListener("input", () => {
                const hasTag = LORA_TAG.test(prompt.value);
                if (hasTag || hadTag) {
                    clearTimeout(pause);
                    pause = setTimeout(() => update(tab), TYPING_PAUSE);
                }
                hadTag = hasTag;
            });
        }
    }

    // No host reports all this. Some load a checkpoint only when it is needed, which may be never.
    let checkpoint = null, updates = 0;
    function follow() {
        const selected = page.checkpoint();
        const behind = selected === checkpoint ? page.tabs.filter(isBehind) : page.tabs;
        if (selected !== checkpoint || !behind.length) updates = 0;
        checkpoint = selected;
        if (updates++ < MOST_UPDATES) behind.forEach(update);
        page.tabs.filter(isComing).forEach(update);
        for (const tab of page.tabs) {
            const data = inForce(tab);
            if (data.control_weight) showControlWeight(tab, data); // no event tells that a unit was ticked
        }
    }

    page.tabs.forEach(prepare);
    follow();
    setInterval(follow, UPDATE_PAUSE);
};
