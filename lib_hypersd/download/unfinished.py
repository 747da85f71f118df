"""Files that are being written: by one program at a time, and under their own name only when they are whole."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..wording import fill
from .source import Failed

try:
    import fcntl
except ImportError:
    IS_POSIX = False  # Windows, where a file that another program has open cannot be renamed
else:
    IS_POSIX = True

__all__ = ["give_name", "locked"]


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """The file, made if need be, to read and to append to, by no other program that asks for the same lock."""
    if IS_POSIX and path.exists() and path.stat().st_nlink > 1:
        path.unlink()  # a program ended when the file had its name and this one was still there
    with open(path, "a+b") as file:
        if IS_POSIX:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                has_its_name = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
            except (BlockingIOError, FileNotFoundError):
                has_its_name = False
            except OSError:
                has_its_name = True  # a file system without locks
            if not has_its_name:
                busy = "Another program is fetching {file} right now. Wait for it, then refresh the list."
                raise Failed(fill(busy, file=path.stem))
        yield file


def give_name(part: Path, path: Path) -> None:
    """The part becomes the file, in one step that replaces nothing.

    Raises:
        FileExistsError: there is such a file.
    """
    try:
        if IS_POSIX:
            os.link(part, path)
            return
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    os.rename(part, path)
