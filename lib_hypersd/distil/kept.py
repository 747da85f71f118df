"""What a run keeps in its folder, so that it can be killed at any moment and goes on as if it had not been."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..wording import shown
from ..writing import replace_text
from .errors import RefusedRun
from .options import Options, name_of, recipe_of
from .writing import save_state

__all__ = ["Progress", "Run"]

Errors = dict[str, list[tuple[int, float]]]


@dataclass
class Progress:
    """How far a stage has come.

    Attributes:
        step: steps that are done.
        seconds: that the run has taken until then, all its stages and sessions together.
        errors: the held-out errors of this stage and of those before it, each with its step.
        student: what :meth:`Student.state` was then; of a finished stage its average alone.
    """

    step: int = 0
    seconds: float = 0.0
    finished: bool = False
    errors: Errors = field(default_factory=dict)
    student: dict[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """The folder of a run."""

    folder: Path

    def begin(self, options: Options) -> None:
        """Keep the options of a new run, or compare them with those of the run that goes on.

        Raises:
            RefusedRun: there is a run and nobody said to go on with it, or it had other options.
        """
        file, wanted = self.folder / "options.json", recipe_of(options)
        if not file.exists():
            (self.folder / "state").mkdir(parents=True, exist_ok=True)
            replace_text(file, json.dumps(wanted, indent=1), "utf-8")
            return
        if not options.resume:
            raise RefusedRun(f"{shown(str(self.folder))} holds a run: go on with --resume, or give another --out.")
        kept = json.loads(file.read_text("utf-8"))
        other = [name for name in wanted if kept.get(name) != wanted[name]]
        if other:
            name = other[0]
            raise RefusedRun(
                f"The run in {shown(str(self.folder))} has {name_of(name)} {kept.get(name)}, not {wanted[name]}: "
                "give it the same options, or another --out."
            )

    def path(self, stage: str) -> Path:
        return self.folder / "state" / f"{stage}.pt"

    def progress(self, stage: str) -> Progress:
        path = self.path(stage)
        if not path.exists():
            return Progress()
        return Progress(**torch.load(path, map_location="cpu", weights_only=True))

    def save(self, stage: str, progress: Progress) -> None:
        save_state(vars(progress), self.path(stage))

    def average(self, stage: str | None) -> Mapping[str, torch.Tensor] | None:
        """The moving average of a finished stage; None of none."""
        if not stage:
            return None
        student = self.progress(stage).student
        return student["average"] if student else None
