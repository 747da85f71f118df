"""What the page is answered; it shows every text as text, never as markup."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .redraw import PNG_URL

__all__ = ["INTERRUPTED", "WAITING", "Picture", "refuse", "say", "show", "wait"]

WAITING = "Waiting: another image is being made."
INTERRUPTED = "Interrupted."


@dataclass(frozen=True)
class Picture:
    """A picture that was made: Pillow's image, its infotext, what of its plan the page shows, and what took how long.

    ``guided``: whether the negative prompt counts. ``times`` are milliseconds by what they went into.
    """

    image: Any
    infotext: str
    steps: int
    guided: bool
    times: Mapping[str, float]
    notes: Sequence[str] = ()


def show(picture: Picture) -> dict[str, Any]:
    """Show this picture."""
    content = io.BytesIO()
    picture.image.save(content, "PNG", compress_level=1)  # half the bytes would take five times as long
    url = PNG_URL + base64.b64encode(content.getvalue()).decode()
    return {
        "state": "picture",
        "image": url,
        "infotext": picture.infotext,
        "steps": picture.steps,
        "guided": picture.guided,
        "times": dict(picture.times),
        "notes": list(picture.notes),
    }


def refuse(sentence: str) -> dict[str, Any]:
    """Show why there is no picture, in its place."""
    return {"state": "refused", "sentence": sentence}


def wait() -> dict[str, Any]:
    """Say that another image comes first, and ask again in a moment."""
    return {"state": "waiting", "sentence": WAITING}


def say(sentence: str) -> dict[str, Any]:
    """Say something beside the picture, and leave that as it is."""
    return {"state": "message", "sentence": sentence}
