"""The one base of the project's errors."""

__all__ = ["HyperSDError"]


class HyperSDError(Exception):
    """Something could not be done; the message is a sentence for the user."""
