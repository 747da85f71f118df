"""Pictures made one after the other, as files, until somebody interrupts."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from .. import panel
from ..errors import HyperSDError
from .files import save
from .generate import Interrupted, Picture, Playground
from .job import Job

__all__ = ["Captioned", "Progress", "Series", "read_infotext"]

Captioned = tuple[str, str]  # a picture's path and its caption
Progress = Callable[[int, int, int], None]  # gets which picture of the series this is, its step, its steps


@dataclass
class Series:
    """Makes pictures; ``out`` is the folder where they are kept."""

    playground: Playground
    out: Path
    running: set[threading.Event] = field(default_factory=set)  # each ends one series, once it is set

    def make(self, jobs: Sequence[Callable[[], Job]], progress: Progress) -> Iterator[tuple[list[Captioned], str]]:
        """After each job, whether or not it was refused: all pictures so far, and what there is to say, as HTML."""
        pictures: list[Captioned] = []
        messages = ""
        with self.interruptible() as stop:
            for index, read in enumerate(jobs):
                try:
                    job = read()
                    picture = self.playground.run(job, partial(progress, index), stop.is_set)
                    path = save(picture.image, picture.infotext, self.out, str(job.seed))
                except Interrupted:
                    messages += panel.render_sentence("tag", "Interrupted.")
                    break
                except HyperSDError as refusal:
                    messages += panel.render_sentence("problem", str(refusal))
                else:
                    pictures.append((str(path), caption(picture)))
                    notes = self.playground.warnings(job, picture.plan)
                    messages += panel.render_sentence("on", picture.plan.sentence, notes=notes)
                yield pictures, messages
        yield pictures, messages

    @contextmanager
    def interruptible(self) -> Iterator[threading.Event]:
        stop = threading.Event()
        self.running.add(stop)
        try:
            yield stop
        finally:
            self.running.discard(stop)

    def interrupt(self) -> None:
        for stop in list(self.running):
            stop.set()


def caption(picture: Picture) -> str:
    steps = f"{picture.plan.steps} step{'s' if picture.plan.steps > 1 else ''}"
    return f"{steps}, {'Hyper-SD' if picture.plan.recipe else 'base'}, {picture.seconds:.1f} s"


def read_infotext(pictures: Sequence[Captioned], index: int = 0) -> str:
    """The infotext in one of the pictures; empty where there is none."""
    if not pictures:
        return ""
    with Image.open(pictures[index][0]) as image:
        return image.info.get("parameters", "")
