"""The LoRAs on disk. Each file is opened once and hashed at most once; what was seen of it is kept by size and time.

The first answer opens only files whose name, size or known hash make them few-step LoRAs; the rest are read in the
background, once, for what their metadata and layers say. Files that have the size of a published one are hashed there
too, unless the host has their hash already. What is kept stands in one JSON file and is made again if that is broken.
"""

import bisect
import contextlib
import hashlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ..recipes.catalog import FAMILIES, Catalog
from ..wording import shown
from .file import File
from .header import family_of, read_header
from .identify import (
    CERTAIN,
    NAME_KEYS,
    Clues,
    Identification,
    by_hash,
    by_words,
    made_for,
    named_family,
    recognise,
    words,
)
from .layers import fit_of_files
from .lora import Lora, lora_of

__all__ = ["Library", "LoraFile", "as_json", "below", "file_of", "hashes_of"]

VERSION = 2
# A copy whose header was written anew has another size by no more than such a header, and the same tensors.
NEAR = 1_000_000
BLOCK = 1 << 20
PAUSE = 0.001  # between two files in the background, so that the page and the sampler come first
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class CacheEntry:
    """What was seen of a file of this size (bytes) and time (ns); the fields from ``lora`` on once it is ``opened``."""

    size: int
    mtime_ns: int
    sha256: str = ""
    addnet: str = ""
    opened: bool = False
    lora: Lora | None = None
    checkpoint: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class LoraFile:
    """A file, all that is known of it, and what that comes to; ``unread`` while nobody has opened it."""

    path: str
    clues: Clues
    identification: Identification
    unread: bool = False

    @property
    def name(self) -> str:
        """As prompts call it: without folder and suffix."""
        return self.clues.name


class Library:
    """All that is known of LoRA files, for one process; may be asked from several threads.

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
        self.seen: dict[str, CacheEntry] = {}
        self.has_read_cache = False
        # What each file came to, with the size, time and host's hash that it came from, for one catalog.
        self.catalog = Catalog(())
        self.verdicts: dict[str, tuple[int, int, str, LoraFile]] = {}
        self.todo: deque[tuple[Callable, str]] = deque()
        self.queued: set[tuple[Callable, str]] = set()
        self.thread: threading.Thread | None = None
        self.news = 0  # grows whenever something was learned in the background

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
                self.seen, self.has_read_cache = read_cache(self.cache), True
            if self.catalog is not catalog:
                self.catalog, self.verdicts = catalog, {}
            return [self.examine_file(path, hash, open_all) for path, hash in hashes.items()]

    def examine_file(self, path: str, hash: str, open_it: bool) -> LoraFile:
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            self.verdicts.pop(path, None)
            return unreadable(path, hash, self.catalog, error)
        verdict = self.verdicts.get(path)
        if verdict and verdict[:3] == (status.st_size, status.st_mtime_ns, hash) and not open_it:
            return verdict[3]

        name, seen = stem(path), self.seen.get(path)
        if seen is None or (seen.size, seen.mtime_ns) != (status.st_size, status.st_mtime_ns):
            seen = self.seen[path] = CacheEntry(status.st_size, status.st_mtime_ns, opened=not is_safetensors(path))
        worth = seen.opened or open_it or promising(self.catalog, name, seen, hash)
        if worth and not seen.opened:
            seen = self.seen[path] = opened(path, seen)
        clues = Clues(
            name, seen.size, seen.sha256, seen.addnet or hash, seen.lora, seen.metadata, seen.problem, seen.checkpoint
        )
        if worth:
            known = LoraFile(path, clues, recognise(self.catalog, clues))
        else:
            unread = Identification(None, sentence=f"{shown(name)} has not been read yet.")
            known = LoraFile(path, clues, unread, unread=True)
            self.enqueue(Library.read_header, path)
        if self.wants_hash(known):
            self.enqueue(Library.compute_hash, path)
        self.verdicts[path] = (status.st_size, status.st_mtime_ns, hash, known)
        return known

    def wants_hash(self, known: LoraFile) -> bool:
        clues = known.clues
        if clues.sha256 or clues.problem or known.identification.confidence == CERTAIN or not self.may_hash:
            return False
        return is_safetensors(known.path) and clues.size is not None and nearly_published(self.catalog, clues.size)

    def enqueue(self, task: Callable, path: str) -> None:
        """Do something in the background, once; nobody waits for it."""
        if (task, path) in self.queued:
            return
        self.queued.add((task, path))
        self.todo.append((task, path))

    def start(self) -> None:
        """Begin with what is left to do, in a thread that ends with it."""
        with self.lock:
            if self.todo and self.thread is None:
                self.thread = threading.Thread(target=self.finish, name="hypersd-library", daemon=True)
                self.thread.start()

    def finish(self, pause: float = PAUSE) -> None:
        """Do all that is left, and write down what is known."""
        while True:
            with self.lock:
                task, path = self.todo.popleft() if self.todo else (None, None)
            if task is not None:
                task(self, path)
                time.sleep(pause)
                continue
            self.save()
            with self.lock:
                if not self.todo:
                    self.queued.clear()
                    self.thread = None
                    return

    def read_header(self, path: str) -> None:
        seen = self.seen.get(path)
        if seen and not seen.opened:
            self.learn(path, seen, opened(path, seen))

    def compute_hash(self, path: str) -> None:
        seen = self.seen.get(path)
        if not seen or seen.sha256:
            return
        try:
            sha256, addnet = self.hash_of(path)
        except Exception:  # whatever a host's cache is made of
            sha256, addnet = "", ""
        try:
            if not sha256:
                sha256, addnet = hashes_of(path)
            status = os.stat(path)
        except OSError:
            return  # it stays in the queue's memory, and so is not tried again in this round
        if (status.st_size, status.st_mtime_ns) == (seen.size, seen.mtime_ns):
            self.learn(path, seen, replace(seen, sha256=sha256, addnet=addnet or seen.addnet))

    def learn(self, path: str, old: CacheEntry, new: CacheEntry) -> None:
        with self.lock:
            if self.seen.get(path) is old:
                self.seen[path] = new
                self.verdicts.pop(path, None)
                self.news += 1

    def save(self) -> None:
        """Write what is known of files that still exist; a folder that cannot be written is as good as no cache."""
        if self.cache is None or not self.has_read_cache:
            return
        with self.lock:
            self.seen = {path: seen for path, seen in self.seen.items() if os.path.exists(path)}
            blank = asdict(CacheEntry(0, 0))
            files = {
                path: {key: value for key, value in asdict(seen).items() if value != blank[key]}
                for path, seen in self.seen.items()
            }
        beside = self.cache.with_name(f"{self.cache.name}.{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            beside.write_text(json.dumps({"version": VERSION, "files": files}), encoding="ascii")
            os.replace(beside, self.cache)

    def is_current(self, known: Iterable[LoraFile]) -> bool:
        """Whether nothing else is known of these files by now, and they are on the disk as they were."""
        with self.lock:
            for one in known:
                verdict = self.verdicts.get(one.path)
                try:
                    status = os.stat(one.path)
                except (OSError, ValueError):
                    return verdict is None
                if not verdict or verdict[3] is not one or verdict[:2] != (status.st_size, status.st_mtime_ns):
                    return False
        return True


def promising(catalog: Catalog, name: str, seen: CacheEntry, hash: str) -> bool:
    """Whether a file is worth opening at once: by its name, size or hash it may be a few-step LoRA."""
    return (
        by_words(catalog, words(name) | FAMILIES.keys())
        is not None  # a family that it does not say may be in its layers
        or named_family(name) is not None
        or nearly_published(catalog, seen.size)
        or by_hash(catalog, seen.sha256 or seen.addnet or hash) is not None
    )


def nearly_published(catalog: Catalog, size: int) -> bool:
    """Whether a file of this size may be a published one, or a copy of it with another header."""
    sizes = published_sizes(catalog)
    place = bisect.bisect_left(sizes, size - NEAR)
    return place < len(sizes) and sizes[place] <= size + NEAR


@lru_cache(maxsize=8)
def published_sizes(catalog: Catalog) -> list[int]:
    return sorted(size for recipe in catalog.recipes for size in (recipe.bytes, recipe.superseded_bytes) if size)


def opened(path: str, seen: CacheEntry) -> CacheEntry:
    """What the header of a file tells; nothing behind the header is read."""
    try:
        header = read_header(Path(path))
    except ValueError as error:
        return replace(seen, opened=True, problem=str(error))
    except OSError as error:
        return replace(seen, opened=True, problem=cannot_be_read(path, error))
    shapes = {key: tensor["shape"] for key, tensor in header.tensors.items()}
    lora = lora_of(shapes)
    checkpoint = (family_of(shapes) or "unknown") if lora is None else None
    metadata = {key: header.metadata[key][:200] for key in NAME_KEYS if key in header.metadata}
    return replace(seen, opened=True, lora=lora, checkpoint=checkpoint, metadata=metadata)


def unreadable(path: str, hash: str, catalog: Catalog, error: Exception) -> LoraFile:
    clues = Clues(stem(path), addnet=hash, problem=cannot_be_read(path, error))
    return LoraFile(path, clues, recognise(catalog, clues))


def cannot_be_read(path: str, error: Exception) -> str:
    why = getattr(error, "strerror", None) or str(error)
    return f"{shown(os.path.basename(path))} cannot be read ({why})."


def is_safetensors(path: str) -> bool:
    """Whether a file is called as LoRAs are; the hosts too compare the suffix in any case."""
    return path.lower().endswith(SUFFIX)


def stem(path: str) -> str:
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


def read_cache(cache: Path | None) -> dict[str, CacheEntry]:
    """What was written down, or nothing where that cannot be read: then every file is looked at anew."""
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_text(encoding="ascii"))
        if content["version"] != VERSION:
            return {}
        return {path: restored(values) for path, values in content["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


TYPES = {"size": int, "mtime_ns": int, "sha256": str, "addnet": str, "opened": bool, "metadata": dict}
TYPES |= {"checkpoint": str, "problem": str, "lora": dict}


def restored(values: Mapping) -> CacheEntry:
    """A :class:`CacheEntry` from JSON. Raises ValueError, TypeError or AttributeError for what cannot be one."""
    if not all(type(value) is TYPES[key] for key, value in values.items()):
        raise ValueError(values)
    if not all(isinstance(text, str) for text in values.get("metadata", {}).values()):
        raise ValueError(values)
    lora = values.get("lora")
    if lora and not all(isinstance(value, str | int | None) for value in lora.values()):
        raise ValueError(values)
    return CacheEntry(**{**values, "lora": lora and Lora(**lora)})


def below(path: Path) -> list[str]:
    """The LoRA files of a folder and all folders in it, in order of their names; a file is itself.

    Folders that cannot be listed are left out, and links to folders are followed once.
    """
    if not path.is_dir():
        return [str(path)]
    found, entered = [], set()
    for folder, folders, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders.sort()
        found += [os.path.join(folder, name) for name in sorted(files + folders) if is_safetensors(name)]
    return found


def file_of(known: LoraFile, aliases: tuple[str, ...] = (), checkpoint: str | None = None) -> File:
    """The file as a plan wants to know it; ``aliases`` are other names that the host knows it by, ``checkpoint`` is the
    file in which its layers are to have a place."""
    found = known.identification
    family = made_for(found.recipe, known.clues.lora) if known.clues.lora else None
    recipe, problem = found.recipe, found.sentence if found.refused else None
    if recipe and set(known.name) & set(":>"):
        problem = f"{shown(known.name)} cannot be written in a prompt, because of its “:” or “>”; rename the file."
        recipe = None
    fit = fit_of_files(known.path, checkpoint) if recipe and checkpoint else None
    return File(known.name, recipe, aliases, found.superseded, family, problem, found.looks_like, found.strength, fit)


def as_json(known: LoraFile) -> dict:
    """All that is known of a file, for programs; ``layers`` is None while nobody has opened it, or if it is no LoRA."""
    found, clues = known.identification, known.clues
    recipe = found.recipe
    of_recipe = ("id", "maker", "family", "kind", "steps_min", "steps_max")
    return {
        "name": known.name,
        "bytes": clues.size,
        "recipe": recipe and {name: getattr(recipe, name) for name in of_recipe},
        "evidence": found.evidence,
        "confidence": found.confidence,
        "layers": clues.lora and asdict(clues.lora),
        "sha256": clues.sha256 or None,
        "addnet": clues.addnet or None,
        "superseded": found.superseded,
        "usable": not (found.refused or clues.problem),
        "sentence": found.sentence,
    }
