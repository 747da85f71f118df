"""What the panel asks its surroundings, a WebUI or the playground, and the choices that follow from the answers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..download.downloads import Downloads
from ..plan import File, Memory, Model, Request
from ..recipes.catalog import Catalog
from ..recipes.settings import RECOMMENDED, Settings

# What the user may say is in the checkpoint, besides the makers' names; see plan.Memory.
INSIDE = {"As its name says": None, "Nothing: it is a plain checkpoint": ""}


class Backend(NamedTuple):
    """The recipes, the selected model (None while nothing is known of it), the LoRAs for it, and the request that an
    image with these settings and this prompt would be.

    ``refresh`` has the folders listed again, ``downloads`` fetches what is missing; both only when the user presses the
    button. ``remember`` keeps what the user says of the checkpoint. ``obstacle`` says why no plan at all could be run.
    ``last_infotext`` is that of the last image that was made, "" where there is none. ``has_fast_decoder``: whether
    TAESD is at hand for any model. ``language`` is the user's, of those in ``translation.PLURALS``; None is English.
    """

    catalog: Callable[[], Catalog]
    model: Callable[[], Model | None]
    files: Callable[[Catalog, Model | None], Sequence[File]]
    request: Callable[[Settings, Model, Catalog, str], Request]
    refresh: Callable[[], None]
    downloads: Downloads
    remember: Callable[[Memory], object]
    obstacle: Callable[[], str | None] = lambda: None
    last_infotext: Callable[[], str] = lambda: ""
    has_fast_decoder: Callable[[], bool] = lambda: False
    language: Callable[[], str | None] = lambda: None


def file_choices(backend: Backend) -> list[str]:
    """The LoRAs that the selected model could take."""
    model, catalog = backend.model(), backend.catalog()
    family = model.family if model else None
    files = backend.files(catalog, model)
    return [RECOMMENDED, *(f.name for f in files if f.recipe and family in (None, f.made_for))]


def inside_choices(backend: Backend) -> list[str]:
    """What may be in the checkpoint: the makers whose few-step models its family has recipes for."""
    model = backend.model()
    recipes = [r for r in backend.catalog().recipes if r.kind == "merged" and model and r.family == model.family]
    return [*INSIDE, *dict.fromkeys(recipe.maker for recipe in recipes)]


def inside_value(backend: Backend) -> str:
    """The choice among them that is remembered for the checkpoint."""
    model = backend.model()
    inside = model.memory.inside if model else None
    return next((label for label, value in INSIDE.items() if value == inside), inside or "")
