"""Callbacks of the host, added without its registering functions: each of those inspects the whole stack for
the script's name, 55 ms on v1.10.1, unless the name is given."""

from collections.abc import Callable
from pathlib import Path

from modules import script_callbacks


def add(callbacks: list, category: str, function: Callable, script: str | Path) -> None:
    """Let the host call ``function`` among ``callbacks``, its list of a category.

    A host that takes no name has the entry put into the list.
    """
    try:
        script_callbacks.add_callback(callbacks, function, category=category, filename=str(script))
    except TypeError:
        callbacks.append(script_callbacks.ScriptCallback(str(script), function))
