"""How single values of a picture are read from what somebody has typed or sent: each reader raises ValueError with what
the value must be."""

from typing import Any

from ..wording import fill
from .settings import TRUE_OR_FALSE, number

__all__ = ["MOST_SEED", "SIDE", "pixels", "seed", "text", "truth"]

MOST_SEED = 2**32 - 1
LOW, HIGH = 64, 4096  # pixels
SIDE = 16  # pixels; widths and heights are multiples: FLUX makes one patch of so many, SD1.5 and SDXL one latent of 8


def text(value: Any) -> str:
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(fill("a text"))  # half a letter, as JSON can spell it, fits into no file
    return value


def seed(value: Any) -> int:
    return int(number(0, MOST_SEED, whole=True)(value))


def pixels(value: Any) -> int:
    try:
        count = int(number(LOW, HIGH, whole=True)(value))
    except ValueError:
        count = 1
    if count % SIDE:
        raise ValueError(fill("a multiple of {side} from {low} to {high}", side=SIDE, low=LOW, high=HIGH))
    return count


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(TRUE_OR_FALSE)
    return value
