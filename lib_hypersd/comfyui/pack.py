"""What ComfyUI takes from this repository: its nodes, and our samplers and schedules for the lists of its own."""

from collections.abc import Callable
from functools import partial

from . import card, host, nodes
from .samplers import ddim, tcd
from .schedules import sigmas_by_name, table_of

SAMPLERS = {"hypersd_tcd": tcd, "hypersd_ddim": ddim}
SCHEDULES = {"hypersd_trailing": "Trailing", "hypersd_tcd": "TCD", "hypersd_800": "Start at 800"}


def sigmas(schedule: str, model_sampling, steps: int):
    """One of our schedules as ComfyUI calls its own."""
    return sigmas_by_name(schedule, steps, 1.0, table_of(model_sampling))


def load() -> tuple[dict[str, type], dict[str, str]]:
    """The nodes by their ids and the names that they go by; the card's only where no other pack has them."""
    schedules: dict[str, Callable] = {name: partial(sigmas, schedule) for name, schedule in SCHEDULES.items()}
    host.register(SAMPLERS, schedules)
    free = {name: node for name, node in card.NODE_CLASS_MAPPINGS.items() if not host.has_node(name)}
    names = nodes.NODE_DISPLAY_NAME_MAPPINGS | {name: card.NODE_DISPLAY_NAME_MAPPINGS[name] for name in free}
    return nodes.NODE_CLASS_MAPPINGS | free, names
