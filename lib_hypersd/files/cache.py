"""What has been read of each file, kept from one start to the next in a JSON file."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..writing import replace_text
from .lora import Lora
from .scan import Stamp

__all__ = ["CacheEntry", "read_cache", "write_cache"]

VERSION = 2  # of the format; a file of another one is made anew


class CacheEntry(NamedTuple):
    """What is known of a file of this size (bytes) and time (ns); the fields from ``lora`` on once it is ``opened``."""

    size: int
    mtime_ns: int
    sha256: str = ""
    addnet: str = ""
    opened: bool = False
    lora: Lora | None = None
    checkpoint: str | None = None
    metadata: Mapping[str, str] = {}
    problem: str | None = None

    @property
    def stamp(self) -> Stamp:
        return self.size, self.mtime_ns


BLANK = CacheEntry(0, 0)._asdict()
TYPES = {"size": int, "mtime_ns": int, "sha256": str, "addnet": str, "opened": bool, "metadata": dict}
TYPES |= {"checkpoint": str, "problem": str, "lora": dict}


def read_cache(cache: Path | None) -> dict[str, CacheEntry]:
    """The entries by path, or none where the cache cannot be read: every file is then read anew."""
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_text(encoding="ascii"))
        if content["version"] != VERSION:
            return {}
        # What could not be read is tried again, so that the sentence about it is never a kept text.
        return {path: restore(values) for path, values in content["files"].items() if not values.get("problem")}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def restore(values: Mapping[str, Any]) -> CacheEntry:
    """A :class:`CacheEntry` from JSON. Raises ValueError, TypeError or AttributeError for what cannot be one."""
    if not all(type(value) is TYPES[key] for key, value in values.items()):
        raise ValueError(values)
    if not all(isinstance(text, str) for text in values.get("metadata", {}).values()):
        raise ValueError(values)
    lora = values.get("lora")
    if lora and not all(isinstance(value, str | int | None) for value in lora.values()):
        raise ValueError(values)
    return CacheEntry(**{**values, "lora": lora and Lora(**lora)})


def record(entry: CacheEntry) -> dict[str, Any]:
    """An entry for JSON; what is blank is left out."""
    values = entry._asdict() | {"lora": entry.lora and entry.lora._asdict()}
    return {key: value for key, value in values.items() if value != BLANK[key]}


def write_cache(cache: Path, entries: Mapping[str, CacheEntry]) -> None:
    """Replace the cache in one step; if its folder cannot be written, there is none."""
    files = {path: record(entry) for path, entry in entries.items()}
    with contextlib.suppress(OSError):
        replace_text(cache, json.dumps({"version": VERSION, "files": files}), "ascii")
