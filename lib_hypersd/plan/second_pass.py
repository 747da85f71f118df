"""The rules of a second pass: of the user's own, and of the one that “Two passes” adds where there is none."""

from collections.abc import Callable
from typing import Any

from . import describe
from .rule import Case, Rule, recommend_nothing

__all__ = ["RULES"]


def want_hires_steps(case: Case) -> int | None:
    """With a second pass, the steps that are fixed, else those of the host's control where the recipe serves them."""
    if not case.adds_second_pass and case.facts.request.second_pass is None:
        return None
    if case.settings.hires_steps is not None:
        return case.settings.hires_steps
    return case.second.steps if case.recipe.serves(case.second.steps) else None


def recommend_hires_steps(case: Case) -> int | None:
    return 0 if case.adds_second_pass or case.facts.request.second_pass else None


def of_added_pass(name: str) -> Callable[[Case], Any]:
    """What the user has fixed or the recipe has for the second pass that the plan adds; None where it adds none."""

    def recommend(case: Case) -> Any:
        fixed = getattr(case.settings, f"hires_{name}")
        recommended = getattr(case.recipe, f"two_pass_{name}") if fixed is None else fixed
        return recommended if case.adds_second_pass else None

    return recommend


def remark_on_hires_steps(case: Case, steps: int | None) -> str | None:
    if steps and not case.recipe.serves(steps):
        return describe.other_hires_steps(steps, case.recipe)
    if steps == 0 and case.settings.hires_steps is None and case.second.steps:
        return describe.hires_steps_passed_over(case.recipe)
    return None


def remark_on_hires_sampler(case: Case, sampler: str | None) -> str | None:
    return remark_on_second_pass(sampler, case.sampler)


def remark_on_hires_schedule(case: Case, schedule: str | None) -> str | None:
    return remark_on_second_pass(schedule, case.schedule)


def remark_on_second_pass(value: str | None, ours: str) -> str | None:
    """On the second pass's own sampler or schedule, which the plan leaves as they are."""
    return None if value in (None, ours, "Automatic") else describe.other_hires_name(value, ours)


def remark_on_two_passes(case: Case, two_pass: bool | None) -> str | None:
    """Where the user's own second pass is on, it comes first."""
    own = case.facts.request.second_pass
    if not two_pass or own is None or case.recipe.two_pass_scale is None:
        return None
    same = all(
        getattr(own, name) in (None, getattr(case.recipe, f"two_pass_{name}"))
        for name in ("scale", "strength", "upscaler")
    )
    return None if same else describe.own_second_pass(case.recipe)


def no_remark(case: Case, value: Any) -> None:
    """Any value is fine."""


RULES = (
    Rule("two_pass", remark_on_two_passes, recommend=recommend_nothing),
    Rule("hires_steps", remark_on_hires_steps, want_hires_steps, recommend_hires_steps),
    Rule("hires_scale", no_remark, of_added_pass("scale"), recommend_nothing),
    Rule("hires_strength", no_remark, of_added_pass("strength"), recommend_nothing),
    Rule("hires_upscaler", no_remark, of_added_pass("upscaler"), recommend_nothing),
    Rule("hires_sampler", remark_on_hires_sampler, lambda case: case.second.sampler, recommend_nothing),
    Rule("hires_schedule", remark_on_hires_schedule, lambda case: case.second.schedule, recommend_nothing),
)
