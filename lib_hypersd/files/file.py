"""A LoRA at hand, as a plan wants to know it."""

from typing import NamedTuple

from ..recipes.catalog import Recipe
from .layers import Fit

__all__ = ["File"]


class File(NamedTuple):
    """A LoRA at hand: the name and other names a prompt may call it by, and its recipe where that is known.

    ``superseded``: it is an edition that its authors have replaced since. ``family`` is the one that its layers are
    made for, of ``catalog.FAMILIES`` or ``LOOKALIKES``, where they tell. ``problem`` says, as a sentence, why the file
    cannot be used (then it has no recipe); ``looks_like`` is the recipe that it would have had. ``strength`` is how
    surely it is what its recipe says, more being surer; ``fit`` is how many of its layers have a place in the
    checkpoint, None where that is not known. ``own`` is whether it was distilled from this very checkpoint; None where
    it does not say from which, as those of a whole family.
    """

    name: str
    recipe: Recipe | None
    aliases: tuple[str, ...] = ()
    superseded: bool = False
    family: str | None = None
    problem: str | None = None
    looks_like: Recipe | None = None
    strength: int = 0
    fit: Fit | None = None
    own: bool | None = None

    @property
    def made_for(self) -> str | None:
        """The family of checkpoints that the file fits; what its layers say comes before its recipe."""
        return self.family or (self.recipe.family if self.recipe else None)
