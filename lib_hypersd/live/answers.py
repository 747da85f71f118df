"""What the page is answered; it shows every text as text, never as markup."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..translation import translate
from ..wording import Sentence, fill
from .redraw import PNG_URL

__all__ = ["INTERRUPTED", "WAITING", "Picture", "in_language", "refuse", "say", "show", "wait"]

WAITING = fill("Waiting: another image is being made.")
INTERRUPTED = fill("Interrupted.")
# What the time of a picture goes into, and the line of all. The page puts its milliseconds in.
TIMES = {
    part: fill(template, time="{time}")
    for part, template in {
        "plan": "plan {time}", "LoRA": "LoRA {time}", "text": "text {time}", "start image": "start image {time}",
        "network": "network {time}", "decoder": "decoder {time}", "page": "page {time}",
    }.items()
}  # fmt: skip
OTHER = "{part} {time}"


class Picture(NamedTuple):
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
        "caption": write_caption(picture.steps),
        "parts": TIMES | {part: fill(OTHER, part=part, time="{time}") for part in picture.times if part not in TIMES},
        "steps": picture.steps,
        "guided": picture.guided,
        "times": dict(picture.times),
        "notes": list(picture.notes),
    }


def write_caption(steps: int) -> Sentence:
    """The line below a picture, in which the page puts its milliseconds and what they went into."""
    return fill(
        "{count} steps in {total} ms: {times}", "{count} step in {total} ms: {times}",
        count=steps, total="{total}", times="{times}",
    )  # fmt: skip


def refuse(sentence: str) -> dict[str, Any]:
    """Show why there is no picture, in its place."""
    return {"state": "refused", "sentence": sentence}


def wait() -> dict[str, Any]:
    """Say that another image comes first, and ask again in a moment."""
    return {"state": "waiting", "sentence": WAITING}


def in_language(answer: Any, language: str | None) -> Any:
    """The same answer with every sentence in it in a language."""
    if isinstance(answer, Mapping):
        return {key: in_language(value, language) for key, value in answer.items()}
    if isinstance(answer, list):
        return [in_language(value, language) for value in answer]
    return translate(answer, language) if isinstance(answer, str) else answer


def say(sentence: str) -> dict[str, Any]:
    """Say something beside the picture, and leave that as it is."""
    return {"state": "message", "sentence": sentence}
