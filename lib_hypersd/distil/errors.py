"""What distillation refuses."""

from ..errors import HyperSDError

__all__ = ["RefusedRun"]


class RefusedRun(HyperSDError):
    """A run cannot be begun, or cannot go on: a sentence that says why and what to do."""
