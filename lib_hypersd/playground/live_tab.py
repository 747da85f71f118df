"""The page's live mode: whatever is typed or scribbled, a picture follows in one step. None of these is kept."""

import base64
import binascii
import io
from dataclasses import replace
from html import escape
from pathlib import Path

import gradio as gr

from .. import panel
from ..errors import HyperSDError
from .generate import Playground
from .job import EXAMPLE, Job, read_job

__all__ = ["build_live_tab"]

COLOURS = {
    "red": "#e11d48", "orange": "#f97316", "yellow": "#facc15", "green": "#16a34a", "blue": "#2563eb",
    "purple": "#7c3aed", "black": "#111827", "white": "#ffffff",
}  # fmt: skip
BUTTON = '<button type="button" data-colour="{}" aria-label="{}" aria-pressed="{}"></button>'
BUTTONS = "".join(BUTTON.format(code, name, "true" if name == "red" else "false") for name, code in COLOURS.items())
SCRIBBLE = f"""
<canvas width="512" height="512" role="img" aria-label="Scribble here"></canvas>
<div class="hypersd-tools">
    {BUTTONS}
    <input type="range" min="4" max="96" value="40" aria-label="Width of the brush">
    <button class="hypersd-clear" type="button">Clear</button>
</div>
"""


def build_live_tab(blocks: gr.Blocks, playground: Playground, picture_classes: list[str]) -> None:
    """Build the tab inside the open ``blocks``, and have it follow."""
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
            picture = gr.HTML(elem_id="hypersd_live", elem_classes=picture_classes)
            strength = gr.Slider(
                0, 1, Job.strength, step=0.05, label="How far the picture may leave the scribble",
                elem_id="hypersd_live_strength",
            )  # fmt: skip

    def follow(prompt: str, seed: float | None, drawing: str | None, strength: float) -> str:
        return draw(playground, {"prompt": prompt, "seed": seed, "strength": strength}, drawing)

    # A page has one request under way. Of the changes meanwhile only the newest follows; the others are dropped.
    gr.on(
        [blocks.load, prompt.change, seed.change, canvas.change, strength.change],
        follow, [prompt, seed, canvas, strength], picture,
        trigger_mode="always_last", queue=False, show_progress="hidden",
    )  # fmt: skip


def draw(playground: Playground, values: dict, drawing: str | None) -> str:
    """A picture in one step, as HTML with the time that it took; ``drawing`` is the canvas' data URL, if any."""
    job, problems, _ = read_job({**values, "steps": 1})
    if job is None:
        return panel.render_sentence("problem", " ".join(problems))
    try:
        init = io.BytesIO(base64.b64decode(drawing.partition(",")[2])) if drawing else None
        picture = playground.run(replace(job, init=init))
    except (HyperSDError, binascii.Error) as refusal:
        return panel.render_sentence("problem", str(refusal))
    content = io.BytesIO()
    picture.image.save(content, "PNG")
    source = base64.b64encode(content.getvalue()).decode()
    return (
        f'<figure><img alt="{escape(job.prompt)}" src="data:image/png;base64,{source}">'
        f"<figcaption>1 step in {picture.seconds * 1000:.0f} ms</figcaption></figure>"
    )
