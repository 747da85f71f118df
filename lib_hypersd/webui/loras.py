"""The LoRAs that the host has listed, and how it reads the prompts that name them."""

import math
import operator
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from modules import hashes, paths

from ..files.library import Library, LoraFile, file_of
from ..plan import File, Model
from ..plan.tags import Tag, find, write
from ..recipes.catalog import Catalog
from .options import get_option, get_switch


def find_networks():
    """The module of the host's built-in LoRA extension, or None where that is switched off."""
    return sys.modules.get("networks")


class AtHand(NamedTuple):
    """The few-step LoRAs among those that the host has listed, and those that look like one and must not be used, each
    with how many of its layers have a place in the checkpoint; and the names of all others, whatever recipe a name
    suggests."""

    files: list[File]
    others: frozenset[str]


class Shelf:
    """What was found last, which holds as long as the host's list, the recipes and the disk are the same."""

    def __init__(self, library: Library):
        self.library = library
        self.disks: list = []
        self.basis: tuple = ()
        self.few_step: list[LoraFile] = []
        self.at_hand = AtHand([], frozenset())


@cache
def get_shelf() -> Shelf:
    """What was read of the files, kept beside the host's own settings; made at its first use."""
    may_hash = not get_switch("no_hashing", False)
    return Shelf(Library(Path(paths.data_path) / "hypersd-files.json", read_hosts_hashes, may_hash))


def read_hosts_hashes(path: str) -> tuple[str, str]:
    """SHA-256 and addnet hash of a LoRA from the host's own cache, "" where it has none."""
    title = f"lora/{Path(path).stem}"
    read = hashes.sha256_from_cache
    return read(path, title) or "", read(path, title, use_addnet_hash=True) or ""


def find_at_hand(catalog: Catalog, checkpoint: Model | None) -> AtHand:
    """The LoRAs that the host has listed, for a checkpoint.

    A file that has changed is examined again; a new one counts once the host has listed it. Files that do not look like
    few-step LoRAs are read in the background, and count once they have been read.
    """
    last, disks = get_shelf(), get_listed()
    path = checkpoint.path if checkpoint else None
    basis = (catalog, path, last.library.news, [disk.hash for disk in disks])
    # Whenever the host lists its folder, it makes new objects.
    as_before = len(disks) == len(last.disks) and all(map(operator.is_, disks, last.disks))
    if as_before and basis == last.basis and last.library.is_current(last.few_step):
        return last.at_hand
    files = examine(last.library, disks, catalog)
    pairs = [(files[disk.filename], disk) for disk in disks if files[disk.filename].is_few_step]
    last.few_step = [lora for lora, _ in pairs]
    few_step = {lora.path for lora in last.few_step}
    others = frozenset(name for disk in disks if disk.filename not in few_step for name in (disk.name, disk.alias))
    aliases = [(disk.alias,) if disk.alias != disk.name else () for _, disk in pairs]
    last.at_hand = AtHand([file_of(lora, names, path) for (lora, _), names in zip(pairs, aliases, strict=True)], others)
    last.disks, last.basis = disks, basis
    return last.at_hand


def list_all(catalog: Catalog) -> list[LoraFile]:
    """Every LoRA that the host has listed."""
    return list(examine(get_shelf().library, get_listed(), catalog).values())


def get_listed() -> list:
    """What the host has listed, as its own objects."""
    return list(getattr(find_networks(), "available_networks", {}).values())


def examine(library: Library, disks: list, catalog: Catalog) -> dict[str, LoraFile]:
    files = library.examine({disk.filename: disk.hash or "" for disk in disks}, catalog)
    library.background.start()
    return {lora.path: lora for lora in files}


def find_standing_tag() -> str:
    """The LoRA that the option "Add network to prompt" adds to every prompt, as a tag; or nothing."""
    name = get_option("sd_lora", "None")
    if name == "None" or name not in {disk.name for disk in get_listed()}:
        return ""
    return " " + write(name, get_option("extra_networks_default_multiplier", 1.0))


def refresh() -> None:
    """Let the host list its LoRA folder again, as its own refresh button does."""
    list_again = getattr(find_networks(), "list_available_networks", None)
    if list_again:
        list_again()


def reads_schedules() -> bool:
    """Whether the extension sd-webui-loractl is here and on, which reads weights that change over the steps."""
    return getattr(sys.modules.get("loractl.lib.utils"), "is_active", lambda: False)()


def find_unreadable(prompts: Sequence[str]) -> list[Tag]:
    """The tags whose weight is no number: the host then loads no LoRA at all."""
    tags = dict.fromkeys(tag for prompt in prompts for tag in find(prompt))
    return [tag for tag in tags if math.isnan(tag.peak if reads_schedules() else tag.weight)]


def find_missing(prompts: Sequence[str]) -> list[str]:
    """The LoRAs that the prompts name and the host does not have."""
    listed_names = list_names()
    return list(dict.fromkeys(tag.name for prompt in prompts for tag in find(prompt) if tag.name not in listed_names))


def list_names() -> set[str]:
    """By which the host's LoRAs can be called."""
    return {name for disk in get_listed() for name in (disk.name, disk.alias)}
