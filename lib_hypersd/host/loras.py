"""The LoRAs that the host has listed, and those that it has loaded."""

import inspect
import math
import operator
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from pathlib import Path
from typing import Any

from modules import extra_networks, hashes, paths, shared

from ..catalog import Catalog
from ..identify import named_family
from ..library import Known, Library, file_of
from ..plan import File, Model
from ..tags import Tag, find, write


def networks():
    """The module of the host's built-in LoRA extension, or None where that is switched off."""
    return sys.modules.get("networks")


def register() -> None:
    """Let the host load SD3's LoRAs in the naming of diffusers, which is that of the published ones.

    Forge has a table of these names, and does not ask it (F:packages_3rdparty/comfyui_lora_collection/lora.py:314).
    """
    tables: Any = sys.modules.get("packages_3rdparty.comfyui_lora_collection.utils")
    if not (hasattr(networks(), "model_lora_keys_unet") and hasattr(tables, "mmdit_to_diffusers")):
        return
    layers = inspect.unwrap(networks().model_lora_keys_unet)  # a reloaded UI registers once more

    @wraps(layers)
    def layers_by_all_names(model, *args, **kwargs):
        known = layers(model, *args, **kwargs)
        if hasattr(model.diffusion_model, "joint_blocks"):
            for name, layer in tables.mmdit_to_diffusers(model.diffusion_model.config, "diffusion_model.").items():
                known.setdefault(f"transformer.{name.removesuffix('.weight')}", layer)
        return known

    networks().model_lora_keys_unet = layers_by_all_names


@dataclass
class Shelf:
    """The files as they were last seen, for as long as the host's list, the recipes and the disk are the same."""

    library: Library
    disks: list = field(default_factory=list)
    basis: tuple = ()
    few_step: list[Known] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    others: frozenset[str] = frozenset()


@cache
def shelf() -> Shelf:
    """What is known of the files, kept beside the host's own settings; made when somebody first asks."""
    may_hash = not getattr(shared.cmd_opts, "no_hashing", False)
    return Shelf(Library(Path(paths.data_path) / "hypersd-files.json", hosts_hashes, may_hash))


def hosts_hashes(path: str) -> tuple[str, str]:
    """SHA-256 and addnet hash of a LoRA from the host's own cache, "" where it has none."""
    title = f"lora/{Path(path).stem}"
    return (
        hashes.sha256_from_cache(path, title) or "",
        hashes.sha256_from_cache(path, title, use_addnet_hash=True) or "",
    )


def others(catalog: Catalog, checkpoint: Model | None) -> frozenset[str]:
    """The names of all other LoRAs that the host has listed, whatever recipe a name sounds like."""
    files(catalog, checkpoint)
    return shelf().others


def files(catalog: Catalog, checkpoint: Model | None) -> list[File]:
    """The few-step LoRAs among those that the host has listed, and those that look like one and must not be used.

    Each with how many of its layers have a place in the checkpoint.

    A file that has changed is looked at again; files that are new are there when the host has listed them. What is
    not promising is read in the background, and found when it was.
    """
    last, disks = shelf(), listed()
    path = checkpoint.path if checkpoint else None
    basis = (catalog, path, last.library.news, [disk.hash for disk in disks])
    # Whenever the host lists its folder, it makes new objects.
    as_before = len(disks) == len(last.disks) and all(map(operator.is_, disks, last.disks))
    if as_before and basis == last.basis and last.library.still(last.few_step):
        return last.files
    known = look(last.library, disks, catalog)
    pairs = [(known[disk.filename], disk) for disk in disks if is_few_step(known[disk.filename], disk)]
    last.few_step, last.files = [one for one, _ in pairs], [as_file(one, disk, path) for one, disk in pairs]
    few_step = {one.path for one in last.few_step}
    last.others = frozenset(n for disk in disks if disk.filename not in few_step for n in (disk.name, disk.alias))
    last.disks, last.basis = disks, basis
    return last.files


def everything(catalog: Catalog) -> list[Known]:
    """What is known of every LoRA that the host has listed."""
    return list(look(shelf().library, listed(), catalog).values())


def listed() -> list:
    """What the host has listed, as its own objects."""
    return list(getattr(networks(), "available_networks", {}).values())


def look(library: Library, disks: list, catalog: Catalog) -> dict[str, Known]:
    known = library.look({disk.filename: disk.hash or "" for disk in disks}, catalog)
    library.start()
    return {one.path: one for one in known}


def as_file(known: Known, disk, checkpoint: str | None) -> File:
    return file_of(known, (disk.alias,) if disk.alias != disk.name else (), checkpoint)


def is_few_step(known: Known, disk) -> bool:
    found = known.identification
    return found.recipe is not None or found.refused or bool(named_family(disk.name))


def standing_tag() -> str:
    """The LoRA that the option "Add network to prompt" adds to every prompt, as a tag; or nothing."""
    name = getattr(shared.opts, "sd_lora", "None")
    if name == "None" or name not in {disk.name for disk in listed()}:
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


def reads_schedules() -> bool:
    """Whether the extension sd-webui-loractl is here and on, which reads weights that change over the steps."""
    return getattr(sys.modules.get("loractl.lib.utils"), "is_active", lambda: False)()


def unreadable(prompts: Sequence[str]) -> list[Tag]:
    """The tags whose weight is no number: the host then loads no LoRA at all."""
    tags = dict.fromkeys(tag for prompt in prompts for tag in find(prompt))
    return [tag for tag in tags if math.isnan(tag.peak if reads_schedules() else tag.weight)]


def unknown(prompts: Sequence[str]) -> list[str]:
    """The LoRAs that the prompts name and the host does not have."""
    known = {name for disk in listed() for name in (disk.name, disk.alias)}
    return list(dict.fromkeys(tag.name for prompt in prompts for tag in find(prompt) if tag.name not in known))
