"""The scripts that a page or a request of the host's runs, ours and others'."""

from typing import Any

__all__ = ["find_script"]


def find_script(runner, title: str) -> Any:
    """The script of this title that is always run, None where the host has none."""
    return next((script for script in runner.alwayson_scripts if script.title() == title), None)
