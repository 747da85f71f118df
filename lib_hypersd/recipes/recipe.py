"""A recipe: how one published file is meant to be used; and what each of its values must be."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..architecture_table import ARCHITECTURES
from ..wording import COMMA, fill, join

__all__ = ["ALIKE", "FAMILIES", "HYPER_SD", "KINDS", "Recipe", "check"]

HYPER_SD = "Hyper-SD"
# What a few-step LoRA is made for, or a checkpoint that needs none.
FAMILIES = {
    "sd15": "SD1.5", "sdxl": "SDXL", "sd3": "SD3", "flux": "FLUX.1-dev", "sd35-large": "SD3.5 large",
    "flux-schnell": "FLUX.1-schnell", "flux2": "FLUX.2", "chroma": "Chroma", "z-image": "Z-Image", "anima": "Anima",
    "qwen-image": "Qwen-Image", "krea2": "Krea 2", "ernie-image": "ERNIE-Image", "wan": "Wan", "pid": "PiD",
}  # fmt: skip
# Families of which a LoRA has layers of another's names and shapes, as far as it has them.
ALIKE = {"flux-schnell": "flux", "chroma": "flux"}
KINDS = {
    "fixed": "a LoRA for exactly one number of steps",
    "unified": "one LoRA for a range of steps",
    "cfg": "a LoRA that keeps guidance, and so the negative prompt, working",
    "distilled-cfg": "a LoRA for a model that takes its guidance as an input",
    "unet": "a checkpoint that needs no LoRA and starts at its own timestep",
    "unet-diffusers": "the same in a form that no WebUI loads",
    "merged": "a checkpoint with the LoRA already in it",
}


@dataclass(frozen=True)
class Recipe:
    """A published file and its recommended settings; for the kind "merged" a kind of checkpoint.

    ``words`` are those that its file name must contain (see ``files/identify.py``). ``maker`` is whose LoRA it is:
    Hyper-SD's come first, others serve where the user has them. ``bases`` are the names of the architectures that it
    was made for, where its family has several.
    ``distilled_cfg`` (a guidance that the model takes as an input) and ``shift`` (of a flow model's sigmas) are for
    the same control of the hosts. ``eta`` may be set from ``eta_min`` to ``eta_max``; without these two it is fixed.
    ``two_pass_…`` are for a second pass over the enlarged image: by what factor, with which upscaler (as the hosts call
    it) and denoising strength; and what the number of steps and CFG are then, where they differ. ``control_weight`` is
    the most that is recommended for a ControlNet.
    ``superseded_bytes`` and ``superseded_sha256`` are those of an edition that its authors replaced under its name.

    Of the kind "merged", ``maker`` is whose distillation the checkpoint has in it, and ``file`` is that maker's own
    checkpoint; ``words`` mark the checkpoint where the maker's name is not in its name; ``bases`` are architectures
    that make few steps by themselves.
    """

    id: str
    family: str
    kind: str
    steps_min: int
    steps_max: int
    steps: int
    cfg: float
    cfg_min: float
    cfg_max: float
    sampler: str
    schedule: str
    weight: float | None = None
    distilled_cfg: float | None = None
    shift: float | None = None
    also_schedule: str | None = None
    eta: float | None = None
    eta_min: float | None = None
    eta_max: float | None = None
    two_pass_scale: float | None = None
    two_pass_strength: float | None = None
    two_pass_upscaler: str | None = None
    two_pass_cfg: float | None = None
    two_pass_steps: int | None = None
    control_weight: float | None = None
    words: str = ""
    file: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    superseded_bytes: int | None = None
    superseded_sha256: str | None = None
    addnet: str | None = None
    repository: str | None = None
    source: list[str] = field(default_factory=list, hash=False)
    bases: list[str] = field(default_factory=list, hash=False)
    maker: str = HYPER_SD

    @property
    def is_lora(self) -> bool:
        return self.kind not in ("unet", "unet-diffusers", "merged")

    @property
    def takes_eta(self) -> bool:
        """Whether there is an eta to set."""
        return self.eta_min is not None and self.eta_max is not None and self.eta_min < self.eta_max

    @property
    def can_be_fetched(self) -> bool:
        """Whether its file can be downloaded and checked. Only Hyper-SD's: other makers publish several files under one
        name, and people keep them under another."""
        if self.maker != HYPER_SD or self.kind in ("merged", "unet-diffusers"):
            return False
        return bool(self.file and self.repository and self.bytes and self.sha256)

    def serves(self, steps: int) -> bool:
        return self.steps_min <= steps <= self.steps_max

    def for_two_passes(self) -> "Recipe":
        """The recipe with the number of steps and the CFG that it has where a second pass follows."""
        return replace(self, cfg=self.two_pass_cfg or self.cfg, steps=self.two_pass_steps or self.steps)

    def made_for(self, architecture: str | None) -> bool:
        """Whether it was made for the architecture of this name; True where either is unknown."""
        return not self.bases or architecture is None or architecture in self.bases


def is_number(value: Any, low: float, high: float) -> bool:
    """Whether value is a finite number within low … high; truth values and text are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def is_whole(value: Any, low: float, high: float = math.inf) -> bool:
    return isinstance(value, int) and is_number(value, low, high)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


NUMBER, WHOLE_NUMBER = "a number from {low} to {high}", "a whole number from {low} to {high}"
BETWEEN, OR_NULL, ONLY_WITH = "between {low} and {high}", "null or {what}", "{what} with {key}, and null without it"
CFG = fill(BETWEEN, low="cfg_min", high="cfg_max")
STEPS = fill(BETWEEN, low="steps_min", high="steps_max")
UP_TO_1 = fill(NUMBER, low=0, high=1)
UP_TO_2 = fill(NUMBER, low=0, high=2)
# What each value must be, in the order in which they are checked; until then the recipe's values may be anything.
REQUIREMENTS: tuple[tuple[Collection[str], Callable[[Any, Any], bool], str], ...] = (
    (["family"], lambda recipe, value: value in list(FAMILIES), fill("one of {names}", names=join(FAMILIES, COMMA))),
    (["kind"], lambda recipe, value: value in list(KINDS), fill("one of {names}", names=join(KINDS, COMMA))),
    (["steps_min", "steps_max", "steps"], lambda recipe, value: is_whole(value, 1, 150),
     fill(WHOLE_NUMBER, low=1, high=150)),
    (["steps"], lambda recipe, value: recipe.serves(value), STEPS),
    (["cfg", "cfg_min", "cfg_max"], lambda recipe, value: is_number(value, 1, 30), fill(NUMBER, low=1, high=30)),
    (["cfg"], lambda recipe, value: recipe.cfg_min <= value <= recipe.cfg_max, CFG),
    (["weight"], lambda recipe, value: not recipe.is_lora or is_number(value, 0, 2), UP_TO_2),
    (["control_weight"], lambda recipe, value: value is None or is_number(value, 0, 2), fill(OR_NULL, what=UP_TO_2)),
    (["words"], lambda recipe, value: not recipe.is_lora or is_text(value), fill("words of the file name")),
    (["distilled_cfg", "shift"], lambda recipe, value: value is None or is_number(value, 0, 30),
     fill(OR_NULL, what=fill(NUMBER, low=0, high=30))),
    (["eta", "eta_min", "eta_max"], lambda recipe, value: value is None or is_number(value, 0, 1),
     fill(OR_NULL, what=UP_TO_1)),
    (["eta_min"], lambda recipe, value: (value is None) == (recipe.eta_max is None),
     fill("there with {key} or not at all", key="eta_max")),
    (["eta"], lambda recipe, value: recipe.eta_min is None or is_number(value, recipe.eta_min, recipe.eta_max),
     fill(BETWEEN, low="eta_min", high="eta_max")),
    (["two_pass_scale"], lambda recipe, value: value is None or is_number(value, 1, 4),
     fill(OR_NULL, what=fill(NUMBER, low=1, high=4))),
    (["two_pass_strength"],
     lambda recipe, value: is_number(value, 0, 1) if recipe.two_pass_scale else value is None,
     fill(ONLY_WITH, what=UP_TO_1, key="two_pass_scale")),
    (["two_pass_upscaler"], lambda recipe, value: is_text(value) if recipe.two_pass_scale else value is None,
     fill(ONLY_WITH, what=fill("a name"), key="two_pass_scale")),
    (["two_pass_cfg"], lambda recipe, value: value is None or recipe.cfg_min <= value <= recipe.cfg_max,
     fill(OR_NULL, what=CFG)),
    (["two_pass_steps"], lambda recipe, value: value is None or (is_whole(value, 1) and recipe.serves(value)),
     fill(OR_NULL, what=STEPS)),
    (["sampler", "schedule", "maker"], lambda recipe, value: is_text(value), fill("a name")),
    (["also_schedule", "file", "sha256", "superseded_sha256", "addnet", "repository"],
     lambda recipe, value: value is None or isinstance(value, str), fill(OR_NULL, what=fill("a text"))),
    (["file"], lambda recipe, value: value is None or (value == Path(value).name and "\\" not in value),
     fill("a bare file name")),
    (["bytes", "superseded_bytes"], lambda recipe, value: value is None or is_whole(value, 1),
     fill(OR_NULL, what=fill("a size"))),
    (["shift"], lambda recipe, value: value is None or recipe.distilled_cfg is None,
     fill("null where there is a {key}", key="distilled_cfg")),
    (["source", "bases"], lambda recipe, value: isinstance(value, list) and all(isinstance(s, str) for s in value),
     fill("a list of texts")),
    (["bases"], lambda recipe, value: {row.name for row in ARCHITECTURES} >= set(value),
     fill("a list of architectures' names")),
)  # fmt: skip


def check(recipe: Recipe) -> None:
    """Raise ValueError, with a sentence, unless every value of the recipe can be carried out."""
    for names, holds, what in REQUIREMENTS:
        for name in names:
            value = getattr(recipe, name)
            if not holds(recipe, value):
                refusal = "“{id}”: {name} must be {expected}, not {value!r}."
                raise ValueError(fill(refusal, id=recipe.id, name=name, expected=what, value=value))
