"""The rules of a second pass: of the user's own, and of the one that “Two passes” adds where there is none."""

from typing import Any

from . import describe
from .rule import Case, Rule, recommend_nothing

__all__ = ["RULES"]

ADDED = ("scale", "strength", "upscaler")  # what a pass that the plan adds is made with, beside its steps


def want_hires_steps(case: Case) -> int | None:
    """With a second pass, the steps that are fixed, else those of the host's control where the recipe serves them."""
    if not case.adds_second_pass and case.facts.request.second_pass is None:
        return None
    if case.settings.hires_steps is not None:
        return case.settings.hires_steps
    return case.second.steps if case.recipe.serves(case.second.steps) else None


def recommend_hires_steps(case: Case) -> int | None:
    return 0 if case.adds_second_pass or case.facts.request.second_pass else None


def rule_of_added_pass(name: str) -> Rule:
    """The rule of a value in ``ADDED``, which is None where the plan adds no pass."""

    def want(case: Case) -> Any:
        return getattr(case.settings, f"hires_{name}") if case.adds_second_pass else None

    def recommend(case: Case) -> Any:
        return getattr(case.recipe, f"two_pass_{name}") if case.adds_second_pass else None

    return Rule(f"hires_{name}", no_remark, want, recommend)


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
    same = all(getattr(own, name) in (None, getattr(case.recipe, f"two_pass_{name}")) for name in ADDED)
    return None if same else describe.own_second_pass(case.recipe)


def no_remark(case: Case, value: Any) -> None:
    """Any value is fine."""


RULES = (
    Rule("two_pass", remark_on_two_passes, recommend=recommend_nothing),
    Rule("hires_steps", remark_on_hires_steps, want_hires_steps, recommend_hires_steps),
    *map(rule_of_added_pass, ADDED),
    Rule("hires_sampler", remark_on_hires_sampler, lambda case: case.second.sampler, recommend_nothing),
    Rule("hires_schedule", remark_on_hires_schedule, lambda case: case.second.schedule, recommend_nothing),
)
