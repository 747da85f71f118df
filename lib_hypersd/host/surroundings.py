"""What the host has around a request: its LoRAs and its ways to read a prompt."""

from collections.abc import Sequence

from ..catalog import Catalog
from ..plan import Model, Request, SecondPass
from ..settings import Settings
from . import loras
from .options import comment_stripper


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
