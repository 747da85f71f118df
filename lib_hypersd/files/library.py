"""The LoRAs on disk. Each file is opened once and hashed at most once; what it says is kept by its size and time.

The first answer opens only files whose name, size or known hash make them few-step LoRAs; the rest are read in the
background, once, for what their metadata and layers say. Files that have the size of a published one are hashed there
too, unless the host has their hash already.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..recipes.catalog import Catalog
from ..wording import fill, shown
from .background import Background
from .cache import CacheEntry, read_cache, write_cache
from .declared import KEY, MOST_LETTERS, is_from
from .file import File
from .header import family_of, read_header
from .identify import (
    CERTAIN,
    Clues,
    Identification,
    is_nearly_published,
    is_promising,
    made_for,
    named_family,
    recognise,
)
from .layers import fit_of_files
from .lora import lora_of
from .names import NAME_KEYS
from .scan import Stamp, is_safetensors, stamp_of

__all__ = ["Library", "LoraFile", "file_of", "hashes_of", "lora_as_json"]

BLOCK = 1 << 20


class LoraFile(NamedTuple):
    """A file, all that is known of it, and what that comes to; ``unread`` while nobody has opened it."""

    path: str
    clues: Clues
    identification: Identification
    unread: bool = False

    @property
    def name(self) -> str:
        """As prompts call it: without folder and suffix."""
        return self.clues.name

    @property
    def is_few_step(self) -> bool:
        """Whether it is a few-step LoRA, or looks like one and must not be used."""
        found = self.identification
        return found.recipe is not None or found.refused or named_family(self.name) is not None


class Verdict(NamedTuple):
    """What a file came to, and the stamp and the host's hash that it came from."""

    stamp: Stamp
    addnet: str
    file: LoraFile


class Library:
    """All that is known of LoRA files, for one process; may be used from several threads.

    Args:
        cache: the JSON file in which it is kept, or None to keep it in memory only.
        hash_of: what somebody else knows of a path already, as (SHA-256, addnet hash), each "" where unknown.
        may_hash: whether files may be read whole to hash them.
    """

    def __init__(
        self,
        cache: Path | None = None,
        hash_of: Callable[[str], tuple[str, str]] = lambda path: ("", ""),
        may_hash: bool = True,
    ):
        self.cache, self.hash_of, self.may_hash = cache, hash_of, may_hash
        self.lock = threading.RLock()
        self.entries: dict[str, CacheEntry] = {}
        self.has_read_cache = False
        self.catalog = Catalog(())
        self.verdicts: dict[str, Verdict] = {}  # for this catalog
        self.background = Background(finished=self.save)
        self.news = 0  # grows whenever the background has learned something

    def examine(
        self, paths: Iterable[str] | Mapping[str, str], catalog: Catalog, open_all: bool = False
    ) -> list[LoraFile]:
        """What each of these files is now, in their order; never raises for what stands on the disk.

        Args:
            paths: the files, or the addnet hash that the host knows by file ("" where it knows none).
            open_all: open every file for this answer, instead of the promising ones.
        """
        hashes = paths if isinstance(paths, Mapping) else dict.fromkeys(paths, "")
        with self.lock:
            if not self.has_read_cache:
                self.entries, self.has_read_cache = read_cache(self.cache), True
            if self.catalog is not catalog:
                self.catalog, self.verdicts = catalog, {}
            return [self.examine_file(path, addnet, open_all) for path, addnet in hashes.items()]

    def examine_file(self, path: str, addnet: str, open_it: bool) -> LoraFile:
        try:
            stamp = stamp_of(path)
        except (OSError, ValueError) as error:
            self.verdicts.pop(path, None)
            clues = Clues(name_of(path), addnet=addnet, problem=cannot_be_read(path, error))
            return LoraFile(path, clues, recognise(self.catalog, clues))
        verdict = self.verdicts.get(path)
        if verdict and verdict[:2] == (stamp, addnet) and not open_it:
            return verdict.file

        name, entry = name_of(path), self.entries.get(path)
        if entry is None or entry.stamp != stamp:
            entry = self.entries[path] = CacheEntry(*stamp, opened=not is_safetensors(path))
        digest = entry.sha256 or entry.addnet or addnet
        if not entry.opened and (open_it or is_promising(self.catalog, name, entry.size, digest)):
            entry = self.entries[path] = add_header(entry, path)
        clues = Clues(
            name, entry.size, entry.sha256, entry.addnet or addnet,
            entry.lora, entry.metadata, entry.problem, entry.checkpoint,
        )  # fmt: skip
        if entry.opened:
            file = LoraFile(path, clues, recognise(self.catalog, clues))
        else:
            unread = Identification(None, sentence=f"{shown(name)} has not been read yet.")
            file = LoraFile(path, clues, unread, unread=True)
            self.background.add(self.read_header, path)
        if self.wants_hash(file):
            self.background.add(self.compute_hash, path)
        self.verdicts[path] = Verdict(stamp, addnet, file)
        return file

    def wants_hash(self, file: LoraFile) -> bool:
        clues = file.clues
        if clues.sha256 or clues.problem or file.identification.confidence == CERTAIN or not self.may_hash:
            return False
        return is_safetensors(file.path) and clues.size is not None and is_nearly_published(self.catalog, clues.size)

    def read_header(self, path: str) -> None:
        entry = self.entries.get(path)
        if entry and not entry.opened:
            self.learn(path, entry, add_header(entry, path))

    def compute_hash(self, path: str) -> None:
        entry = self.entries.get(path)
        if not entry or entry.sha256:
            return
        try:
            sha256, addnet = self.hash_of(path)
        except Exception:  # whatever a host's cache is made of
            sha256, addnet = "", ""
        try:
            if not sha256:
                sha256, addnet = hashes_of(path)
            stamp = stamp_of(path)
        except OSError:
            return  # the background does not try it again before its queue has run empty
        if stamp == entry.stamp:
            self.learn(path, entry, entry._replace(sha256=sha256, addnet=addnet or entry.addnet))

    def learn(self, path: str, old: CacheEntry, new: CacheEntry) -> None:
        with self.lock:
            if self.entries.get(path) is old:
                self.entries[path] = new
                self.verdicts.pop(path, None)
                self.news += 1

    def save(self) -> None:
        """Write what is known of files that still exist."""
        if self.cache is None or not self.has_read_cache:
            return
        with self.lock:
            self.entries = {path: entry for path, entry in self.entries.items() if os.path.exists(path)}
            entries = dict(self.entries)
        write_cache(self.cache, entries)

    def is_current(self, files: Iterable[LoraFile]) -> bool:
        """Whether nothing else is known of these files by now, and they are on the disk as they were."""
        with self.lock:
            return all(map(self.is_as_it_was, files))

    def is_as_it_was(self, file: LoraFile) -> bool:
        verdict = self.verdicts.get(file.path)
        try:
            stamp = stamp_of(file.path)
        except (OSError, ValueError):
            return verdict is None
        return verdict is not None and verdict.file is file and verdict.stamp == stamp


def add_header(entry: CacheEntry, path: str) -> CacheEntry:
    """The entry with what the file's header says; nothing behind the header is read."""
    try:
        header = read_header(Path(path))
    except ValueError as error:
        return entry._replace(opened=True, problem=str(error))
    except OSError as error:
        return entry._replace(opened=True, problem=cannot_be_read(path, error))
    lora = lora_of(header.shapes)
    checkpoint = (family_of(header.shapes) or "unknown") if lora is None else None
    metadata = {key: header.metadata[key][:200] for key in NAME_KEYS if key in header.metadata}
    if len(declared := header.metadata.get(KEY, "")) in range(1, MOST_LETTERS + 1):  # a part of it would say nothing
        metadata[KEY] = declared
    return entry._replace(opened=True, lora=lora, checkpoint=checkpoint, metadata=metadata)


def cannot_be_read(path: str, error: Exception) -> str:
    why = getattr(error, "strerror", None) or str(error)
    return fill("{name} cannot be read ({why}).", name=shown(os.path.basename(path)), why=why)


def name_of(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def hashes_of(path: str) -> tuple[str, str]:
    """SHA-256 of a safetensors file, and of what follows its header (A1111's "addnet" hash), in one reading.

    Raises:
        OSError: it cannot be read.
    """
    whole, tensors = hashlib.sha256(), hashlib.sha256()
    with open(path, "rb") as file:
        start = file.read(8)
        whole.update(start)
        left = int.from_bytes(start, "little")  # of the header
        while block := file.read(BLOCK):
            whole.update(block)
            tensors.update(block[left:])
            left = max(0, left - len(block))
    return whole.hexdigest(), tensors.hexdigest()


def file_of(lora: LoraFile, aliases: tuple[str, ...] = (), checkpoint: str | None = None) -> File:
    """The file as a plan wants to know it; ``aliases`` are other names that the host knows it by, ``checkpoint`` is the
    file in which its layers are to have a place."""
    found = lora.identification
    family = made_for(found.recipe, lora.clues.lora) if lora.clues.lora else None
    recipe, problem = found.recipe, found.sentence if found.refused else None
    if recipe and set(lora.name) & set(":>"):
        unwritable = "{name} cannot be written in a prompt, because of its “:” or “>”; rename the file."
        problem = fill(unwritable, name=shown(lora.name))
        recipe = None
    fit = fit_of_files(lora.path, checkpoint) if recipe and checkpoint else None
    own = is_from(lora.clues.metadata, checkpoint) if recipe else None
    return File(
        lora.name, recipe, aliases, found.superseded, family, problem, found.looks_like, found.strength, fit, own
    )


def lora_as_json(lora: LoraFile) -> dict[str, Any]:
    """All that is known of a file, for programs; ``layers`` is None while nobody has opened it, or if it is no LoRA."""
    found, clues = lora.identification, lora.clues
    recipe = found.recipe
    of_recipe = ("id", "maker", "family", "kind", "steps_min", "steps_max")
    return {
        "name": lora.name,
        "bytes": clues.size,
        "recipe": recipe and {name: getattr(recipe, name) for name in of_recipe},
        "evidence": found.evidence,
        "confidence": found.confidence,
        "layers": clues.lora and clues.lora._asdict(),
        "sha256": clues.sha256 or None,
        "addnet": clues.addnet or None,
        "superseded": found.superseded,
        "usable": not (found.refused or clues.problem),
        "sentence": found.sentence,
    }
