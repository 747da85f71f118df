"""What the playground refuses, each kind by itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import HyperSDError
from ..wording import shown

__all__ = [
    "OutOfMemory",
    "RefusedJob",
    "Unloadable",
    "UnreadableImage",
    "Unservable",
    "UnwritableFolder",
    "first_line",
    "refusing_unloadable",
]


class RefusedJob(HyperSDError):
    """A picture cannot be made as the job describes it."""


class OutOfMemory(RefusedJob):
    """The memory of the device is too small for what was to be made at once."""


class UnreadableImage(HyperSDError):
    """A file to start from holds no image."""


class UnwritableFolder(HyperSDError):
    """A folder for pictures cannot be written to."""


class Unloadable(HyperSDError):
    """A checkpoint or a LoRA is not there, or cannot be loaded."""


class Unservable(HyperSDError):
    """The page cannot be served at the given address."""


@contextmanager
def refusing_unloadable(name: str) -> Iterator[None]:
    """Have whatever diffusers makes of a file of this name end as Unloadable; our own refusals pass."""
    try:
        yield
    except (HyperSDError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise Unloadable(f"{shown(name)} could not be loaded ({first_line(error)}).") from error


def first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return shown(text[0][:200].rstrip(".")) if text else type(error).__name__
