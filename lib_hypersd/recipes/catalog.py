"""What is published and how its authors mean it to be used: one list of recipes, read from ``catalog.json``.

A recipe is one flat JSON object. Users add their own, or change single values of ours by naming the same ``id``,
in a file of the same form; what is broken in it is named with its line, and the rest is used.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from pathlib import Path

from ..architecture_table import ARCHITECTURES, LOOKALIKES

__all__ = ["ALIKE", "FAMILIES", "HYPER_SD", "KINDS", "LOOKALIKES", "Catalog", "Recipe", "load_catalog", "published"]

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
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """One published file and its recommended settings; ``words`` are what its file name must contain (see identify).

    ``maker`` is whose LoRA it is: Hyper-SD's come first, others serve where the user holds them. For the kind "merged"
    it is whose distillation the checkpoint has inside, and a ``file`` means the maker's own checkpoint; ``words`` are
    then what names say of it where that maker's own name is not in them.
    ``bases`` are the architectures, by their names, that it was made for, where its family has several; for the kind
    "merged" those that make few steps by themselves. ``distilled_cfg`` and ``shift`` are for the one control that
    hosts have for a guidance that goes into the model, or for the shift of a flow model's sigmas.
    ``eta`` may be set from ``eta_min`` to ``eta_max``; without these two it is fixed.
    ``superseded_bytes`` and ``superseded_sha256`` are those of an edition that its authors replaced under its name.
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
        """Whether it says which file it is, where that stands, and how to tell that it is whole.

        Only Hyper-SD's: several of the others are published under one name, and go by another where people hold them.
        """
        if self.maker != HYPER_SD or self.kind in ("merged", "unet-diffusers"):
            return False
        return bool(self.file and self.repository and self.bytes and self.sha256)

    def serves(self, steps: int) -> bool:
        return self.steps_min <= steps <= self.steps_max

    def made_for(self, architecture: str | None) -> bool:
        """Whether it was made for the architecture of this name, as far as that is known."""
        return not self.bases or architecture is None or architecture in self.bases


@dataclass(frozen=True, eq=False)
class Catalog:
    """All recipes, in order, and a sentence for each entry that could not be read."""

    recipes: tuple[Recipe, ...]
    problems: tuple[str, ...] = ()


@cache
def published() -> Catalog:
    """The catalog that ships with the extension; read once."""
    text = Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
    return Catalog(tuple(Recipe(**entry) for entry in json.loads(text)))


def load_catalog(path: Path) -> Catalog:
    """The published catalog with the user's file applied to it; a missing file changes nothing.

    A file is read again only when its time or size has changed.
    """
    try:
        status = path.stat()
    except OSError:
        return published()
    return read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def read(path: Path, mtime_ns: int, size: int) -> Catalog:
    base = published()
    if size > MOST_BYTES:
        return replace(base, problems=(f"{path.name} is larger than {MOST_BYTES} bytes and was not read.",))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return replace(base, problems=(f"{path.name} could not be read ({error}); the published recipes are used.",))

    recipes = {recipe.id: recipe for recipe in base.recipes}
    problems = []
    for line, entry in entries(text):
        try:
            recipe = merge(recipes, entry)
        except ValueError as error:
            problems.append(f"{path.name}, line {line}: {error} This entry is left out.")
        else:
            recipes[recipe.id] = recipe
    return Catalog(tuple(recipes.values()), tuple(problems))


def entries(text: str) -> Iterator[tuple[int, dict | str]]:
    """The objects of a JSON list, each with its line; where one cannot be parsed, a sentence in its place.

    Entries are flat, so after a broken one reading goes on at the next opening brace.
    """

    def line_of(position):
        return text.count("\n", 0, position) + 1

    decoder = json.JSONDecoder()
    start = text.find("[")
    if text[: max(start, 0)].strip() or start < 0:
        yield 1, "the file is no list of recipes ([ {…}, {…} ])."
        return
    position = text.find("{", start)
    while position >= 0:
        try:
            entry, end = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            at = getattr(error, "pos", position)
            yield line_of(at), f"{getattr(error, 'msg', 'nested too deeply')}."
            position = text.find("{", max(at, position + 1))
        else:
            yield line_of(position), entry
            position = text.find("{", end)


def merge(recipes: dict[str, Recipe], entry: dict | str) -> Recipe:
    """A recipe from an entry, on top of the recipe of the same id where there is one.

    Raises:
        ValueError: a sentence that names the entry and what is wrong with it.
    """
    if isinstance(entry, str):
        raise ValueError(entry)
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError("an entry needs an “id”.")
    known = {f.name for f in fields(Recipe)}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ValueError(f"“{name}” has “{unknown[0]}”, which no recipe has.")
    if name in recipes:
        recipe = replace(recipes[name], **entry)
    else:
        try:
            recipe = Recipe(**entry)
        except TypeError:
            missing = [f for f in REQUIRED if f not in entry]
            raise ValueError(f"“{name}” lacks “{missing[0]}”.") from None
    check(recipe)
    return recipe


REQUIRED = ("family", "kind", "steps_min", "steps_max", "steps", "cfg", "cfg_min", "cfg_max", "sampler", "schedule")


NUMBERS = (
    ("distilled_cfg", 0, 30), ("shift", 0, 30), ("eta", 0, 1), ("eta_min", 0, 1), ("eta_max", 0, 1),
)  # fmt: skip


def check(recipe: Recipe) -> None:
    """Raise ValueError, with a sentence, unless every value of the recipe can be carried out."""

    def require(ok, name, what):
        if not ok:
            raise ValueError(f"“{recipe.id}”: {name} must be {what}, not {getattr(recipe, name)!r}.")

    require(recipe.family in list(FAMILIES), "family", "one of " + ", ".join(FAMILIES))
    require(recipe.kind in list(KINDS), "kind", "one of " + ", ".join(KINDS))
    for name in ("steps_min", "steps_max", "steps"):
        value = getattr(recipe, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole and 1 <= value <= 150, name, "a whole number from 1 to 150")
    require(recipe.serves(recipe.steps), "steps", "between steps_min and steps_max")
    for name in ("cfg", "cfg_min", "cfg_max"):
        require(is_number(getattr(recipe, name), 1, 30), name, "a number from 1 to 30")
    require(recipe.cfg_min <= recipe.cfg <= recipe.cfg_max, "cfg", "between cfg_min and cfg_max")
    if recipe.is_lora:
        require(is_number(recipe.weight, 0, 2), "weight", "a number from 0 to 2")
        require(isinstance(recipe.words, str) and recipe.words.strip(), "words", "words of the file name")
    for name, low, high in NUMBERS:
        value = getattr(recipe, name)
        require(value is None or is_number(value, low, high), name, f"null or a number from {low} to {high}")
    least, most, eta = recipe.eta_min, recipe.eta_max, recipe.eta
    require((least is None) == (most is None), "eta_min", "there with eta_max or not at all")
    if least is not None and most is not None:
        require(eta is not None and least <= eta <= most, "eta", "between eta_min and eta_max")
    for name in ("sampler", "schedule", "maker"):
        require(isinstance(getattr(recipe, name), str) and getattr(recipe, name), name, "a name")
    for name in ("also_schedule", "file", "sha256", "superseded_sha256", "addnet", "repository"):
        value = getattr(recipe, name)
        require(value is None or isinstance(value, str), name, "null or a text")
    if recipe.file is not None:
        require(recipe.file == Path(recipe.file).name and "\\" not in recipe.file, "file", "a bare file name")
    for name in ("bytes", "superseded_bytes"):
        value = getattr(recipe, name)
        require(value is None or (isinstance(value, int) and value > 0), name, "null or a size")
    require(recipe.shift is None or recipe.distilled_cfg is None, "shift", "null where there is a distilled_cfg")
    for name in ("source", "bases"):
        value = getattr(recipe, name)
        require(isinstance(value, list) and all(isinstance(s, str) for s in value), name, "a list of texts")
    known = {architecture.name for architecture in ARCHITECTURES}
    require(known >= set(recipe.bases), "bases", "a list of architectures' names")


def is_number(value, low: float, high: float) -> bool:
    """Whether value is a finite number within low … high; truth values and text are none."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )
