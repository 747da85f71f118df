"""What the rules of a plan's fields are made of, and what they depend on."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..recipes.catalog import Recipe
from ..recipes.settings import Settings
from .choose import Choice
from .request import SecondPass
from .resolve import Facts

__all__ = ["Case", "Rule", "recommend_nothing"]


class Case(NamedTuple):
    """What the rules depend on; ``recipe`` is the choice's as it is for one pass or for two."""

    facts: Facts
    choice: Choice
    recipe: Recipe

    @property
    def settings(self) -> Settings:
        return self.facts.settings

    @property
    def second(self) -> SecondPass:
        return self.facts.request.second_pass or SecondPass()

    @property
    def adds_second_pass(self) -> bool:
        """Whether the plan has a second pass where the user has set none."""
        return bool(self.settings.two_pass) and self.facts.request.second_pass is None

    @property
    def sampler(self) -> str:
        return self.settings.sampler or self.recipe.sampler

    @property
    def schedule(self) -> str:
        return self.settings.schedule or self.recipe.schedule

    @property
    def weight_in_prompt(self) -> float | None:
        """The tag's weight; an alias without one leaves it open."""
        tag = self.choice.tag
        if tag is None or (not tag.arguments and self.facts.loras[tag.name].names_family):
            return None
        return tag.peak if self.facts.request.reads_schedules else tag.weight

    @property
    def eta_counts(self) -> bool:
        """Whether the eta that a client has sent to the host is the user's to choose."""
        return self.recipe.takes_eta and self.sampler == self.recipe.sampler


class Rule(NamedTuple):
    """One field: the remark on its value (None where there is none), the value that is wanted (None leaves it open) and
    the one that is recommended. Unless given, these are the user's and the recipe's values of that name."""

    name: str
    remark: Callable[[Case, Any], str | None]
    want: Callable[[Case], Any] | None = None
    recommend: Callable[[Case], Any] | None = None

    def value(self, case: Case) -> Any:
        wanted = self.want(case) if self.want else getattr(case.settings, self.name)
        if wanted is not None:
            return wanted
        return self.recommend(case) if self.recommend else getattr(case.recipe, self.name)


def recommend_nothing(case: Case) -> None:
    """No recommendation: the field is the user's."""
