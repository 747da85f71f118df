"""Step 3: one table of the plan's fields: the value wanted, the value recommended, and the remark on it."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..architecture_table import ARCHITECTURES
from ..recipes.catalog import HYPER_SD
from ..recipes.settings import VARIANTS
from ..sampling.names import BY_IMAGE_SIZE
from ..wording import join
from . import describe, refusals, second_pass
from .choose import VARIANT_KINDS, Choice
from .outcome import Refusal
from .resolve import Facts
from .rule import Case, Rule, recommend_nothing
from .tags import Tag

__all__ = ["MORE_DETAIL", "RULES", "Rule", "Settled", "settle"]

MORE_DETAIL = 0.3
# No remark from half of the recommended value to four thirds of it, which is from SDXL's 0.75 to the model card's 1.
LEAST, MOST = 1 / 2, 4 / 3
GUIDANCE = {architecture.name: architecture.guidance for architecture in ARCHITECTURES}


class Settled(NamedTuple):
    """The value of every field, the remarks on them, and what one click could change."""

    values: Mapping[str, Any]
    notes: tuple[str, ...]
    offers: tuple[str, ...]


def settle(facts: Facts, choice: Choice) -> Settled:
    """Every field by its rule.

    Raises:
        Refusal: a value cannot be carried out.
    """
    recipe = choice.recipe.for_two_passes() if facts.settings.two_pass else choice.recipe
    case = Case(facts, choice, recipe)
    refuse_what_cannot_be(case)
    values = {rule.name: rule.value(case) for rule in RULES}
    notes = [rule.remark(case, values[rule.name]) for rule in RULES]
    return Settled(values, tuple(note for note in notes if note), list_offers(case, values))


def refuse_what_cannot_be(case: Case) -> None:
    weight, tag = case.weight_in_prompt, case.choice.tag
    if weight is not None and tag is not None and math.isnan(weight):
        raise Refusal(refusals.no_number(tag))
    if case.schedule == BY_IMAGE_SIZE and BY_IMAGE_SIZE not in (case.recipe.schedule, case.recipe.also_schedule):
        raise Refusal(refusals.by_image_size(case.facts.family))
    if case.adds_second_pass and case.recipe.two_pass_scale is None:
        raise Refusal(refusals.no_two_passes(case.recipe))


# What is wanted, where that is not simply what the user has fixed.


def want_weight(case: Case) -> float | None:
    if case.choice.file is None:
        return None
    return case.settings.weight if case.weight_in_prompt is None else case.weight_in_prompt


def want_eta(case: Case) -> float | None:
    if case.settings.eta is None and case.eta_counts:
        return case.facts.request.eta
    return case.settings.eta


def want_distilled_cfg(case: Case) -> float | None:
    """The hosts have one control for both: it sets the shift where the recipe has one."""
    has_none = case.recipe.distilled_cfg is None and case.recipe.shift is None
    return None if has_none else case.settings.distilled_cfg


def want_fast_decoding(case: Case) -> bool | None:
    return None if case.facts.request.no_fast_decoder else case.settings.fast_decoding


# What is recommended, where that is not simply the recipe's.


def recommend_steps(case: Case) -> int:
    """The steps in the name of a checkpoint with a few-step model in it, where its recipe serves them."""
    steps = case.facts.checkpoint.steps
    return steps if case.choice.file is None and steps and case.recipe.serves(steps) else case.recipe.steps


def recommend_weight(case: Case) -> float | None:
    return case.recipe.weight if case.choice.file else None


def recommend_eta(case: Case) -> float | None:
    return case.recipe.eta if case.sampler == case.recipe.sampler else None


def recommend_distilled_cfg(case: Case) -> float | None:
    """The recipe's shift, or the guidance of the checkpoint's own makers, or the recipe's."""
    if case.recipe.distilled_cfg is None:
        return case.recipe.shift
    return GUIDANCE.get(case.facts.request.model.architecture or "") or case.recipe.distilled_cfg


# The remarks.


def remark_on_variant(case: Case, variant: str | None) -> str | None:
    if variant is None or case.recipe.kind in VARIANT_KINDS[variant]:
        return None
    return describe.other_kind(VARIANTS[variant])


def remark_on_steps(case: Case, steps: int) -> str | None:
    return None if case.recipe.serves(steps) else describe.other_steps(steps, case.recipe)


def remark_on_cfg(case: Case, cfg: float) -> str | None:
    return describe.outside("CFG", cfg, case.recipe.cfg_min, case.recipe.cfg_max)


def remark_on_weight(case: Case, weight: float | None) -> str | None:
    fixed, in_prompt = case.settings.weight, case.weight_in_prompt
    if weight is None:
        return None if fixed is None else describe.WEIGHT_WITHOUT_LORA
    both = fixed is not None and in_prompt is not None and fixed != in_prompt
    remarks = [
        describe.tag_before_weight(weight, fixed or 0) if both else None,
        describe.WEIGHT_0 if weight == 0 else remark_on_distance("LoRA weight", weight, case.recipe.weight),
        *(describe.other_weight(tag, weight) for tag in find_tags_of_other_weights(case, weight)[:1]),
    ]
    return join(filter(None, remarks)) or None


def find_tags_of_other_weights(case: Case, weight: float) -> list[Tag]:
    """The tags of the plan's file in other prompts than the first that give it another weight."""
    rename, name = case.choice.rename, case.choice.file.name if case.choice.file else None
    others = [tag for tag in case.facts.tags if rename.get(tag.name, tag.name) == name and tag not in case.facts.first]
    return [tag for tag in others if tag.arguments and weight not in (tag.weight, tag.peak)]


def remark_on_distilled_cfg(case: Case, value: float | None) -> str | None:
    label = "Shift" if case.recipe.distilled_cfg is None else "Distilled CFG"
    return None if value is None else remark_on_distance(label, value, recommend_distilled_cfg(case))


def remark_on_distance(label: str, value: float, recommended: float | None) -> str | None:
    if recommended is None or recommended * LEAST <= value <= recommended * MOST:
        return None
    return describe.outside(label, value, recommended, recommended)


def remark_on_sampler(case: Case, sampler: str) -> str | None:
    return None if sampler == case.recipe.sampler else describe.other_sampler(sampler, case.recipe.sampler)


def remark_on_schedule(case: Case, schedule: str) -> str | None:
    if schedule in (case.recipe.schedule, case.recipe.also_schedule):
        return None
    return describe.other_schedule(schedule, case.recipe.schedule)


def remark_on_eta(case: Case, eta: float | None) -> str | None:
    recipe, sent = case.recipe, case.facts.request.eta
    if case.settings.eta is None:
        is_passed_over = case.sampler == recipe.sampler and not case.eta_counts and sent != eta
        return describe.eta_passed_over(sent, recipe) if sent is not None and is_passed_over else None
    if recipe.eta is None:
        return describe.no_eta(recipe.sampler)
    low = recipe.eta if recipe.eta_min is None else recipe.eta_min
    high = recipe.eta if recipe.eta_max is None else recipe.eta_max
    return describe.outside("Eta", case.settings.eta, low, high)


def remark_on_fast_decoding(case: Case, value: bool | None) -> str | None:
    return case.facts.request.no_fast_decoder if case.settings.fast_decoding else None


RULES = (
    Rule("variant", remark_on_variant, recommend=recommend_nothing),
    Rule("steps", remark_on_steps, recommend=recommend_steps),
    Rule("cfg", remark_on_cfg),
    Rule("weight", remark_on_weight, want_weight, recommend_weight),
    Rule("sampler", remark_on_sampler),
    Rule("schedule", remark_on_schedule),
    Rule("eta", remark_on_eta, want_eta, recommend_eta),
    Rule("distilled_cfg", remark_on_distilled_cfg, want_distilled_cfg, recommend_distilled_cfg),
    *second_pass.RULES,
    Rule("fast_decoding", remark_on_fast_decoding, want_fast_decoding, recommend_nothing),
)


def list_offers(case: Case, values: Mapping[str, Any]) -> tuple[str, ...]:
    """What one click could change, see :class:`Plan`. At one step there is no eta to lower."""
    recipe, eta = case.recipe, values["eta"]
    guided = any((r.maker, r.family, r.kind) == (HYPER_SD, recipe.family, "cfg") for r in case.facts.catalog.recipes)
    is_detailed = recipe.kind != "unified" or values["steps"] == 1 or eta is None or eta <= MORE_DETAIL
    could = {"cfg": values["cfg"] <= 1 and recipe.is_lora and guided, "detail": not is_detailed}
    return tuple(name for name, offered in could.items() if offered)
