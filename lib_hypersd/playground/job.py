"""A job, which describes one picture, and how it is read from what somebody has typed; needs nothing but Python."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..recipes.settings import Settings, number, read_settings, refuse_value
from ..recipes.values import MOST_SEED, pixels, seed, text, truth
from ..wording import shown

__all__ = ["EXAMPLE", "NAMES", "Job", "Line", "Own", "read_job"]

EXAMPLE = "two red circles on the left, white background"


@dataclass(frozen=True)
class Own:
    """What is used where Hyper-SD is off, as the WebUI's own controls are."""

    steps: int = 20
    cfg: float = 7.0
    sampler: str = "DDIM-Trailing"
    schedule: str = "Trailing"
    eta: float = 0.0
    distilled_cfg: float = 3.5  # of FLUX alone, which takes its guidance as an input


@dataclass(frozen=True)
class Job:
    """One picture to make; width and height in pixels, None for what the model was trained for.

    ``init`` is an image to start from, Pillow's or a file (its path, or open); ``strength`` (0 to 1) of it may change.
    ``control`` is one for the ControlNet to follow; ``control_weight`` (0 to 2) is how much that counts, unless given
    what Hyper-SD's model card has with SDXL.
    """

    prompt: str
    negative: str = ""
    seed: int = 1
    width: int | None = None
    height: int | None = None
    init: Any = None
    strength: float = 0.75
    settings: Settings = field(default_factory=lambda: Settings(enabled=True))
    own: Own = field(default_factory=Own)
    control: Any = None
    control_weight: float = 0.5

    @property
    def is_controlled(self) -> bool:
        """Whether a control image counts."""
        return self.control is not None and self.control_weight > 0

    @property
    def control_weights(self) -> tuple[float, ...]:
        """Those of the ControlNets that are on."""
        return (self.control_weight,) if self.is_controlled else ()


@dataclass(frozen=True)
class Line:
    """A job of a batch: the number of its line, 0 outside a batch; whether its seed was given and not drawn."""

    number: int
    job: Job
    has_seed: bool = True


def file(value) -> Path:
    path = Path(text(value))
    if not path.is_file():
        raise ValueError("a file that exists")
    return path


READERS = {
    "prompt": text, "negative": text, "seed": seed, "width": pixels, "height": pixels,
    "init": file, "strength": number(0, 1), "control": file, "control_weight": number(0, 2), "base": truth,
}  # fmt: skip
NAMES = tuple(READERS)


def read_job(given: Mapping[str, Any]) -> tuple[Job | None, list[str], list[str]]:
    """A job from values by their names: those of ``READERS`` and those of the panel's settings; None is as not given.

    ``base`` true leaves Hyper-SD off; steps, CFG, sampler and schedule are used as they are then. Without a seed one
    is drawn.

    Returns:
        The job, or None and a sentence for each value that is off; a sentence for each key that was passed over.
    """
    rest = {key: value for key, value in given.items() if value is not None}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, reader in READERS.items():
        if name in rest:
            value = rest.pop(name)
            try:
                values[name] = reader(value)
            except ValueError as expected:
                problems.append(refuse_value(f"“{name}”", str(expected), shown(str(value)[:200])))
    if given.get("prompt") is None:
        problems.append("A prompt is needed.")
    settings, wrong, comments = read_settings([{**rest, "enabled": not values.pop("base", False)}])
    problems += wrong
    if problems:
        return None, problems, comments
    own = Own(*(getattr(settings, name) or getattr(Own, name) for name in asdict(Own())))
    values.setdefault("seed", random.randint(0, MOST_SEED))
    return Job(**values, settings=settings, own=own), [], comments
