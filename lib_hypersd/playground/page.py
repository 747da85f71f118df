"""The playground's page: the WebUI's panel over a diffusers pipeline, a ladder of steps, and a live mode."""

import base64
import binascii
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from .. import panel
from ..download.downloads import Downloads
from ..errors import HyperSDError
from ..plan import Memory
from ..recipes.memory import Entry, Memories
from ..recipes.settings import FIELDS
from ..sampling.schedules import TIMESTEPS, is_flow
from .errors import RefusedJob, Unservable
from .files import save
from .generate import SAMPLERS, Interrupted, Picture, Playground
from .job import Job, Own, read_job
from .models import SMALL

__all__ = ["EXAMPLE", "Page", "serve"]

ROOT = Path(__file__).parents[2]
EXAMPLE = "two red circles on the left, white background"
LADDER = (1, 2, 4, 8)
MOST_PICTURES = 24
COLOURS = {
    "red": "#e11d48", "orange": "#f97316", "yellow": "#facc15", "green": "#16a34a", "blue": "#2563eb",
    "purple": "#7c3aed", "black": "#111827", "white": "#ffffff",
}  # fmt: skip
SCRIBBLE = """
<canvas width="512" height="512" role="img" aria-label="Scribble here"></canvas>
<div class="hypersd-tools">
    {buttons}
    <input type="range" min="4" max="96" value="40" aria-label="Width of the brush">
    <button class="hypersd-clear" type="button">Clear</button>
</div>
""".replace(
    "{buttons}",
    "".join(
        f'<button type="button" data-colour="{value}" aria-label="{name}" aria-pressed="{str(name == "red").lower()}">'
        "</button>"
        for name, value in COLOURS.items()
    ),
)
# gradio's own greys of lesser text are too pale to read.
LEGIBLE = {
    name: value
    for part in ("body_text_color_subdued", "block_info_text_color", "input_placeholder_color")
    for name, value in ((part, "*neutral_500"), (f"{part}_dark", "*neutral_400"))
}
QUIET = {"show_progress": "hidden"}
TAB = "txt2img"  # so that the WebUI's script finds the controls
OWN = ("steps", "cfg", "sampler", "schedule")  # of the model itself, used where Hyper-SD is off
# What the page asks for, in the order of its controls: its own, and then the panel's.
ASKED = (
    "prompt", "negative", "seed", "width", "height", "init", "strength", *(f"own_{name}" for name in OWN),
    "enabled", *(field.name for field in FIELDS),
)  # fmt: skip

# What a WebUI's page offers to the scripts of extensions.
WEBUI = """
const gradioApp = () => document;
const opts = {sd_model_checkpoint: ""};
const loaded = [], onUiLoaded = (callback) => loaded.push(callback);
"""
LOADED = "() => loaded.forEach((callback) => callback())"


class Page:
    """The page and what stands behind it; ``blocks`` is the gradio app.

    Args:
        out: the folder where pictures are kept; those of the live mode are not.
        downloads: fetch LoRAs that are missing, where that makes sense for the model.
        first: pictures to begin with, as path and caption.
    """

    def __init__(self, playground: Playground, out: Path, downloads: Downloads, first: Sequence[tuple[str, str]] = ()):
        self.playground, self.out, self.downloads = playground, out, downloads
        self.memories = Memories(out / "hypersd-checkpoints.json")
        self.recall()
        self.running: set[threading.Event] = set()  # set to end each picture that is being made
        width, height = playground.loaded.size
        # Small pictures are shown larger than they are, pixel by pixel.
        self.small = ["hypersd-small"] if max(width, height) <= SMALL else []
        with gr.Blocks(title="Hyper-SD playground", fill_width=True) as self.blocks:
            gr.HTML(
                "<h1>Hyper-SD playground</h1><p>Pictures in 1 to 8 steps, here with "
                f"<b>{escape(playground.loaded.model.name)}</b>. The panel, the plan, the samplers and the infotext "
                "are those of the WebUI.</p>",
                elem_id="hypersd_title",
            )
            with gr.Tab("Generate"):
                self.generate_tab(list(first))
            with gr.Tab("Live"):
                self.live_tab()
            self.blocks.load(js=LOADED)

    def generate_tab(self, first: list) -> None:
        width, height = self.playground.loaded.size
        with gr.Row():
            with gr.Column(scale=5, min_width=360):
                prompt = gr.Textbox(EXAMPLE, label="Prompt", lines=2, max_lines=6, elem_id=f"{TAB}_prompt")
                negative = gr.Textbox(label="Negative prompt", lines=1, max_lines=4, elem_id=f"{TAB}_neg_prompt")
                with gr.Row():
                    start = gr.Button("Generate", variant="primary", elem_id="hypersd_generate")
                    ladder = gr.Button("Ladder 1 · 2 · 4 · 8", elem_id="hypersd_ladder")
                    stop = gr.Button("Interrupt", elem_id="hypersd_interrupt")
                built = panel.build(gr, section, TAB, self.backend(), prompt)
                with gr.Accordion("Without Hyper-SD", elem_id="hypersd_own"):
                    with gr.Row():
                        steps = gr.Slider(1, 50, Own.steps, step=1, label="Steps", elem_id=f"{TAB}_steps")
                        cfg = gr.Slider(1, 15, Own.cfg, step=0.5, label="CFG scale", elem_id=f"{TAB}_cfg_scale")
                    with gr.Row():
                        sampler = gr.Dropdown(
                            list(SAMPLERS), value=Own.sampler, label="Sampler", elem_id=f"{TAB}_sampling"
                        )
                        schedule = gr.Dropdown(self.schedules(), label="Schedule", elem_id=f"{TAB}_scheduler")
            with gr.Column(scale=6, min_width=360):
                gallery = gr.Gallery(
                    first, label="Pictures", columns=4, object_fit="contain", height=440, format="png",
                    elem_id="hypersd_gallery", elem_classes=self.small, interactive=False,
                )  # fmt: skip
                said = gr.HTML(elem_id="hypersd_said")
                infotext = gr.Textbox(
                    infotext_of(first), label="Infotext of the chosen picture", lines=4, max_lines=12,
                    interactive=False, buttons=["copy"], elem_id="hypersd_infotext",
                )  # fmt: skip
                with gr.Row():
                    seed = gr.Number(1, label="Seed", precision=0, elem_id="hypersd_seed")
                    wide = gr.Number(width, label="Width", precision=0, step=16, elem_id="hypersd_width")
                    high = gr.Number(height, label="Height", precision=0, step=16, elem_id="hypersd_height")
                with gr.Accordion("Start from an image", open=False):
                    init = gr.Image(type="pil", label="Image", height=240, elem_id="hypersd_init")
                    strength = gr.Slider(0, 1, Job.strength, step=0.05, label="How much of it may change")

        kept = gr.State(first)
        own = [steps, cfg, sampler, schedule]
        asked = [prompt, negative, seed, wide, high, init, strength, *own, *built.controls, kept]
        shown = {"outputs": [gallery, infotext, said, kept], "concurrency_id": "model", "show_progress_on": gallery}
        gr.on([start.click, prompt.submit], self.generate, asked, **shown)
        ladder.click(self.ladder, asked, **shown)
        stop.click(self.interrupt, queue=False, **QUIET)
        gallery.select(chosen, kept, infotext, queue=False, **QUIET)

    def live_tab(self) -> None:
        with gr.Row():
            prompt = gr.Textbox(
                EXAMPLE, label="Type, and the picture follows, in one step", scale=6, elem_id="hypersd_live_prompt"
            )
            seed = gr.Number(1, label="Seed", precision=0, min_width=100, elem_id="hypersd_live_seed")
        with gr.Row():
            with gr.Column(min_width=320):
                canvas = gr.HTML(
                    html_template=SCRIBBLE, js_on_load=Path(__file__).with_name("scribble.js").read_text("utf-8"),
                    elem_id="hypersd_canvas",
                )  # fmt: skip
            with gr.Column(min_width=320):
                picture = gr.HTML(elem_id="hypersd_live", elem_classes=self.small)
                strength = gr.Slider(
                    0, 1, Job.strength, step=0.05, label="How far the picture may leave the scribble",
                    elem_id="hypersd_live_strength",
                )  # fmt: skip
        # A page has one request under way. Of what is asked meanwhile only the newest follows; the rest is dropped.
        gr.on(
            [self.blocks.load, prompt.change, seed.change, canvas.change, strength.change],
            self.live, [prompt, seed, canvas, strength], picture,
            trigger_mode="always_last", queue=False, **QUIET,
        )  # fmt: skip

    def backend(self) -> panel.Backend:
        here = self.playground
        return panel.Backend(
            lambda: here.catalog,
            lambda: here.loaded.model,
            here.loras.files,
            here.request,
            lambda: None,
            self.downloads,
            self.remember,
        )

    def remember(self, memory: Memory) -> None:
        """Keep what is said of the checkpoint, beside the pictures."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.memories.keep(Entry(*self.checkpoint(), memory=memory))
        self.recall()

    def recall(self) -> None:
        loaded = self.playground.loaded
        loaded.model = replace(loaded.model, memory=self.memories.find(*self.checkpoint()))

    def checkpoint(self) -> tuple[str, int]:
        """The name and the size by which the checkpoint is known again."""
        model = self.playground.loaded.model
        return model.name, Path(model.path).stat().st_size if model.path else 0

    def schedules(self) -> list[str]:
        return ["Simple"] if is_flow(self.playground.loaded.sigmas) else list(TIMESTEPS)

    def generate(self, *values, progress=gr.Progress()):  # noqa: B008, where gradio looks for it
        *asked, kept = values
        yield from self.make([lambda: job_of(asked)], kept, progress)

    def ladder(self, *values, progress=gr.Progress()):  # noqa: B008
        *asked, kept = values
        yield from self.make([partial(job_of, asked, steps=n, enabled=True) for n in LADDER], kept, progress)

    def make(self, jobs: Sequence[Callable[[], Job]], kept: list, progress) -> Iterator[tuple]:
        """Make pictures one after the other; after each: the gallery, an infotext, what there is to say, the gallery
        again, to be kept."""
        new: list[tuple[str, str]] = []
        said: list[str] = []

        def shown():
            pictures = [*new, *kept][:MOST_PICTURES]
            return pictures, infotext_of(pictures), "".join(said), pictures

        with self.stoppable() as stopped:
            for index, read in enumerate(jobs):

                def tell(step, steps, index=index):
                    progress((index * steps + step, len(jobs) * steps), desc=f"Step {step} of {steps}", unit="steps")

                try:
                    job = read()
                    picture = self.playground.run(job, tell, stopped.is_set)
                    path = save(picture.image, picture.infotext, self.out, str(job.seed))
                except Interrupted:
                    said.append(panel.status("tag", "Interrupted."))
                    break
                except HyperSDError as refusal:
                    said.append(panel.status("problem", str(refusal)))
                else:
                    new.append((str(path), caption(picture)))
                    notes = self.playground.warnings(job, picture.plan)
                    said.append(panel.status("on", picture.plan.sentence, notes=notes))
                yield shown()
        yield shown()

    @contextmanager
    def stoppable(self) -> Iterator[threading.Event]:
        stopped = threading.Event()
        self.running.add(stopped)
        try:
            yield stopped
        finally:
            self.running.discard(stopped)

    def interrupt(self) -> None:
        for stopped in list(self.running):
            stopped.set()

    def live(self, prompt: str, seed, drawn: str | None, strength: float) -> str:
        """A picture in one step, as HTML with the time that it took."""
        job, problems, _ = read_job({"prompt": prompt, "seed": seed, "strength": strength, "steps": 1})
        if job is None:
            return panel.status("problem", " ".join(problems))
        try:
            picture = self.playground.run(replace(job, init=scribble(drawn)))
        except (HyperSDError, binascii.Error) as refusal:
            return panel.status("problem", str(refusal))
        content = io.BytesIO()
        picture.image.save(content, "PNG")
        source = base64.b64encode(content.getvalue()).decode()
        return (
            f'<figure><img alt="{escape(prompt)}" src="data:image/png;base64,{source}">'
            f"<figcaption>1 step in {picture.seconds * 1000:.0f} ms</figcaption></figure>"
        )


def job_of(asked: Sequence, **fixed) -> Job:
    """What the page's controls ask for, with some values of the panel fixed.

    Raises:
        RefusedJob: a sentence for each value that is off.
    """
    values = dict(zip(ASKED, asked, strict=True)) | fixed
    init, own = values.pop("init"), {name: values.pop(f"own_{name}") for name in OWN}
    base = not values.pop("enabled")
    job, problems, _ = read_job({**values, "base": base, **(own if base else {})})
    if job is None:
        raise RefusedJob(" ".join(problems))
    return replace(job, init=init)


def scribble(drawn: str | None) -> io.BytesIO | None:
    """The file in the canvas' data URL; None while nothing was drawn."""
    return io.BytesIO(base64.b64decode(drawn.partition(",")[2])) if drawn else None


@contextmanager
def section(value: bool, label: str, elem_id: str) -> Iterator[gr.Checkbox]:
    """The panel's section, open and on: the playground is there to show it."""
    with gr.Accordion(label, elem_id=elem_id):
        yield gr.Checkbox(True, label="Use Hyper-SD", elem_id=f"{elem_id}-checkbox")


def caption(picture: Picture) -> str:
    steps = f"{picture.plan.steps} step{'s' if picture.plan.steps > 1 else ''}"
    return f"{steps}, {'Hyper-SD' if picture.plan.recipe else 'base'}, {picture.seconds:.1f} s"


def infotext_of(pictures: Sequence[tuple[str, str]], index: int = 0) -> str:
    """The infotext in one of the gallery's pictures; nothing where there is none."""
    if not pictures:
        return ""
    with Image.open(pictures[index][0]) as image:
        return image.info.get("parameters", "")


def chosen(kept: list, choice: gr.SelectData) -> str:
    return infotext_of(kept, choice.index)


def serve(playground: Playground, out: Path, downloads: Downloads, first: list, host: str, port: int | None) -> None:
    """Serve the page until somebody ends it; raises Unservable where that address is not free."""
    page = Page(playground, out, downloads, first)
    options = {"server_name": host, "server_port": port, "allowed_paths": [str(out.resolve())]}
    try:
        _, url, _ = page.blocks.launch(**options, prevent_thread_lock=True, quiet=True, **looks())
    except OSError as error:
        where = host if port is None else f"{host}, port {port}"
        raise Unservable(f"The page cannot be served at {where}; give another with --port.") from error
    print(f"The page is at {url} until you press Ctrl+C.", flush=True)
    page.blocks.block_thread()


def looks() -> dict:
    """What the page is launched with: the WebUI extension's own style and script, and a little of the page's."""
    script = WEBUI + (ROOT / "javascript" / "hypersd.js").read_text(encoding="utf-8")
    styles = [ROOT / "style.css", Path(__file__).with_name("page.css")]
    return {
        "css": "\n".join(path.read_text(encoding="utf-8") for path in styles),
        "head": f"<script>{script}</script>",
        "theme": gr.themes.Default(spacing_size="sm").set(**LEGIBLE),
        "footer_links": [],
        "show_error": True,
    }
