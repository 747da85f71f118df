"""The page's first tab: the panel, a model's own controls, and pictures of one or of a ladder of steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from .. import panel
from ..recipes.settings import FIELDS
from ..sampling.samplers import LOOPS
from ..sampling.schedules import TIMESTEPS, is_flow
from .errors import RefusedJob
from .job import EXAMPLE, Job, Own, read_job
from .series import Captioned, Series, read_infotext

__all__ = ["TAB", "GenerateTab"]

TAB = "playground"  # what the ids of the panel and of the controls that it overrides have in them
LADDER = (1, 2, 4, 8)
MOST_PICTURES = 24
OWN = ("steps", "cfg", "sampler", "schedule")  # of the model itself, used where Hyper-SD is off
QUIET = {"queue": False, "show_progress": "hidden"}


class GenerateTab:
    """The tab's components, built inside the open gradio Blocks, and their handlers.

    A job is read from ``controls``, by the names of ``read_job`` and of the panel's settings; those used where Hyper-SD
    is off are called ``own_…``.

    Args:
        first: pictures to begin with.
    """

    def __init__(self, series: Series, backend: panel.Backend, first: list[Captioned], picture_classes: list[str]):
        self.series = series
        self.controls: dict[str, gr.components.Component] = {}
        with gr.Row():
            with gr.Column(scale=5, min_width=360):
                self.build_prompts()
                self.build_panel(backend)
            with gr.Column(scale=6, min_width=360):
                self.build_results(first, picture_classes)
                self.build_image_controls()
        inputs = {*self.controls.values(), self.pictures}
        options = {
            "outputs": [self.gallery, self.infotext, self.messages, self.pictures],
            "concurrency_id": "model", "show_progress_on": self.gallery,
        }  # fmt: skip
        gr.on([self.start.click, self.controls["prompt"].submit], self.generate, inputs, **options)
        self.ladder.click(self.generate_ladder, inputs, **options)
        self.stop.click(series.interrupt, **QUIET)
        self.gallery.select(choose, self.pictures, self.infotext, **QUIET)

    def build_prompts(self) -> None:
        self.controls["prompt"] = gr.Textbox(EXAMPLE, label="Prompt", lines=2, max_lines=6, elem_id=f"{TAB}_prompt")
        self.controls["negative"] = gr.Textbox(label="Negative prompt", lines=1, max_lines=4)
        with gr.Row():
            self.start = gr.Button("Generate", variant="primary", elem_id="hypersd_generate")
            self.ladder = gr.Button("Ladder 1 · 2 · 4 · 8", elem_id="hypersd_ladder")
            self.stop = gr.Button("Interrupt", elem_id="hypersd_interrupt")

    def build_panel(self, backend: panel.Backend) -> None:
        names = ("enabled", *(field.name for field in FIELDS))
        built = panel.build(gr, section, TAB, backend, self.controls["prompt"])
        self.controls |= zip(names, built.controls, strict=True)
        flow = is_flow(self.series.playground.pipeline.sigmas)
        with gr.Accordion("Without Hyper-SD", elem_id="hypersd_own"):
            with gr.Row():
                steps = gr.Slider(1, 50, Own.steps, step=1, label="Steps", elem_id=f"{TAB}_steps")
                cfg = gr.Slider(1, 15, Own.cfg, step=0.5, label="CFG scale", elem_id=f"{TAB}_cfg_scale")
            with gr.Row():
                sampler = gr.Dropdown(list(LOOPS), value=Own.sampler, label="Sampler", elem_id=f"{TAB}_sampling")
                schedule = gr.Dropdown(
                    ["Simple"] if flow else list(TIMESTEPS), label="Schedule", elem_id=f"{TAB}_scheduler"
                )
        self.controls |= {"own_steps": steps, "own_cfg": cfg, "own_sampler": sampler, "own_schedule": schedule}

    def build_results(self, first: list[Captioned], picture_classes: list[str]) -> None:
        self.pictures = gr.State(first)
        self.gallery = gr.Gallery(
            first, label="Pictures", columns=4, object_fit="contain", height=440, format="png",
            elem_id="hypersd_gallery", elem_classes=picture_classes, interactive=False,
        )  # fmt: skip
        self.messages = gr.HTML(elem_id="hypersd_messages")
        self.infotext = gr.Textbox(
            read_infotext(first), label="Infotext of the chosen picture", lines=4, max_lines=12,
            interactive=False, buttons=["copy"], elem_id="hypersd_infotext",
        )  # fmt: skip

    def build_image_controls(self) -> None:
        width, height = self.series.playground.pipeline.size
        with gr.Row():
            self.controls |= {
                "seed": gr.Number(1, label="Seed", precision=0, elem_id="hypersd_seed"),
                "width": gr.Number(width, label="Width", precision=0, step=16, elem_id="hypersd_width"),
                "height": gr.Number(height, label="Height", precision=0, step=16, elem_id="hypersd_height"),
            }
        with gr.Accordion("Start from an image", open=False):
            self.controls |= {
                "init": gr.Image(type="pil", label="Image", height=240, elem_id="hypersd_init"),
                "strength": gr.Slider(0, 1, Job.strength, step=0.05, label="How much of it may change"),
            }
        if self.series.playground.controlnet:
            self.build_control()

    def build_control(self) -> None:
        with gr.Accordion("Follow a drawing", open=False, elem_id="hypersd_control"):
            self.controls |= {
                "control": gr.Image(type="pil", label="Control image", height=240, elem_id="hypersd_control_image"),
                "control_weight": gr.Slider(
                    0, 2, Job.control_weight, step=0.05, label="Weight", elem_id="hypersd_control_weight"
                ),
            }

    def generate(self, inputs: dict, progress=gr.Progress()) -> Iterator[dict]:  # noqa: B008, where gradio expects it
        yield from self.make([partial(job_of, self.values(inputs))], inputs[self.pictures], progress)

    def generate_ladder(self, inputs: dict, progress=gr.Progress()) -> Iterator[dict]:  # noqa: B008
        values = self.values(inputs)
        jobs = [partial(job_of, {**values, "steps": steps, "enabled": True}) for steps in LADDER]
        yield from self.make(jobs, inputs[self.pictures], progress)

    def values(self, inputs: dict) -> dict[str, Any]:
        """The values of the controls by their names, from those that gradio gives by component."""
        return {name: inputs[control] for name, control in self.controls.items()}

    def make(self, jobs: Sequence[Callable[[], Job]], old: list[Captioned], progress) -> Iterator[dict]:
        def show(index: int, step: int, steps: int) -> None:
            progress((index * steps + step, len(jobs) * steps), desc=f"Step {step} of {steps}", unit="steps")

        for new, messages in self.series.make(jobs, show):
            pictures = [*new, *old][:MOST_PICTURES]
            yield {
                self.gallery: pictures,
                self.pictures: pictures,
                self.infotext: read_infotext(pictures),
                self.messages: messages,
            }


def job_of(values: Mapping[str, Any]) -> Job:
    """The job that the controls describe.

    Raises:
        RefusedJob: a sentence for each value that is off.
    """
    rest = dict(values)
    images = {name: rest.pop(name, None) for name in ("init", "control")}
    own = {name: rest.pop(f"own_{name}") for name in OWN}
    base = not rest.pop("enabled")
    job, problems, _ = read_job({**rest, "base": base, **(own if base else {})})
    if job is None:
        raise RefusedJob(" ".join(problems))
    return replace(job, **images)


@contextmanager
def section(value: bool, label: str, elem_id: str) -> Iterator[gr.Checkbox]:
    """The panel's section, open and on: to show it is what the playground is for."""
    with gr.Accordion(label, elem_id=elem_id):
        yield gr.Checkbox(True, label="Use Hyper-SD", elem_id=f"{elem_id}-checkbox")


def choose(pictures: list[Captioned], choice: gr.SelectData) -> str:
    return read_infotext(pictures, choice.index)
