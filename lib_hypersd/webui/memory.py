"""What is remembered of the host's checkpoints, beside the host's own settings."""

import os
from functools import cache
from pathlib import Path

from modules import paths, sd_models, shared

from ..plan import Memory
from ..recipes.memory import CannotRemember, Entry, Memories
from ..wording import fill
from .options import get_option

FORGET = "hypersd_forget"  # the option in which the entries to be forgotten are ticked


@cache
def get_store() -> Memories:
    return Memories(Path(paths.data_path) / "hypersd-checkpoints.json")


def recall(info) -> Memory:
    """What is remembered of a checkpoint of the host's."""
    entry = make_entry(info, Memory())
    return get_store().find(entry.name, entry.size, entry.sha256)


def remember(memory: Memory, name: str | None = None) -> Entry:
    """Keep a memory of a checkpoint, the selected one unless another is named.

    Raises:
        CannotRemember: there is no such checkpoint, or the file cannot be written.
    """
    info = sd_models.get_closet_checkpoint_match(name or get_option("sd_model_checkpoint", ""))
    if info is None:
        raise CannotRemember(fill("The WebUI has no checkpoint of that name."))
    entry = make_entry(info, memory)
    get_store().keep(entry)
    return entry


def make_entry(info, memory: Memory) -> Entry:
    """A checkpoint by its name, its size and the hash that the host has of it."""
    size = os.path.getsize(info.filename) if os.path.exists(info.filename) else 0
    return Entry(info.name_for_extra, size, getattr(info, "sha256", None) or "", memory)


def label_entries() -> dict[str, Entry]:
    """All entries, as the settings page lists them."""
    return {f"{entry.name}: {entry.memory.summary()}": entry for entry in get_store().read().entries}


def forget_ticked() -> None:
    """Forget the entries that are ticked on the settings page; nothing stays ticked."""
    entries = label_entries()
    for label in get_option(FORGET) or []:
        if label in entries:
            entry = entries[label]
            get_store().keep(Entry(entry.name, entry.size, entry.sha256))
    shared.opts.data[FORGET] = []
