"""How step counts, checkpoints and layers are written in a plan's sentences."""

from collections.abc import Sequence

from ..files.file import File
from ..recipes.catalog import Recipe
from ..wording import COMMA, fill, join
from .request import Model

__all__ = ["in_range", "in_steps", "layers_placed", "named", "span", "spans"]


def in_steps(steps: int) -> str:
    return fill("{count} steps", one="{count} step", count=steps)


def in_range(recipe: Recipe) -> str:
    low, high = recipe.steps_min, recipe.steps_max
    return in_steps(low) if low == high else fill("{low} to {count} steps", low=low, count=high)


def spans(recipes: Sequence[Recipe]) -> str:
    """All step counts that some recipe serves: "1 to 8, 12"."""
    counts = sorted({n for r in recipes for n in range(r.steps_min, r.steps_max + 1)})
    starts = [n for n in counts if n - 1 not in counts]
    ends = [n for n in counts if n + 1 not in counts]
    return join([span(start, end) for start, end in zip(starts, ends, strict=True)], COMMA)


def span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else fill("{low:g} to {high:g}", low=low, high=high)


def named(model: Model) -> str:
    return f"{model.name} ({model.architecture})" if model.architecture else model.name


def layers_placed(file: File, model: Model) -> str:
    fit, placed = file.fit, "{placed} of {layers} layers of {file} have a place in {model}"
    return fill(placed, placed=fit.placed, layers=fit.layers, file=file.name, model=named(model)) if fit else ""
