"""Fetches the file of a published recipe: whole and checked, or there is no file of that name.

What comes in is kept as ``NAME.part`` beside a note ``NAME.part.json`` of whose bytes they are, so that a broken
transfer goes on where it stopped. The final name is given last, to a file whose size and SHA-256 were read back from
the disk. An existing file is never replaced.
"""

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from ..errors import HyperSDError
from ..recipes.catalog import Recipe
from ..wording import fill, join
from . import unfinished
from .source import Failed, Interrupted, Source

__all__ = ["CHECKING", "Cancelled", "DiskFull", "Download"]

SPARE_BYTES = 100_000_000  # left free on the disk
FURTHER_BYTES = 1_000_000
READ_BYTES = 1 << 20
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
RUNNING, CHECKING, DONE, CANCELLED, FAILED = "running", "checking", "done", "cancelled", "failed"
TRY_AGAIN = fill("Try again later; it goes on where it stopped.")
NOT_PUBLISHED = (
    "{place} is not the published file: its SHA-256 is another. It was thrown away. Try again later, or set another "
    "mirror in the settings."
)


class Cancelled(HyperSDError):
    """The user does not want the file any more."""


class DiskFull(Failed):
    """The disk has no room for the file."""


class Download:
    """One file on its way to ``path``; ``done`` of ``total`` bytes are here. ``problem`` says why it failed.

    An attempt that breaks is repeated up to ``attempts`` times in a row, after ``pause_s`` seconds and each time twice
    as many; one that came a megabyte further than all before it starts the count anew.
    """

    def __init__(
        self,
        recipe: Recipe,
        path: Path,
        source: Callable[[], Source],
        finished: Callable[[Recipe], None] = lambda recipe: None,
        attempts: int = 5,
        pause_s: float = 1.0,
    ):
        self.recipe, self.path, self.total = recipe, path, recipe.bytes or 0
        self.part = path.with_name(path.name + ".part")
        self.note = path.with_name(path.name + ".part.json")
        self.source, self.finished, self.attempts, self.pause_s = source, finished, attempts, pause_s
        self.state, self.done = RUNNING, 0
        self.problem: str | None = None
        self.version: str | None = None
        self.cancel_requested = threading.Event()
        self.thread = threading.Thread(target=self.run, name=f"download of {path.name}", daemon=True)

    @property
    def is_active(self) -> bool:
        return self.state in (RUNNING, CHECKING)

    @property
    def is_checking(self) -> bool:
        return self.state == CHECKING

    def cancel(self) -> None:
        """Stop soon and leave nothing behind; a file that already has its name stays."""
        self.cancel_requested.set()

    def run(self) -> None:
        """Fetch the file; returns when all is over, and raises nothing."""
        try:
            self.fetch()
            self.finished(self.recipe)
            self.state = DONE
        except Cancelled:
            self.state = CANCELLED
        except Failed as failure:
            self.fail(str(failure))
        except Exception as error:  # a thread has nobody else to tell
            fault = "{file}: unexpected fault ({kind}: {error})."
            self.fail(fill(fault, file=self.path.name, kind=type(error).__name__, error=str(error)))

    def fail(self, problem: str) -> None:
        self.problem, self.state = problem, FAILED

    def fetch(self) -> None:
        """Fetch the file, in this thread.

        Raises:
            Failed: why it is not there; DiskFull among them. Cancelled.
        """
        try:
            self.transfer()
        except OSError as error:
            if error.errno in FULL:
                full = "{folder} has no room for it. Make room and try again."
                raise DiskFull(fill(full, folder=self.path.parent)) from error
            where, why = error.filename or self.path.parent, error.strerror or str(error)
            raise Failed(fill("{path} could not be read or written ({why}).", path=where, why=why)) from error

    def transfer(self) -> None:
        if self.is_there():
            return
        source = self.source()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        end = fault = None
        with unfinished.locked(self.part) as file:
            try:
                self.go_on_with(file)
                self.make_room()
                self.receive(source, file)
                os.fsync(file.fileno())  # or the name could outlive a power cut that the bytes do not
                end = self.give_name
            except Exception as error:
                fault = error
                if isinstance(error, Cancelled):
                    file.truncate(0)
                if os.fstat(file.fileno()).st_size == 0:
                    end = self.tidy
            if end and unfinished.IS_POSIX:
                end()  # while the lock keeps other programs from writing into the part
        if end and not unfinished.IS_POSIX:
            end()  # nothing that is open can be renamed or removed there
        if fault:
            raise fault

    def is_there(self) -> bool:
        """Whether the file has been here all along.

        Raises:
            Failed: there is another one of its name.
        """
        if not os.path.lexists(self.path):
            return False
        if self.path.is_file() and self.path.stat().st_size == self.total:
            with open(self.path, "rb") as file:
                if self.is_right(file):
                    self.done = self.total
                    return True
        other = "{folder} already has another {file}. It was left as it is; move it and try again."
        raise Failed(fill(other, folder=self.path.parent, file=self.path.name))

    def go_on_with(self, file: BinaryIO) -> None:
        """Keep what an earlier run has left, if its note says that it is of this file."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            note = None
        if isinstance(note, dict) and note.get("sha256") == self.recipe.sha256:
            version = note.get("version")
            plain = isinstance(version, str) and version.isascii() and version.isprintable()
            self.version = version if plain else None
        else:
            file.truncate(0)
        self.done = file.seek(0, os.SEEK_END)

    def make_room(self) -> None:
        needed = self.total - self.done + SPARE_BYTES
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            needs = "{file} needs {needed:,.0f} MB in {folder}, where {free:,.0f} MB are free. Make room and try again."
            name, folder = self.path.name, self.path.parent
            raise DiskFull(fill(needs, file=name, needed=needed / 1e6, folder=folder, free=free / 1e6))

    def receive(self, source: Source, file: BinaryIO) -> None:
        """Bring the part to its full size and its right sum, in as many attempts as that may take."""
        failures = farthest = 0
        with tqdm(total=self.total, desc=self.path.name, unit="B", unit_scale=True) as bar:
            while True:
                try:
                    in_one_piece = self.append(source, file, bar)
                    if self.is_right(file):
                        return
                    if in_one_piece:
                        file.truncate(0)
                        raise Failed(fill(NOT_PUBLISHED, place=source.place(self.recipe)))
                    raise Interrupted(fill("The parts of the file did not fit together."), stale=True)
                except Interrupted as fault:
                    failures = 1 if self.done >= farthest + FURTHER_BYTES else failures + 1
                    farthest = max(farthest, self.done)
                    if fault.stale:
                        file.truncate(0)
                    if failures >= self.attempts:
                        raise Failed(join([str(fault), TRY_AGAIN])) from None
                    if self.cancel_requested.wait(max(fault.wait_s, self.pause_s * 2 ** (failures - 1))):
                        raise Cancelled from None

    def append(self, source: Source, file: BinaryIO, bar: tqdm) -> bool:
        """Bring the part to its full size; returns whether all of it came with this answer."""
        self.state = RUNNING
        start = self.done = file.seek(0, os.SEEK_END)
        bar.update(self.done - bar.n)
        if start == self.total:
            return False
        with source.open(self.recipe, start, self.version) as body:
            if body.start != start:
                file.truncate(body.start)
                self.done = body.start
            if body.start == 0:
                self.version = body.version
                self.note.write_text(json.dumps({"sha256": self.recipe.sha256, "version": body.version}))
            for chunk in body.chunks:
                if self.cancel_requested.is_set():
                    raise Cancelled
                if self.done + len(chunk) > self.total:
                    raise Interrupted(fill("More bytes came than the file has."), stale=True)
                file.write(chunk)
                self.done += len(chunk)
                bar.update(self.done - bar.n)
        if self.done < self.total:
            ended = "The transfer ended after {done:,} of {total:,} bytes."
            raise Interrupted(fill(ended, done=self.done, total=self.total))
        return body.start == 0

    def is_right(self, file: BinaryIO) -> bool:
        """Whether the bytes on the disk have the published SHA-256."""
        self.state = CHECKING
        digest = hashlib.sha256()
        file.flush()
        file.seek(0)
        while block := file.read(READ_BYTES):
            if self.cancel_requested.is_set():
                raise Cancelled
            digest.update(block)
        return digest.hexdigest() == self.recipe.sha256

    def give_name(self) -> None:
        """The part becomes the file."""
        try:
            unfinished.give_name(self.part, self.path)
        except FileExistsError:
            self.is_there()  # another program was faster, or there is another file now
        self.tidy()

    def tidy(self) -> None:
        for path in (self.part, self.note):
            path.unlink(missing_ok=True)

    def as_json(self) -> dict[str, Any]:
        """How far it is, for clients of the API; sizes in bytes."""
        return {
            "id": self.recipe.id,
            "file": self.path.name,
            "folder": str(self.path.parent),
            "state": "cancelling" if self.is_active and self.cancel_requested.is_set() else self.state,
            "done": self.done,
            "total": self.total,
            "problem": self.problem,
        }
