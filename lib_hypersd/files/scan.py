"""Which LoRA files there are, and the stamp that changes when a file's content does."""

import os
from pathlib import Path

__all__ = ["SUFFIX", "Stamp", "below", "is_safetensors", "stamp_of"]

Stamp = tuple[int, int]  # a file's size in bytes, and when it was last changed, in nanoseconds
SUFFIX = ".safetensors"


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


def is_safetensors(path: str) -> bool:
    """Whether a file has a LoRA's suffix; the hosts too compare it in any case."""
    return path.lower().endswith(SUFFIX)


def stamp_of(path: str | Path) -> Stamp:
    """The file's size and time.

    Raises:
        OSError: there is no such file. ValueError: there can be none.
    """
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
