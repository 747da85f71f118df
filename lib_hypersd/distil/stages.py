"""The stages of a run, in their order: 8 segments, then 4, 2 and 1, each from the one before (section 3.1)."""

from dataclasses import dataclass
from typing import Any

from .options import Options

__all__ = ["Stage", "stages_of"]

UNCONDITIONAL = 0.15  # the share of empty captions where guidance is left to the user


@dataclass(frozen=True)
class Stage:
    """A stage of training, which ends in a LoRA.

    Attributes:
        segments: how many the trajectory is cut into.
        start: the stage whose LoRA it begins with.
        kind: of the recipe of its LoRA, "fixed", "unified" or "cfg"; "" where it is only a step on the way.
        before: the stage whose LoRA shows a one-step stage where to go, "" for the teacher itself; None elsewhere.
        before_steps: in how many steps it does so.
        most_steps: that its LoRA serves.
        begins, ends: the shares of the whole training between which it lies.
    """

    name: str
    segments: int
    start: str | None
    kind: str
    begins: float
    ends: float
    before: str | None = None
    before_steps: int = 0
    most_steps: int = 0

    @property
    def keeps_guidance(self) -> bool:
        return self.kind == "cfg"

    def progress(self, share: float) -> float:
        """The share of the whole training when this share of the stage is over."""
        return self.begins + (self.ends - self.begins) * share


def stages_of(options: Options) -> tuple[Stage, ...]:
    steps = options.steps
    if not options.consistency:
        return (Stage("1step", 1, None, "fixed", 0.0, 1.0, before="", most_steps=1),)
    if options.cfg_preserved:
        n = steps[0]
        return (Stage(f"{n}steps-CFG", n, None, "cfg", 0.0, 1.0, most_steps=n),)
    has_one_step = steps[-1] == 1 and (options.score or options.unified)
    plan: list[dict[str, Any]] = []
    for n in steps:
        name = "1segment" if n == 1 and has_one_step else f"{n}step" + "s" * (n > 1)
        kind = "" if name == "1segment" else "fixed"
        start = plan[-1]["name"] if plan else None
        plan.append({"name": name, "segments": n, "start": start, "kind": kind, "most_steps": n})
    if has_one_step:
        kind, most = ("unified", steps[0]) if options.unified else ("fixed", 1)
        leader = {"before": plan[-2]["name"], "before_steps": steps[-2]} if len(plan) > 1 else {"before": ""}
        plan.append({"name": "1step", "segments": 1, "start": "1segment", "kind": kind, "most_steps": most, **leader})
    count = len(plan)
    return tuple(Stage(**values, begins=i / count, ends=(i + 1) / count) for i, values in enumerate(plan))
