"""What is said of a pass that another extension runs inside a request that has a plan."""

from ..recipes.catalog import Recipe
from .outcome import Plan
from .wording import in_range, in_steps

__all__ = ["remark_on_pass"]


def remark_on_pass(plan: Plan, steps: int, cfg: float, has_lora: bool) -> str | None:
    """A sentence where a pass of ``steps`` at ``cfg`` spoils its part of the image, else None.

    Few-step networks burn at the steps and the guidance of others, and others stay unfinished at theirs. A checkpoint
    that needs no LoRA has what it needs in every pass.
    """
    recipe = plan.recipe
    if recipe is None:
        return None
    serves = recipe.serves(steps) and recipe.cfg_min <= cfg <= recipe.cfg_max
    ran = f"{in_steps(steps)} at CFG {cfg:g}"
    if plan.file is not None and not has_lora:
        return pass_without_lora(ran, plan.file) if serves else None
    what = plan.file or f"{recipe.maker} in the checkpoint"
    return None if serves else other_pass(ran, what, recipe)


def pass_without_lora(ran: str, lora: str) -> str:
    return (
        f"Another extension ran a pass of {ran} without {lora}: "
        "give its own prompt the LoRA's tag, or its own steps and CFG."
    )


def other_pass(ran: str, what: str, recipe: Recipe) -> str:
    made_for = f"{in_range(recipe)} at CFG {recipe.cfg:g}"
    return f"Another extension ran a pass of {ran} with {what}, which was made for {made_for}: set that there."
