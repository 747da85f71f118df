"""The remark on a pass that another extension runs inside a request that has a plan."""

from ..wording import fill
from .outcome import Plan
from .wording import in_range, in_steps

__all__ = ["remark_on_pass"]


def remark_on_pass(plan: Plan, steps: int, cfg: float, has_lora: bool) -> str | None:
    """A sentence where a pass of ``steps`` at ``cfg`` spoils its part of the image, else None.

    A few-step model burns at the steps and guidance of other models, and these stay unfinished at its own. A
    checkpoint that needs no LoRA has what it needs in every pass.
    """
    recipe = plan.recipe
    if recipe is None:
        return None
    serves = recipe.serves(steps) and recipe.cfg_min <= cfg <= recipe.cfg_max
    ran = fill("{steps} at CFG {cfg:g}", steps=in_steps(steps), cfg=cfg)
    if plan.file is not None and not has_lora:
        without = (
            "Another extension ran a pass of {ran} without {file}: "
            "give its own prompt the LoRA's tag, or its own steps and CFG."
        )
        return fill(without, ran=ran, file=plan.file) if serves else None
    what = plan.file or fill("{maker} in the checkpoint", maker=recipe.maker)
    made_for = fill("{steps} at CFG {cfg:g}", steps=in_range(recipe), cfg=recipe.cfg)
    other = "Another extension ran a pass of {ran} with {what}, which was made for {made_for}: set that there."
    return None if serves else fill(other, ran=ran, what=what, made_for=made_for)
