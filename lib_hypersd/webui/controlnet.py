"""The units of ControlNet, the extension's or the host's own, that a request switches on."""

from collections.abc import Iterable
from typing import Any

TITLE = "ControlNet"

__all__ = ["TITLE", "find_weights", "read_weights"]


def find_weights(p) -> list[float]:
    """The weights of the units that a request of the host has on."""
    for script in getattr(p.scripts, "alwayson_scripts", None) or []:
        if script.title() == TITLE:
            return read_weights(p.script_args[script.args_from : script.args_to])
    return []


def read_weights(units: Iterable[Any]) -> list[float]:
    """The weights of those that are on among units as the page has them, objects, or as clients send them, by name.

    What is not given is as in the hosts' own units (F:lib_controlnet/external_code.py:168): on, at weight 1.
    """
    fields = [unit if isinstance(unit, dict) else getattr(unit, "__dict__", {}) for unit in units]
    weights = [unit.get("weight", 1.0) for unit in fields if unit.get("enabled", bool(unit))]
    return [weight for weight in weights if isinstance(weight, int | float)]
