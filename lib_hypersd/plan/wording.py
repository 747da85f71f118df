"""How step counts, checkpoints and layers are written in a plan's sentences."""

from collections.abc import Sequence

from ..files.file import File
from ..recipes.catalog import Recipe
from .request import Model

__all__ = ["in_range", "in_steps", "layers_placed", "named", "spans"]


def in_steps(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def in_range(recipe: Recipe) -> str:
    low, high = recipe.steps_min, recipe.steps_max
    return in_steps(low) if low == high else f"{low} to {high} steps"


def spans(recipes: Sequence[Recipe]) -> str:
    """All step counts that some recipe serves: "1 to 8, 12"."""
    counts = sorted({n for r in recipes for n in range(r.steps_min, r.steps_max + 1)})
    starts = [n for n in counts if n - 1 not in counts]
    ends = [n for n in counts if n + 1 not in counts]
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))


def named(model: Model) -> str:
    return f"{model.name} ({model.architecture})" if model.architecture else model.name


def layers_placed(file: File, model: Model) -> str:
    fit = file.fit
    return f"{fit.placed} of {fit.layers} layers of {file.name} have a place in {named(model)}" if fit else ""
