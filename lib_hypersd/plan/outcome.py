"""The outcome of a request: a plan, or a sentence that says why there is none."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from ..errors import HyperSDError
from ..recipes.catalog import Recipe
from . import tags

__all__ = ["NoPlan", "Plan", "Refusal", "plan_as_json"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, and one sentence that says so.

    ``recipe`` is None for a plan without Hyper-SD. ``file`` and ``weight`` are None where no LoRA is added.
    ``distilled_cfg`` is for the hosts' one control of distilled guidance or, where the recipe has one, of the shift.
    ``hires_steps`` are those of a second pass, 0 for as many as in the first; None without one. The other three are its
    factor of enlargement, denoising strength and upscaler where the plan itself adds that pass. ``eta`` None leaves the
    sampler its own. ``fast_decoding``: the small decoder TAESD makes the image of the latents.

    :meth:`edit` carries out ``rename``, ``strip`` and ``file``. ``offers`` name what one click could change: "cfg"
    (to the CFG-preserved variant) and "detail" (to a lower eta).
    """

    family: str | None
    problem: None = None
    recipe: Recipe | None = None
    file: str | None = None
    weight: float | None = None
    steps: int
    hires_steps: int | None = None
    hires_scale: float | None = None
    hires_strength: float | None = None
    hires_upscaler: str | None = None
    cfg: float
    distilled_cfg: float | None = None
    sampler: str
    schedule: str
    eta: float | None = None
    fast_decoding: bool | None = None
    rename: dict[str, str | None] = field(default_factory=dict, hash=False)
    strip: Callable[[str], str] | None = None
    warnings: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    sentence: str
    missing: None = None

    @property
    def adds_second_pass(self) -> bool:
        return self.hires_scale is not None

    def edit(self, prompt: str) -> str:
        """The prompt with the plan's LoRA tag in it, once, and without the tags that the plan drops.

        Comments stay, unless the host would then read another prompt.
        """
        edited = tags.edit(prompt, self.file, self.weight, self.rename)
        if self.strip is None:
            return edited
        visible = self.strip(edited)
        if tags.edit(visible, self.file, self.weight, self.rename) == visible:
            return edited
        return tags.edit(self.strip(prompt), self.file, self.weight, self.rename)


class NoPlan(NamedTuple):
    """Why nothing will be done, as a sentence.

    ``missing`` is the recipe whose file would solve the problem, if that file is missing and can be fetched.
    """

    family: str | None
    problem: str
    warnings: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    missing: Recipe | None = None

    @property
    def sentence(self) -> str:
        return self.problem

    def edit(self, prompt: str) -> str:
        """The prompt as it is."""
        return prompt


class Refusal(HyperSDError):
    """Why there can be no plan, as a sentence; and the recipe whose file is missing, if that is why."""

    def __init__(self, sentence: str, missing: Recipe | None = None):
        super().__init__(sentence)
        self.missing = missing


def plan_as_json(plan: Plan | NoPlan, prompt: str) -> dict[str, Any]:
    """A plan for programs: recipes by their ids, and the edited prompt; where there is no plan, its values are null."""
    hidden = ("rename", "strip")
    values = {f.name: getattr(plan, f.name, None) for f in fields(Plan) if f.name not in hidden}
    for name in ("recipe", "missing"):
        recipe = values[name]
        values[name] = recipe.id if recipe else None
    return values | {"prompt": plan.edit(prompt)}
