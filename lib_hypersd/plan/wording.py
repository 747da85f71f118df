"""How step counts and their ranges are written in sentences."""

from collections.abc import Sequence

from ..recipes.catalog import Recipe

__all__ = ["in_range", "in_steps", "spans"]


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
