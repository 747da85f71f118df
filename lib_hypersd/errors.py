"""The base of all errors of this project."""

__all__ = ["HyperSDError"]


class HyperSDError(Exception):
    """Why something was not done, and what to do; every message is a sentence for the user."""
