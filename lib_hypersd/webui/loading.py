"""What the host has put into its model: a LoRA that it has not is never taken for loaded."""

import inspect
import sys
from functools import wraps
from typing import Any

from modules import extra_networks

from ..files.layers import Fit, count_layers
from .loras import find_networks
from .options import get_option


def register() -> None:
    """Count what the host loads, and let it load what it could; called again at every reload of the UI."""
    name_sd3_as_diffusers()
    count_patches()


def name_sd3_as_diffusers() -> None:
    """Let the host load SD3's LoRAs in the naming of diffusers, which is that of the published ones.

    Forge has a table of these names, and does not use it (F:packages_3rdparty/comfyui_lora_collection/lora.py:314).
    """
    tables: Any = sys.modules.get("packages_3rdparty.comfyui_lora_collection.utils")
    layers = getattr(find_networks(), "model_lora_keys_unet", None)
    if layers is None or hasattr(layers, "hypersd") or not hasattr(tables, "mmdit_to_diffusers"):
        return

    @wraps(layers)
    def layers_by_all_names(model, *args, **kwargs):
        names = layers(model, *args, **kwargs)
        if hasattr(model.diffusion_model, "joint_blocks"):
            for name, layer in tables.mmdit_to_diffusers(model.diffusion_model.config, "diffusion_model.").items():
                names.setdefault(f"transformer.{name.removesuffix('.weight')}", layer)
        return names

    vars(layers_by_all_names)["hypersd"] = True
    find_networks().model_lora_keys_unet = layers_by_all_names


def count_patches() -> None:
    """Keep on a network that the host patches how many of its layers each LoRA has changed, by the LoRA's file.

    A host drops a LoRA that does not fit and keeps its name among the loaded ones; whose the patches are
    is not kept (N:extensions-builtin/sd_forge_lora/networks.py:56-79).
    """
    load = getattr(find_networks(), "load_lora_for_models", None)
    if load is None or hasattr(load, "hypersd"):
        return
    parameters = inspect.signature(load)

    @wraps(load)
    def load_and_count(*args, **kwargs):
        given = parameters.bind(*args, **kwargs).arguments
        patcher, filename = given["model"], given.get("filename")
        loaded = load(*args, **kwargs)
        layers = count_changes(loaded[0]) - count_changes(patcher)
        patcher.model.hypersd_layers = {**getattr(patcher.model, "hypersd_layers", {}), filename: layers}
        return loaded

    vars(load_and_count)["hypersd"] = True
    find_networks().load_lora_for_models = load_and_count


def count_changes(patcher) -> int:
    """How many changes of layers a patched network holds; Forge keeps them by their LoRA, its kin all together."""
    by_lora = getattr(patcher, "lora_patches", None)
    layers = [patcher.patches] if by_lora is None else by_lora.values()
    return sum(len(changes) for of_lora in layers for changes in of_lora.values())


def is_loaded(name: str, sd_model) -> bool:
    """Whether the LoRA is part of the model now, with as many of its layers as it needs."""
    fit = count_loaded(name, sd_model)
    return fit is not None and fit.is_enough


def count_loaded(name: str, sd_model) -> Fit | None:
    """How many layers of a LoRA are part of the model now; None where the host has not loaded it."""
    loaded = getattr(find_networks(), "loaded_networks", [])
    network = next((net for net in loaded if net.network_on_disk.name == name), None)
    if network is None:
        return None
    filename = network.network_on_disk.filename
    patcher = getattr(getattr(sd_model, "forge_objects", None), "unet", None)
    if patcher is None:
        placed = sum("diffusion_model" in layer for layer in network.modules)
    elif holds_loras_itself(patcher, filename):
        return Fit(1, 1)
    elif repr(filename) in sd_model.current_lora_hash:  # what the loaded checkpoint was last patched with
        placed = getattr(patcher.model, "hypersd_layers", {}).get(filename, 0)
    else:
        placed = 0
    layers = count_layers(filename) or max(placed, 1)
    return Fit(layers, min(placed, layers))


def holds_loras_itself(patcher, filename: str) -> bool:
    """Whether the network takes the file's layers in the moment of use, as Nunchaku's do (N:networks.py:40)."""
    return any(file == filename for file, *_ in getattr(patcher.model.diffusion_model, "loras", None) or [])


def name_for_refiner(name: str) -> str:
    """What the host calls the LoRA once a refiner has taken over, by an option of Neo (N:sd_samplers_common.py:201)."""
    for line in get_option("refiner_lora_replacement", "").splitlines():
        before, _, after = (part.strip() for part in line.partition("="))
        name = name.replace(before, after) if before else name
    return name


def keep_loaded(name: str, p) -> None:
    """Load the request's LoRAs again when a refiner has changed the checkpoint, before the host computes its conds.

    A1111 drops all LoRAs when it loads another checkpoint (A:sd_models.py:737, A:sd_samplers_common.py:199).
    """
    setup_conds = p.setup_conds

    def load_and_setup_conds():
        if not is_loaded(name, p.sd_model):
            extra_networks.activate(p, p.hr_extra_network_data if p.is_hr_pass else p.extra_network_data)
        return setup_conds()

    p.setup_conds = load_and_setup_conds


def release(p) -> None:
    """Give the request its own ``setup_conds`` again."""
    vars(p).pop("setup_conds", None)
