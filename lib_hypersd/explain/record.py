"""What an image says of how it was made, in one form for all programs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import HyperSDError

__all__ = ["Record", "Unreadable", "find_number", "find_text", "find_whole", "write_tag"]


class Unreadable(HyperSDError):
    """Nothing is said of how an image was made, or not in a form that is known."""


@dataclass(frozen=True)
class Record:
    """What an image says; what it does not say is None or empty.

    ``source`` is what it was read from, for sentences. ``prompt`` has a tag for every LoRA, whether the program writes
    tags or not; ``hashes`` are those of LoRAs' files by their names. ``family`` is that of the checkpoint, where the
    program says it. Samplers and schedules are called as the WebUIs call them. ``distilled_cfg`` is FLUX's guidance, or
    the shift of a flow model.
    """

    source: str
    prompt: str = ""
    negative: str = ""
    checkpoint: str = ""
    family: str | None = None
    width: int = 0
    height: int = 0
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None
    schedule: str | None = None
    eta: float | None = None
    distilled_cfg: float | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


def find_number(value: Any) -> float | None:
    """The finite number that a value is or spells; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def find_whole(value: Any) -> int:
    """The whole part of the number that a value is or spells; 0 for everything else."""
    return int(find_number(value) or 0)


def find_text(value: Any) -> str | None:
    """The text that a value is; None for everything else."""
    return value if isinstance(value, str) else None


def write_tag(name: str, weight: float | None) -> str:
    """A LoRA as a prompt names it; whatever a tag cannot hold is left out of the name."""
    stem = name.replace("\\", "/").rpartition("/")[2]
    for suffix in (".safetensors", ".ckpt", ".pt"):
        stem = stem.removesuffix(suffix)
    kept = "".join(letter for letter in stem if letter not in "<>:")
    return f"<lora:{kept}:{1 if weight is None else weight:g}>"
