"""What the page asks for: one picture, by what its controls hold at that moment."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import HyperSDError
from ..recipes.settings import number, refuse_value
from ..recipes.values import pixels, seed, text, truth
from ..wording import fill, join, shown

__all__ = ["Redraw", "Unreadable", "decode_png", "read_redraw"]

PNG_URL = "data:image/png;base64,"
PNG_START = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 1 << 26


class Unreadable(HyperSDError):
    """What the page has sent cannot be used."""


@dataclass(frozen=True)
class Redraw:
    """One picture to make.

    ``drawing`` is a PNG to start from, as a data URL, of which ``strength`` (0 to 1) may change; or, where ``control``
    names a ControlNet, white lines on black for that one to follow, at ``control_weight`` (0 to 2). ``taesd``: decode
    with TAESD, where it is at hand.
    """

    prompt: str
    negative: str = ""
    seed: int = 1
    width: int = 512
    height: int = 512
    steps: int = 1
    strength: float = 0.75
    taesd: bool = False
    drawing: str | None = None
    control: str = ""
    control_weight: float = 0.5

    @property
    def start(self) -> str | None:
        """The drawing, where the picture starts from it."""
        return None if self.control else self.drawing

    @property
    def lines(self) -> str | None:
        """The drawing, where a ControlNet follows it."""
        return self.drawing if self.control else None


def png(value: Any) -> str:
    decode_png(value)
    return value


# By the names of the values, how sentences call them, and what reads them.
READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "prompt": ("Prompt", text), "negative": (fill("Negative prompt"), text), "seed": (fill("Seed"), seed),
    "width": (fill("Width"), pixels), "height": (fill("Height"), pixels),
    "steps": (fill("Steps"), number(1, 4, whole=True)), "strength": (fill("Strength"), number(0, 1)),
    "taesd": ("TAESD", truth), "drawing": (fill("Drawing"), png), "control": ("ControlNet", text),
    "control_weight": (fill("Control weight"), number(0, 2)),
}  # fmt: skip


def read_redraw(given: Mapping[str, Any]) -> Redraw:
    """A redraw from values by their names; None is as not given, and other names are passed over.

    Raises:
        Unreadable: with a sentence for each value that is off.
    """
    values = {}
    problems: list[str] = []
    for name, (label, reader) in READERS.items():
        value = given.get(name)
        if value is not None:
            try:
                values[name] = reader(value)
            except ValueError as expected:
                problems.append(refuse_value(label, str(expected), shown(str(value)[:200])))
    if problems:
        raise Unreadable(join(problems))
    return Redraw(**{"prompt": "", **values})


def decode_png(url: Any) -> bytes:
    """The bytes of a PNG's data URL; raises ValueError where it is none."""
    if isinstance(url, str) and url.startswith(PNG_URL) and len(url) <= MOST_BYTES:
        try:
            content = base64.b64decode(url.removeprefix(PNG_URL), validate=True)
        except binascii.Error:
            content = b""
        if content.startswith(PNG_START):
            return content
    raise ValueError(fill("a PNG as a data URL"))
