// A canvas to scribble on: its value is the picture as a data URL, or null while nothing was drawn.
// gradio calls this with the component's element, its props and the trigger of its events.
const canvas = element.querySelector("canvas"), brush = canvas.getContext("2d");
const SENT = 256; // pixels along an edge of what is sent
const PAUSE = 40; // milliseconds between two strokes that are sent
let colour = element.querySelector("[data-colour]").dataset.colour, last = null, pause = null;

function clear() {
    brush.fillStyle = "#ffffff";
    brush.fillRect(0, 0, canvas.width, canvas.height);
}

function send(value) {
    clearTimeout(pause);
    pause = null;
    props.value = value;
    trigger("change");
}

function sendDrawing() {
    const small = document.createElement("canvas");
    small.width = small.height = SENT;
    small.getContext("2d").drawImage(canvas, 0, 0, SENT, SENT);
    send(small.toDataURL("image/png"));
}

function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.x) / box.width * canvas.width, (event.clientY - box.y) / box.height * canvas.height];
}

function draw(event) {
    const next = place(event);
    brush.strokeStyle = colour;
    brush.lineWidth = element.querySelector("input[type=range]").value;
    brush.lineCap = "round";
    brush.beginPath();
    brush.moveTo(...last);
    brush.lineTo(...next);
    brush.stroke();
    last = next;
    pause ??= setTimeout(sendDrawing, PAUSE);
}

canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
});
canvas.addEventListener("pointermove", (event) => { if (last) draw(event); });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });

for (const button of element.querySelectorAll("[data-colour]")) {
    button.style.background = button.dataset.colour;
    button.addEventListener("click", () => {
        colour = button.dataset.colour;
        for (const other of element.querySelectorAll("[data-colour]")) {
            other.setAttribute("aria-pressed", String(other === button));
        }
    });
}
element.querySelector(".hypersd-clear").addEventListener("click", () => {
    clear();
    send(null);
});
clear();
