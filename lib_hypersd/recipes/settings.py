"""The user's settings: one table of fields, from which the panel, the API, infotext and the X/Y/Z axes derive.

A field that is not set is ``None`` and shown as "Recommended". New fields go to the end of the table, so that the
positional arguments of older clients keep their meaning.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..sampling.names import SAMPLERS, SCHEDULES
from ..wording import COMMA, Sentence, fill, join, spell
from .catalog import Catalog, Recipe
from .recipe import NUMBER, WHOLE_NUMBER

__all__ = [
    "FIELDS", "RECOMMENDED", "VARIANTS", "Field", "Settings", "make_infotext", "number", "read_pasted", "read_settings",
    "refuse_value",
]  # fmt: skip

RECOMMENDED = "Recommended"
VARIANTS = {
    "fixed": "Made for one step count",
    "unified": "1–8 steps in one (TCD)",
    "cfg": "CFG-preserved: the negative prompt works",
    "merged": "Already in the checkpoint",
}


class Settings(NamedTuple):
    """Values that the user has fixed; ``None`` leaves the choice to the plan.

    The last six have no control in the panel: only axes and the API set them. The three about a second pass count for
    the one that ``two_pass`` adds.
    """

    enabled: bool = False
    variant: str | None = None
    steps: int | None = None
    weight: float | None = None
    cfg: float | None = None
    eta: float | None = None
    file: str | None = None
    schedule: str | None = None
    two_pass: bool | None = None
    fast_decoding: bool | None = None
    sampler: str | None = None
    hires_steps: int | None = None
    distilled_cfg: float | None = None
    hires_scale: float | None = None
    hires_strength: float | None = None
    hires_upscaler: str | None = None


TRUE_OR_FALSE = fill("true or false")
UNKNOWN = "“{key}” is unknown to this version of Hyper-SD and was passed over."


def read_variant(value: object) -> str:
    for key, label in VARIANTS.items():
        if isinstance(value, str) and fold(value) in (fold(key), fold(label)):
            return key
    raise ValueError(fill("one of {names}", names=join(VARIANTS, COMMA)))


def fold(name: str) -> str:
    """A name's letters and digits, in lower case: the same for all its spellings."""
    return "".join(filter(str.isalnum, name.lower()))


def find_spelling(name: str, names: Iterable[str]) -> str:
    """The one of ``names`` that differs from ``name`` in spelling only; else ``name`` itself."""
    names = list(names)
    return name if name in names else next((other for other in names if fold(other) == fold(name)), name)


def name_of(expected: str, names: Sequence[str] = ()) -> Callable[[Any], str]:
    """A reader of names: those of ``names`` are read in any spelling, all others as they are."""

    def read_name(value: object) -> str:
        if isinstance(value, str) and 0 < len(value) <= 255:
            return find_spelling(value.strip(), names)
        raise ValueError(expected)

    return read_name


def number(low: float, high: float, whole: bool = False) -> Callable[[Any], float]:
    """A reader of numbers from low to high, or of text that spells one."""

    def read_number(value: Any) -> float:
        try:
            result = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            result = math.nan
        if not low <= result <= high or (whole and result != int(result)):
            raise ValueError(fill(WHOLE_NUMBER if whole else NUMBER, low=low, high=high))
        return int(result) if whole else result

    return read_number


def read_switch(value: object) -> bool | None:
    """True for what is switched on. Off is what is recommended, and so None."""
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise ValueError(TRUE_OR_FALSE)
    return True if word == "true" else None


class Field(NamedTuple):
    """A setting: its name in code and API, its label in the panel, its infotext key, and its reader.

    ``in_force`` is the infotext key under which the host writes the value that was used.
    """

    name: str
    label: str
    infotext: str
    read: Callable[[Any], Any]
    choices: tuple[str, ...] = ()
    in_force: str | None = None

    @property
    def is_switch(self) -> bool:
        return self.read is read_switch


TWO_PASS = Field("two_pass", "Two passes", "Hyper-SD two passes", read_switch)
FIELDS = (
    Field("variant", "Variant", "Hyper-SD variant", read_variant, tuple(VARIANTS.values())),
    Field("steps", "Steps", "Hyper-SD steps", number(1, 150, whole=True), (*"12345678", "12", "16"), "Steps"),
    Field("weight", "LoRA weight", "Hyper-SD weight", number(0, 2), ("0.125", "0.5", "0.75", "1.0")),
    Field("cfg", "CFG", "Hyper-SD CFG", number(1, 30), ("1", "1.5", "3", "5", "7"), "CFG scale"),
    Field("eta", "Eta", "Hyper-SD eta", number(0, 1), ("0", "0.3", "0.5", "1.0"), "Eta TCD"),
    Field("file", "LoRA file", "Hyper-SD file", name_of(fill("the name of a LoRA file"))),
    Field("schedule", "Schedule", "Hyper-SD schedule", name_of(fill("the name of a schedule"), SCHEDULES), SCHEDULES,
          "Schedule type"),
    TWO_PASS,
    Field("fast_decoding", "Fast decoding", "Hyper-SD fast decoding", read_switch),
)  # fmt: skip
# The readers of what only axes and the API may set.
EXTRA = {
    "sampler": name_of(fill("the name of a sampler"), SAMPLERS),
    "hires_steps": number(0, 150, whole=True),
    "distilled_cfg": number(0, 30),
    "hires_scale": number(1, 4),
    "hires_strength": number(0, 1),
    "hires_upscaler": name_of(fill("the name of an upscaler")),
}
READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {f.name: (fill(f.label), f.read) for f in FIELDS}
READERS |= {name: (f"“{name}”", read) for name, read in EXTRA.items()}
ENABLED = "Hyper-SD"


def refuse_value(label: str, expected: str, value: object) -> Sentence:
    """That a value is not what its reader has expected."""
    return fill("{label} must be {expected}, not {value!r}.", label=label, expected=expected, value=value)


def read_settings(args: Sequence[Any], fixed: Mapping[str, Any] | None = None) -> tuple[Settings, list[str], list[str]]:
    """Settings from a host's script arguments: ``enabled`` and then FIELDS in order, or one dict of the same names.

    None leaves a field to the recipe; a dict without ``enabled`` switches Hyper-SD on.

    Args:
        fixed: values that come before those of the panel, such as those of an axis of an X/Y/Z plot.

    Returns:
        The settings; a sentence for each invalid value (then nothing may be carried out); a sentence for each key that
        this version does not know and ignores.
    """
    if args and isinstance(args[0], Mapping):
        given = {"enabled": True} | {key: value for key, value in args[0].items() if value is not None}
    else:
        given = dict(zip(("enabled", *(f.name for f in FIELDS)), args, strict=False))
    given.update(fixed or {})
    enabled = given.pop("enabled", None)
    if enabled is None:  # null, in a list of arguments
        enabled = False

    problems: list[str] = []
    values = {}
    if not isinstance(enabled, bool):
        problems.append(refuse_value("“enabled”", TRUE_OR_FALSE, enabled))
        enabled = True
    for name, (label, reader) in READERS.items():
        value = given.pop(name, None)
        if value is None or (isinstance(value, str) and value.strip().lower() in ("", RECOMMENDED.lower())):
            continue
        try:
            values[name] = reader(value)
        except ValueError as expected:
            problems.append(refuse_value(label, str(expected), str(value)[:60]))
    comments: list[str] = [fill(UNKNOWN, key=str(key)[:60]) for key in given]
    if not enabled:
        is_null = bool(args) and args[0] is None
        comments = [fill("The first argument is null, so Hyper-SD is off; true switches it on.")] if is_null else []
    return Settings(enabled, **values), problems, comments


def make_infotext(settings: Settings, recipe: Recipe | None) -> dict[str, str]:
    """The infotext keys that restore the panel: the recipe that was used, and what the user had fixed; none without
    a recipe."""
    if recipe is None:
        return {}
    written = {ENABLED: recipe.id}
    for f in FIELDS:
        value = getattr(settings, f.name)
        if value is not None:
            written[f.infotext] = spell(value) if isinstance(value, float) else str(value)
    return written


def list_keys() -> list[str]:
    """All infotext keys that :func:`make_infotext` may write."""
    return [ENABLED, *(f.infotext for f in FIELDS)]


def read_pasted(f: Field, params: Mapping[str, str], catalog: Catalog) -> str | bool:
    """The value that a field of the panel shows after an infotext was pasted.

    A value that was recommended when the image was made is so again, unless the recipe has changed: then the value
    that was used is fixed, so that the image comes out the same.
    """
    if f.is_switch:
        return ENABLED in params and f.read(params.get(f.infotext, False)) is True
    if ENABLED not in params:
        return RECOMMENDED
    if f.infotext in params:
        value = str(params[f.infotext])
        return VARIANTS.get(value, RECOMMENDED) if f.name == "variant" else value
    used = params.get(f.in_force) if f.in_force else None
    if used in (None, "Automatic"):  # which hosts read where an image names no schedule
        return RECOMMENDED
    recipe = next((r for r in catalog.recipes if r.id == params[ENABLED]), None)
    if recipe is not None and TWO_PASS.infotext in params:
        recipe = recipe.for_two_passes()
    recommended = getattr(recipe, f.name, None)
    try:
        same = recommended is not None and f.read(used) == f.read(recommended)
    except ValueError:
        return RECOMMENDED
    return RECOMMENDED if same else str(used)
