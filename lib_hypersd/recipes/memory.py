"""What the user has stated about single checkpoints, in one JSON file; the same on every host.

A checkpoint is recognised by its SHA-256 where the host has one, else by its name and size.
"""

import json
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import HyperSDError
from ..wording import fill, join
from ..writing import replace_text
from .settings import Settings, read_settings

__all__ = ["CannotRemember", "Content", "Entry", "Memories", "Memory", "read_memory"]

MOST_BYTES = 1_000_000


class CannotRemember(HyperSDError):
    """The file could not be written, or a value cannot be remembered."""


class Memory(NamedTuple):
    """What the user has stated about one checkpoint.

    ``inside`` is the maker of the few-step model in it, "" for a plain checkpoint, None where that was not stated.
    ``settings`` are recommended for this checkpoint instead of the recipe's.
    """

    inside: str | None = None
    settings: Settings = Settings()

    def values(self) -> dict[str, Any]:
        """The settings that are set, by their names."""
        values = self.settings._asdict()
        return {name: value for name, value in values.items() if name != "enabled" and value is not None}

    def summary(self) -> str:
        """In a few words: "plain, steps 6, cfg 1.5"."""
        inside = [] if self.inside is None else [self.inside or "plain"]
        return ", ".join([*inside, *(f"{name} {value}" for name, value in self.values().items())])


class Entry(NamedTuple):
    """A checkpoint (``size`` in bytes, ``sha256`` "" where the host has not computed it) and its memory."""

    name: str
    size: int
    sha256: str = ""
    memory: Memory = Memory()

    def is_of(self, name: str, size: int, sha256: str) -> bool:
        if self.sha256 and sha256:
            return self.sha256 == sha256
        return (self.name, self.size) == (name, size)


class Content(NamedTuple):
    """The entries of a file, and a sentence where it cannot be read."""

    entries: tuple[Entry, ...] = ()
    problem: str | None = None


class Memories:
    """The memories in a file; safe to use from several threads."""

    def __init__(self, path: Path):
        self.path, self.lock = path, threading.Lock()

    def read(self) -> Content:
        """The whole file; a missing one is empty. It is read again only when its time or size has changed."""
        try:
            status = self.path.stat()
        except OSError:
            return Content()
        return read_file(self.path, status.st_mtime_ns, status.st_size)

    def find(self, name: str, size: int, sha256: str = "") -> Memory:
        """The memory of a checkpoint; an empty one where there is none."""
        return next((e.memory for e in self.read().entries if e.is_of(name, size, sha256)), Memory())

    def keep(self, entry: Entry) -> None:
        """Remember an entry in place of the former one of its checkpoint; an empty memory forgets it.

        Raises:
            CannotRemember: the file cannot be written, or cannot be read, so that its content would be lost.
        """
        with self.lock:
            content = self.read()
            if content.problem:
                raise CannotRemember(content.problem)
            others = [e for e in content.entries if not e.is_of(entry.name, entry.size, entry.sha256)]
            self.write([*others, entry] if entry.memory != Memory() else others)

    def write(self, entries: list[Entry]) -> None:
        text = json.dumps([entry_as_json(entry) for entry in entries], ensure_ascii=False, indent=2)
        try:
            replace_text(self.path, text, "utf-8")
        except (OSError, UnicodeEncodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            unwritten = fill(
                "{file} could not be written ({why}); nothing is remembered.", file=self.path.name, why=why
            )
            raise CannotRemember(unwritten) from None


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """An entry as it stands in the file; settings that are not set are left out."""
    settings = entry.memory.values()
    whole = {"name": entry.name, "size": entry.size, "sha256": entry.sha256, "inside": entry.memory.inside}
    return whole | ({"settings": settings} if settings else {})


@lru_cache(maxsize=8)
def read_file(path: Path, mtime_ns: int, size: int) -> Content:
    try:
        if size > MOST_BYTES:
            raise ValueError(fill("larger than {bytes} bytes", bytes=MOST_BYTES))
        values = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(values, list):
            raise ValueError(fill("not a list of checkpoints"))
        return Content(tuple(map(read_entry, values)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError, CannotRemember) as error:
        unread = fill("{file} could not be read ({why}); mend it or delete it.", file=path.name, why=str(error))
        return Content(problem=unread)


def read_entry(value: Mapping[str, Any]) -> Entry:
    name, size, sha256 = value["name"], value["size"], value["sha256"]
    if not (isinstance(name, str) and type(size) is int and isinstance(sha256, str)):
        raise ValueError(fill("{value!r:.60} is not a checkpoint", value=value))
    return Entry(name, size, sha256, read_memory(value))


def read_memory(value: Mapping[str, Any]) -> Memory:
    """A memory from ``{"inside": …, "settings": {…}}``; both keys may be left out.

    Raises:
        CannotRemember: a value is invalid.
    """
    inside, given = value.get("inside"), value.get("settings") or {}
    if inside is not None and not isinstance(inside, str):
        raise CannotRemember(fill('“inside” must be a maker\'s name, "" for a plain checkpoint, or null.'))
    if not isinstance(given, Mapping):
        raise CannotRemember(fill("“settings” must be an object of the panel's values."))
    settings, problems, comments = read_settings([{**given, "enabled": True}])
    if problems or comments:
        raise CannotRemember(join((*problems, *comments)))
    return Memory(inside, settings._replace(enabled=False))
