"""The LoRAs that the host has listed, and those that it has loaded."""

import sys

from modules import shared

from ..catalog import Catalog
from ..identify import identify, named_family
from ..plan import File
from ..tags import write


def networks():
    """The module of the host's built-in LoRA extension, or None where that is switched off."""
    return sys.modules.get("networks")


def files(catalog: Catalog) -> list[File]:
    """The few-step LoRAs among those that the host knows: nothing is read from the disk."""
    found = []
    for name, on_disk in getattr(networks(), "available_networks", {}).items():
        recipe = identify(catalog, name, on_disk.hash or "")
        if recipe is not None or named_family(name):
            found.append(File(name, recipe, (on_disk.alias,) if on_disk.alias != name else ()))
    return found


def standing_tag(catalog: Catalog) -> str:
    """The few-step LoRA that the option "Add network to prompt" adds to every prompt, as a tag; or nothing."""
    name = getattr(shared.opts, "sd_lora", "None")
    if name not in {file.name for file in files(catalog)}:
        return ""
    return f" {write(name, shared.opts.extra_networks_default_multiplier)}"


def refresh() -> None:
    """Let the host list its LoRA folder again, as its own refresh button does."""
    list_again = getattr(networks(), "list_available_networks", None)
    if list_again:
        list_again()


def is_loaded(name: str) -> bool:
    """Whether the LoRA is part of the model now, with at least one layer that fits."""
    loaded = getattr(networks(), "loaded_networks", [])
    return any(net.network_on_disk.name == name and net.modules for net in loaded)
