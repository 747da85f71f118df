// A canvas to scribble on, in the markup of lib_hypersd/live/markup.py; changed() is called after each stroke.
window.hypersdScribble = function(element, changed) {
    const EDGE = 512; // pixels along the longer edge of the canvas
    const SENT = 256; // and of what is sent
    const canvas = element.querySelector("canvas"), brush = canvas.getContext("2d");
    const colours = element.querySelectorAll("[data-colour]");
    let colour, isBlank, last = null;

    function copy(scale) {
        const small = document.createElement("canvas");
        small.width = Math.round(canvas.width * scale);
        small.height = Math.round(canvas.height * scale);
        small.getContext("2d").drawImage(canvas, 0, 0, small.width, small.height);
        return small;
    }

    function clear() {
        brush.fillStyle = "#ffffff";
        brush.fillRect(0, 0, canvas.width, canvas.height);
        isBlank = true;
    }

    // Take the shape of the picture, and keep what was drawn.
    function resize(width, height) {
        const scale = EDGE / Math.max(width, height), before = copy(1);
        if (!(scale > 0)) return;
        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(height * scale);
        brush.drawImage(before, 0, 0, canvas.width, canvas.height);
    }

    function place(event) {
        const box = canvas.getBoundingClientRect();
        return [(event.clientX - box.x) / box.width * canvas.width, (event.clientY - box.y) / box.height * canvas.height];
    }

    function draw(event) {
        const next = place(event);
        brush.strokeStyle = colour;
        brush.lineWidth = element.querySelector("[data-brush]").value;
        brush.lineCap = "round";
        brush.beginPath();
        brush.moveTo(...last);
        brush.lineTo(...next);
        brush.stroke();
        last = next;
        isBlank = false;
        changed();
    }

    function choose(button) {
        colour = button.dataset.colour;
        for (const other of colours) other.setAttribute("aria-pressed", String(other === button));
    }

    canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        last = place(event);
        draw(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (last) draw(event); });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    for (const button of colours) {
        button.style.background = button.dataset.colour;
        button.addEventListener("click", () => choose(button));
    }
    element.querySelector("[data-do=clear]").addEventListener("click", () => { clear(); changed(); });
    choose(colours[0]);
    clear();

    // White where something was drawn, in whatever colour, on black: as ControlNets are given a scribble.
    function toLines(small) {
        const context = small.getContext("2d"), image = context.getImageData(0, 0, small.width, small.height);
        for (let i = 0; i < image.data.length; i += 4) {
            const pixel = image.data.subarray(i, i + 3);
            pixel.fill(Math.min(...pixel) < 128 ? 255 : 0);
        }
        context.putImageData(image, 0, 0);
        return small;
    }

    // drawing(asLines): what was drawn, or its lines, as a PNG's data URL; null where nothing was.
    function drawing(asLines) {
        if (isBlank) return null;
        const small = copy(SENT / EDGE);
        return (asLines ? toLines(small) : small).toDataURL("image/png");
    }

    return {resize, drawing};
};
