"""How single values of a picture are read from what somebody has typed or sent: each reader raises ValueError with what
the value must be."""

from typing import Any

from .settings import number

__all__ = ["MOST_SEED", "SIDE", "pixels", "seed", "text", "truth"]

MOST_SEED = 2**32 - 1
SIDE = 16  # pixels; widths and heights are multiples: FLUX makes one patch of so many, SD1.5 and SDXL one latent of 8


def text(value: Any) -> str:
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("a text")  # half a letter, as JSON can spell it, fits into no file
    return value


def seed(value: Any) -> int:
    try:
        return int(number(0, MOST_SEED, whole=True)(value))
    except ValueError:
        raise ValueError(f"a whole number from 0 to {MOST_SEED}") from None


def pixels(value: Any) -> int:
    try:
        count = int(number(64, 4096, whole=True)(value))
    except ValueError:
        count = 1
    if count % SIDE:
        raise ValueError(f"a multiple of {SIDE} from 64 to 4096")
    return count


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value
