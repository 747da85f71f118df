"""The sheet: one HTML file that shows what the LoRA draws beside its teacher, and how the held-out error falls."""

import base64
import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import torch

from ..writing import replace_text
from .measure import HeldOut
from .stages import Stage

__all__ = ["write_sheet"]

COLUMNS = (1, 2, 4, 8)  # steps
SHOWN = 4  # captions
EDGE = 256  # pixels that an image takes on the page
WIDTH, HEIGHT = 640, 160  # of a curve
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.5 sans-serif;margin:2em}}th,td{{padding:.3em;text-align:left;vertical-align:top}}
img{{width:{edge}px;image-rendering:auto}}svg{{background:#f4f4f4}}polyline{{fill:none;stroke:#2563eb;stroke-width:2}}
</style><h1>{title}</h1><p>{status}</p><table><tr><th></th>{heads}</tr>{rows}</table>{curves}</html>
"""


Errors = Mapping[str, Sequence[tuple[int, float]]]  # each stage's steps and held-out errors


def write_sheet(
    path: Path,
    title: str,
    status: str,
    stage: Stage,
    held_out: HeldOut,
    errors: Errors,
) -> None:
    """Write the page in one step."""
    columns = {"teacher": held_out.teacher[:SHOWN]}
    columns |= {f"{n} step" + "s" * (n > 1): held_out.draw(stage, n, SHOWN) for n in COLUMNS}
    pictures = {name: [picture(held_out, one) for one in latents] for name, latents in columns.items()}
    table = "".join(
        f"<tr><td>{html.escape(caption)}</td>" + "".join(f"<td>{of[i]}</td>" for of in pictures.values()) + "</tr>"
        for i, caption in enumerate(held_out.captions[:SHOWN])
    )
    text = PAGE.format(
        title=html.escape(title), status=html.escape(status), edge=EDGE, rows=table,
        heads="".join(f"<th>{html.escape(name)}</th>" for name in columns),
        curves="".join(curve(name, points) for name, points in errors.items() if points),
    )  # fmt: skip
    replace_text(path, text, "utf-8")


@torch.no_grad()
def picture(held_out: HeldOut, latents: torch.Tensor) -> str:
    """An image as an element of the page."""
    pixels = held_out.base.decode(latents[None])
    image = held_out.base.pipeline.pipe.image_processor.numpy_to_pil(pixels.permute(0, 2, 3, 1).cpu().numpy())[0]
    file = BytesIO()
    image.save(file, "PNG" if image.width <= EDGE else "JPEG")
    kind = "png" if image.width <= EDGE else "jpeg"
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}">'


def curve(name: str, points: Sequence[tuple[int, float]]) -> str:
    """The held-out error of a stage over its steps."""
    last, most = max(step for step, _ in points), max(error for _, error in points) or 1.0
    places = " ".join(
        f"{step / (last or 1) * WIDTH:.1f},{HEIGHT - error / most * HEIGHT:.1f}" for step, error in points
    )
    return (
        f"<h2>{html.escape(name)}: held-out image error {points[-1][1]:.4f} after {points[-1][0]} steps</h2>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"><polyline points="{places}"/></svg>'
    )
