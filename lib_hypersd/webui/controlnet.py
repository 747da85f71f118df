"""The units of ControlNet, the extension's or the host's own, in a request."""

from collections.abc import Iterable
from typing import Any

from .scripts import find_script

TITLE = "ControlNet"
LIST = "controlnet/model_list"  # where both have a page ask for the names of the models
INFOTEXT = "ControlNet 0"  # the infotext's key of a first unit that was carried out

__all__ = ["INFOTEXT", "LIST", "TITLE", "find_weights", "make_unit", "read_weights"]


def find_weights(p) -> list[float]:
    """The weights of the units that a request of the host has on."""
    script = find_script(p.scripts, TITLE) if p.scripts else None
    return read_weights(p.script_args[script.args_from : script.args_to]) if script else []


def make_unit(model: str, image: str, weight: float) -> dict[str, Any]:
    """A unit as clients send it, with an image (as a data URL) that is to be followed as it is: without a module, whose
    name for none is not the same on all hosts."""
    return {"enabled": True, "model": model, "image": image, "weight": weight}


def read_weights(units: Iterable[Any]) -> list[float]:
    """The weights of those that are on among units as the page has them, objects, or as clients send them, by name.

    What is not given is as in the hosts' own units (F:lib_controlnet/external_code.py:168): on, at weight 1.
    """
    fields = [unit if isinstance(unit, dict) else getattr(unit, "__dict__", {}) for unit in units]
    weights = [unit.get("weight", 1.0) for unit in fields if unit.get("enabled", bool(unit))]
    return [weight for weight in weights if isinstance(weight, int | float)]
