"""The page's live mode: whatever is typed or scribbled, a picture follows. Only what somebody keeps becomes a file."""

import io
import threading
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import HyperSDError
from ..live.answers import INTERRUPTED, Picture, refuse, say, show, wait
from ..live.markup import Page, render
from ..live.redraw import Redraw, decode_png, read_redraw
from ..recipes.settings import Settings
from ..wording import fill
from .files import open_image, save
from .generate import Interrupted, Playground
from .job import EXAMPLE, Job

__all__ = ["LiveTab"]

BEGIN = "window.hypersdLive(element.querySelector('#hypersd_live'))"


class LiveTab:
    """Built inside the open Blocks; what is kept goes into the folder ``out``. Each answer is that of a route."""

    def __init__(self, playground: Playground, out: Path, small: bool):
        self.playground, self.out, self.stop = playground, out, threading.Event()
        width, height = playground.pipeline.size
        controls = [playground.controlnet.name] if playground.controlnet else []
        page = Page(EXAMPLE, width, height, small=small, controls=controls)
        gr.HTML(html_template=render(page), js_on_load=BEGIN)

    def draw(self, payload: dict) -> dict[str, Any]:
        """The picture of what the page holds; one that is being made for somebody else comes first."""
        if self.playground.lock.locked():
            return wait()
        self.stop.clear()
        try:
            picture = self.playground.run(job_of(read_redraw(payload)), is_interrupted=self.stop.is_set)
        except Interrupted:
            return say(INTERRUPTED)
        except HyperSDError as refusal:
            return refuse(str(refusal))
        plan = picture.plan
        return show(Picture(picture.image, picture.infotext, plan.steps, plan.cfg > 1, picture.times))

    def interrupt(self, payload: dict) -> dict[str, Any]:
        self.stop.set()
        return say(INTERRUPTED)

    def keep(self, payload: dict) -> dict[str, Any]:
        try:
            redraw, image = read_redraw(payload), open_image(io.BytesIO(decode_png(payload.get("image"))))
            path = save(image, str(payload.get("infotext") or ""), self.out, str(redraw.seed))
        except (HyperSDError, ValueError) as problem:
            return refuse(str(problem))
        return say(fill("Kept as {path}.", path=path))


def job_of(redraw: Redraw) -> Job:
    """The job that makes a redraw's picture."""
    init, control = (io.BytesIO(decode_png(url)) if url else None for url in (redraw.start, redraw.lines))
    settings = Settings(enabled=True, steps=redraw.steps)
    return Job(
        redraw.prompt, redraw.negative, redraw.seed, redraw.width, redraw.height, init, redraw.strength, settings,
        control=control, control_weight=redraw.control_weight,
    )  # fmt: skip
