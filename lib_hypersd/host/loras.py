"""The LoRAs that the host has listed, and those that it has loaded."""

import os
import sys
from collections.abc import Sequence

from modules import extra_networks, shared

from ..catalog import Catalog, Recipe
from ..identify import identify, named_family
from ..plan import File
from ..tags import find, write


def networks():
    """The module of the host's built-in LoRA extension, or None where that is switched off."""
    return sys.modules.get("networks")


def files(catalog: Catalog) -> list[File]:
    """The few-step LoRAs among those that the host knows: nothing is read from the disk."""
    found = []
    for name, on_disk in getattr(networks(), "available_networks", {}).items():
        recipe = identify(catalog, name, on_disk.hash or "")
        if recipe is not None or named_family(name):
            aliases = (on_disk.alias,) if on_disk.alias != name else ()
            found.append(File(name, recipe, aliases, recipe is not None and superseded(recipe, on_disk)))
    return found


def superseded(recipe: Recipe, on_disk) -> bool:
    """Whether the file is an edition that its authors have replaced, told by its size or hash."""
    if recipe.superseded_bytes is None:
        return False
    try:
        return recipe.superseded_sha256 == on_disk.hash or recipe.superseded_bytes == os.stat(on_disk.filename).st_size
    except OSError:
        return False


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


def is_loaded(name: str, sd_model) -> bool:
    """Whether the LoRA is part of the model now, with at least one layer that fits."""
    loaded = getattr(networks(), "loaded_networks", [])
    network = next((net for net in loaded if net.network_on_disk.name == name), None)
    if network is None:
        return False
    patcher = getattr(getattr(sd_model, "forge_objects", None), "unet", None)
    if patcher is None:
        return bool(network.modules)
    # Hosts that patch the network keep its layers there. Each patch has its file's name, or all are told by a hash.
    filename = network.network_on_disk.filename
    if hasattr(patcher, "lora_patches"):
        return any(identifier[0] == filename and patches for identifier, patches in patcher.lora_patches.items())
    return repr(filename) in sd_model.current_lora_hash and bool(patcher.patches)


def keep_loaded(name: str, p) -> None:
    """Load the request's LoRAs again when a refiner has changed the checkpoint, in the moment the host asks for conds.

    A1111 drops all LoRAs when it loads another checkpoint (A:sd_models.py:737, A:sd_samplers_common.py:199).
    """
    setup_conds = p.setup_conds

    def load_and_setup_conds():
        if not is_loaded(name, p.sd_model):
            extra_networks.activate(p, p.hr_extra_network_data if p.is_hr_pass else p.extra_network_data)
        return setup_conds()

    p.setup_conds = load_and_setup_conds


def forget(p) -> None:
    """Give the request its own ``setup_conds`` again."""
    vars(p).pop("setup_conds", None)


def unknown(prompts: Sequence[str]) -> list[str]:
    """The LoRAs that the prompts name and the host does not have."""
    known = {name for disk in networks().available_networks.values() for name in (disk.name, disk.alias)}
    return list(dict.fromkeys(tag.name for prompt in prompts for tag in find(prompt) if tag.name not in known))
