"""From an image's file, or from a text that somebody has copied, to a record."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..wording import fill, shown
from .graph import is_graph, read_graph
from .infotext import is_infotext, read_infotext
from .invokeai import is_invokeai, read_invokeai
from .record import Record, Unreadable

__all__ = ["read_file", "read_text"]

MOST_BYTES = 1 << 26
MOST_CHARACTERS = 1 << 20
NOTHING = "It says nothing of how it was made; programs that send images often take that out."
UNKNOWN = fill(
    "This is no infotext: there is no line with “Steps: …”, and it is neither InvokeAI's nor ComfyUI's JSON."
)
# Where programs write into a PNG, the fullest first; ComfyUI's “workflow” may hold what was not run.
PNG_KEYS = ("parameters", "invokeai_metadata", "sd-metadata", "prompt", "workflow")
USER_COMMENT, EXIF = 0x9286, 0x8769  # in JPEG and WebP
COMFYUI_MARKS = ("prompt:", "workflow:")  # before its graph in a WebP's tags
ENCODINGS = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "ascii"}


def read_text(text: str) -> Record:
    """The record in an infotext, in InvokeAI's metadata or in ComfyUI's graph.

    Raises:
        Unreadable: it is none of these.
    """
    text = text.strip()[:MOST_CHARACTERS]
    content = None
    if text.startswith("{"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = None
    if is_invokeai(content):
        return read_invokeai(content)
    if is_graph(content):
        return read_graph(content)
    if is_infotext(text):
        return read_infotext(text)
    raise Unreadable(UNKNOWN)


def read_file(path: Path) -> Record:
    """The record in an image's file, or in a text file.

    Raises:
        Unreadable: the file cannot be read, or holds no record.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"{shown(path.name)} is too large for a picture with an infotext.")
        with Image.open(path) as image:
            texts = list_texts(image.info, image.getexif())
    except UnidentifiedImageError:
        return read_text(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable(f"{shown(path.name)} cannot be read ({shown(str(error))}).") from error
    for text in texts:
        try:
            return read_text(text)
        except Unreadable:
            continue
    raise Unreadable(NOTHING)


def list_texts(info: Mapping[Any, Any], exif: Any) -> list[str]:
    """The texts of an image that may hold a record, the best first."""
    texts = [info[key] for key in PNG_KEYS if isinstance(info.get(key), str)]
    comment = exif.get_ifd(EXIF).get(USER_COMMENT)
    if isinstance(comment, bytes):
        encoding = ENCODINGS.get(comment[:8])
        texts.append(comment[8:].decode(encoding, "replace") if encoding else comment.decode("utf-8", "replace"))
    elif isinstance(comment, str):
        texts.append(comment)
    for value in exif.values():
        if isinstance(value, str) and value.lower().startswith(COMFYUI_MARKS):
            texts.append(value.partition(":")[2])
    return texts
