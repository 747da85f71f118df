// The live page: a picture follows whatever is typed or drawn. The markup is lib_hypersd/live/markup.py's.
//
// One request is under way at a time. When it is answered, what the controls hold by then is asked for, so that whatever
// they held in between reaches no network; nothing is asked for while nothing changes.
//
// It has two callers: hypersd.js in a WebUI, and the playground's page. send(tab, picture) takes a picture to another
// tab; picture has its data URL and its infotext.
window.hypersdLive = function(root, send) {
    const ROUTE = "hypersd/v1/live";
    const PAUSE = 250; // milliseconds until it is asked again whether another image has been made
    const FAILED = "The picture could not be made; the console of the server says why.";
    const SEEDS = 2 ** 32;

    const find = (selector) => root.querySelector(selector);
    const field = (name) => find(`[name=${name}]`);
    const [figure, image, caption, notes] = ["figure", "img", "figcaption", "ul"].map(find);
    const status = find(".hypersd-status");
    // Its text is changed in place: new elements would call everything in a WebUI that watches its page, at every picture.
    const line = caption.appendChild(new Text());
    const translated = (text) => window.localization?.[text] ?? text; // in the language of a WebUI's user
    const rounded = (milliseconds) => Math.round(milliseconds);

    const scribble = window.hypersdScribble(find(".hypersd-scribble"), change);
    let newest = 0, answered = 0; // changes, counted
    let isAsking = false, picture = null, seedOfPicture = null;

    async function ask(path, values) {
        const answer = await fetch(ROUTE + path, {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(values),
        }).catch(() => null);
        return answer?.ok ? answer.json() : {state: "refused", sentence: FAILED};
    }

    function read() {
        if (find("[data-walk]").checked && field("seed").value === seedOfPicture) {
            field("seed").value = (Number(seedOfPicture) + 1) % SEEDS;
        }
        const values = {drawing: scribble.drawing(Boolean(field("control").value))};
        for (const control of root.querySelectorAll("[name]")) {
            values[control.name] = control.type === "checkbox" ? control.checked : control.value;
        }
        return values;
    }

    async function follow() {
        if (isAsking) return;
        isAsking = true;
        while (answered < newest) {
            const wanted = newest, values = read(), start = performance.now();
            const answer = await ask("", values);
            if (answer.state === "waiting") {
                say(answer.sentence);
                await new Promise((resolve) => setTimeout(resolve, PAUSE));
                continue;
            }
            if (answered >= wanted) continue; // it was interrupted
            answered = wanted;
            if (answer.state === "picture") show(answer, values, performance.now() - start);
            else say(answer.sentence, answer.state === "refused");
        }
        isAsking = false;
    }

    function change() {
        newest++;
        follow();
    }

    // Beside the picture, or in its place.
    function say(sentence, isRefusal = false) {
        status.textContent = translated(sentence);
        status.hidden = false;
        status.classList.toggle("hypersd-problem", isRefusal);
        if (isRefusal) offer(null);
    }

    // What the buttons below keep and send.
    function offer(what) {
        picture = what;
        figure.hidden = !what;
        for (const button of root.querySelectorAll("[data-do=keep], [data-send]")) button.disabled = !what;
    }

    function show(answer, values, total) {
        offer({...values, image: answer.image, infotext: answer.infotext});
        seedOfPicture = values.seed;
        status.hidden = true;
        image.src = answer.image;
        image.alt = values.prompt;
        labelOf("negative").hidden = !answer.guided;
        notes.replaceChildren(...answer.notes.map((note) => {
            const item = document.createElement("li");
            item.textContent = note;
            return item;
        }));

        const inside = Object.values(answer.times).reduce((sum, one) => sum + one, 0);
        const times = {...answer.times, page: total - inside};
        const parts = Object.entries(times).filter(([, time]) => rounded(time) > 0);
        const where = parts.map(([name, time]) => answer.parts[name].replace("{time}", rounded(time))).join(", ");
        line.data = answer.caption.replace("{total}", rounded(total)).replace("{times}", where);
        caption.dataset.times = JSON.stringify({...times, total});
    }

    const labelOf = (name) => field(name).closest("label");

    // A picture starts from the scribble, or a ControlNet follows it.
    function showControl() {
        const isControlled = Boolean(field("control").value);
        labelOf("control").hidden = field("control").options.length === 1;
        labelOf("control_weight").hidden = !isControlled;
        labelOf("strength").hidden = isControlled;
    }

    // The ControlNets of a WebUI, which may have none.
    async function listControls() {
        const answer = await fetch(labelOf("control").dataset.list).catch(() => null);
        const names = answer?.ok ? (await answer.json()).model_list ?? [] : [];
        for (const name of names) {
            if (name !== "None") field("control").add(new Option(name));
        }
        showControl();
    }

    const actions = {
        redraw: change,
        keep: async () => say((await ask("/keep", picture)).sentence),
        interrupt: async () => {
            answered = newest;
            say((await ask("/interrupt", {})).sentence);
        },
    };
    root.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button?.dataset.send) send(button.dataset.send, picture);
        else actions[button?.dataset.do]?.();
    });
    root.addEventListener("input", (event) => {
        if (!event.target.name) return;
        if (["width", "height"].includes(event.target.name)) {
            scribble.resize(Number(field("width").value), Number(field("height").value));
        }
        showControl();
        change();
    });
    scribble.resize(Number(field("width").value), Number(field("height").value));
    showControl();
    if (labelOf("control").dataset.list) listControls();
    if (field("prompt").value) { // its picture is made when somebody looks
        new IntersectionObserver((entries, observer) => {
            if (!entries.some((entry) => entry.isIntersecting)) return;
            observer.disconnect();
            change();
        }).observe(root);
    }
};
