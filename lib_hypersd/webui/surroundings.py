"""What the host has around a request: its LoRAs, its ways to read a prompt, and what it cannot do at all."""

from collections.abc import Sequence

from ..plan import Model, Request, SecondPass
from ..recipes.catalog import Catalog
from ..recipes.settings import Settings
from . import loras
from .options import comment_stripper, option


def request_of(
    settings: Settings,
    checkpoint: Model,
    catalog: Catalog,
    prompts: Sequence[str],
    second_pass: SecondPass | None = None,
    refiner: Model | None = None,
    eta: float | None = None,
) -> Request:
    """A request as a plan wants to know it, from what is its own."""
    at_hand, standing = loras.at_hand(catalog, checkpoint), loras.standing_tag()
    return Request(
        settings=settings,
        model=checkpoint,
        files=at_hand.files,
        others=at_hand.others,
        prompts=[prompt + standing for prompt in prompts],
        second_pass=second_pass,
        refiner=refiner,
        eta=eta,
        strip=comment_stripper(),
        reads_schedules=loras.reads_schedules(),
    )


def obstacle() -> str | None:
    """Why the host would run none of our hooks, as a sentence; a pack of Neo has such a mode (N:processing.py:878)."""
    if option("forge_model_mode") == "api":
        return "The WebUI is set to have its images made by a service, for which it runs no extension."
    return None
