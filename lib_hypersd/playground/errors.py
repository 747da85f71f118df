"""What the playground refuses, each kind by itself."""

from ..errors import HyperSDError

__all__ = ["RefusedJob", "Unloadable", "UnreadableImage", "Unservable", "UnwritableFolder"]


class RefusedJob(HyperSDError):
    """A picture cannot be made as the job describes it."""


class UnreadableImage(HyperSDError):
    """A file to start from holds no image."""


class UnwritableFolder(HyperSDError):
    """A folder for pictures cannot be written to."""


class Unloadable(HyperSDError):
    """A checkpoint or a LoRA is not there, or cannot be loaded."""


class Unservable(HyperSDError):
    """The page cannot be served at the given address."""
