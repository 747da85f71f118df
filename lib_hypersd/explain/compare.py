"""Why an image is bad: the plan for what it says, beside the plan for what its LoRA or checkpoint was made for.

There are no rules here: a value is wrong where the planner has a remark on it or refuses it.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..files.file import File
from ..files.identify import identify, named_family
from ..files.names import FAMILY_WORDS, words
from ..plan import Model, NoPlan, Plan, Request, make_plan
from ..plan.resolve import resolve
from ..plan.tags import Tag, find
from ..recipes.catalog import FAMILIES, HYPER_SD, Catalog, Recipe
from ..recipes.settings import Settings
from ..wording import AND, COMMA, fill, join, spell
from .names import SAME_SAMPLERS, SAME_SCHEDULES
from .record import Record

__all__ = ["Cause", "Explanation", "explain"]

LABELS = {
    "lora": "LoRA", "steps": fill("Steps"), "cfg": "CFG", "sampler": fill("Sampler"), "schedule": fill("Schedule"),
    "weight": fill("LoRA weight"), "eta": "Eta", "distilled_cfg": fill("Distilled CFG"),
}  # fmt: skip
ALL_FITS = fill("Nothing that it says differs from what that was made for.")
NOTHING_TO_COMPARE = fill("There is nothing to compare its values with.")
NO_FAMILY, NONE = fill("a checkpoint of no family that is known"), fill("not set")
FAMILY_NAMES = {family: family for family in FAMILIES} | FAMILY_WORDS
VERSION_1 = re.compile(r"v1-[45]\b")  # as its makers call SD1.x's files
FEW = 8  # steps that no checkpoint makes by itself
LARGE = 0.6e6  # pixels, from which on an image is SDXL's rather than SD1.5's
# How much each field spoils: for numbers, by the logarithm of how many times too much or too little it is.
HARM = {
    "lora": 9.0,
    "cfg": 2.0,
    "steps": 1.0,
    "weight": 0.9,
    "distilled_cfg": 0.9,
    "sampler": 0.8,
    "schedule": 0.5,
    "eta": 0.4,
}


@dataclass(frozen=True)
class Cause:
    """A value that does not fit: its field, it and the right one as they are written, the planner's sentence, and how
    much it spoils (more being worse)."""

    field: str
    value: str
    right: str
    sentence: str
    harm: float

    def __str__(self) -> str:
        if not self.right:
            return self.sentence
        differs = fill("{label}: {value} → {right}.", label=LABELS[self.field], value=self.value, right=self.right)
        return join([differs, self.sentence])


@dataclass(frozen=True)
class Explanation:
    """``plan`` is what fits the image's LoRA or checkpoint, with the image's own prompt; ``causes`` come worst first.
    ``sentence`` says what the image was read as."""

    record: Record
    plan: Plan | NoPlan | None
    causes: tuple[Cause, ...]
    sentence: str

    @property
    def advice(self) -> str:
        """What to set, as a sentence; "" where that is not known."""
        if not self.causes:
            return ALL_FITS if self.plan else NOTHING_TO_COMPARE
        if self.plan is None or self.plan.problem is not None:
            return ""
        return fill("What fits: {sentence}", sentence=self.plan.sentence)


def explain(record: Record, catalog: Catalog) -> Explanation:
    """What does not fit in an image."""
    named = find(record.prompt)
    held = {tag.name: recipe for tag in named if (recipe := find_recipe(record, tag.name, catalog))}
    tags = [tag for tag in named if tag.name in held]
    family = find_family(record, held)
    architecture = find_architecture(record, family, catalog)
    model = Model(family, record.checkpoint or fill("its checkpoint"), architecture=architecture)
    files = [File(name, recipe) for name, recipe in held.items()] + list_published(catalog, held)
    recommended = find_recommended(record, tags, held)
    request = Request(Settings(enabled=True), model, files, (recommended,), strip=None)
    facts = resolve(request, catalog)
    if not tags and facts.checkpoint.recipe is None:
        return explain_plain(record, family, catalog)
    plan = make_plan(request, catalog)
    # The wrong LoRA comes before all values, which are right or wrong for another one.
    causes = [*list_lora_causes(plan, tags)] or [*list_value_causes(record, request, plan, tags, catalog)]
    causes.sort(key=lambda cause: -cause.harm)
    makers = join([tag.name for tag in tags], COMMA) or fill("{maker} in the checkpoint", maker=facts.checkpoint.maker)
    read = "Read from {source}: {family} with {makers}."
    sentence = fill(read, source=record.source, family=name_family(family), makers=makers)
    return Explanation(record, plan, tuple(causes), sentence)


def explain_plain(record: Record, family: str | None, catalog: Catalog) -> Explanation:
    """An image with neither a few-step LoRA nor a checkpoint that is known as one."""
    read = "Read from {source}: {family}, with no few-step LoRA and no checkpoint that is known as one."
    sentence = fill(read, source=record.source, family=name_family(family))
    if not record.steps or record.steps > FEW:
        return Explanation(record, None, (), sentence)
    plan = make_plan(Request(Settings(enabled=True), Model(family), None, (record.prompt,), strip=None), catalog)
    unfinished = fill(
        "{count} steps leave an image unfinished unless a few-step LoRA or checkpoint makes it.",
        "{count} step leaves an image unfinished unless a few-step LoRA or checkpoint makes it.",
        count=record.steps,
    )
    right = plan.file if isinstance(plan, Plan) and plan.file else ""
    cause = Cause("lora", NONE, right, unfinished, HARM["lora"])
    return Explanation(record, plan, (cause,), sentence)


def name_family(family: str | None) -> str:
    return FAMILIES.get(family or "", NO_FAMILY)


def find_recipe(record: Record, name: str, catalog: Catalog) -> Recipe | None:
    """The recipe of a LoRA, by its name or hash; where the name tells a family only, the one for the image's steps."""
    recipe = identify(catalog, name, record.hashes.get(name, ""))
    family = named_family(name)
    if recipe or family is None:
        return recipe
    ours = [r for r in catalog.recipes if r.is_lora and r.maker == HYPER_SD and r.family == family and r.kind != "cfg"]
    serving = [r for r in ours if r.serves(record.steps or FEW)] or [r for r in ours if r.serves(FEW)]
    return min(serving, key=lambda r: r.steps_max - r.steps_min, default=None)


def find_family(record: Record, held: Mapping[str, Recipe]) -> str | None:
    """The checkpoint's family: what the program says, then its name, its LoRA's, and the size of the image."""
    have = words(record.checkpoint)
    named = {FAMILY_NAMES[word] for word in have if word in FAMILY_NAMES}
    if VERSION_1.match(record.checkpoint):
        named.add("sd15")
    if "flux" in named and "schnell" in have:
        return "flux-schnell"
    if record.family or len(named) == 1:
        return record.family or named.pop()
    if held:
        return next(iter(held.values())).family
    if record.width * record.height == 0:
        return None
    return "sdxl" if record.width * record.height > LARGE else "sd15"


def find_architecture(record: Record, family: str | None, catalog: Catalog) -> str | None:
    """The architecture that makes few steps by itself, where the checkpoint is called by its name."""
    have = words(record.checkpoint)
    own = (base for r in catalog.recipes if (r.kind, r.family) == ("merged", family) for base in r.bases)
    return next((base for base in own if words(base) <= have), None)


def list_published(catalog: Catalog, held: Mapping[str, Recipe]) -> list[File]:
    """Hyper-SD's own LoRAs, as far as the image has none of the same recipe: what could have been used instead."""
    of_image = {recipe.id for recipe in held.values()}
    ours = [r for r in catalog.recipes if r.is_lora and r.file and r.maker == HYPER_SD and r.id not in of_image]
    return [File((r.file or "").removesuffix(".safetensors"), r) for r in ours]


def find_recommended(record: Record, tags: Sequence[Tag], held: Mapping[str, Recipe]) -> str:
    """The prompt with the recommended weight in the tag of each few-step LoRA."""
    prompt = record.prompt
    for tag in tags:
        weight = held[tag.name].weight
        weight = 1.0 if weight is None else weight
        prompt = prompt.replace(str(tag), str(tag._replace(arguments=f":{spell(weight)}")))
    return prompt


def list_lora_causes(plan: Plan | NoPlan, tags: Sequence[Tag]) -> Iterator[Cause]:
    """What is wrong with the LoRA or the checkpoint themselves, whatever values are set."""
    names = join([tag.name for tag in tags], AND)
    if isinstance(plan, NoPlan):
        yield Cause("lora", names, "", plan.problem, HARM["lora"])
    elif plan.file is not None:
        yield from (Cause("lora", names, "", warning, HARM["lora"]) for warning in plan.warnings)


def list_value_causes(
    record: Record, request: Request, plan: Plan | NoPlan, tags: Sequence[Tag], catalog: Catalog
) -> Iterator[Cause]:
    """A cause for each value on which the planner has a remark that it has not on the recommended one."""
    if isinstance(plan, NoPlan) or plan.recipe is None:
        return
    for name, value in list_values(record, plan.recipe).items():
        other = make_plan(request._replace(settings=request.settings._replace(**{name: value})), catalog)
        yield from compare(name, value, getattr(plan, name), plan, other)
    used = next((tag for tag in tags if tag.name == plan.file), None)
    if used is not None:
        other = make_plan(request._replace(prompts=(record.prompt,)), catalog)
        yield from compare("weight" if used.weight else "lora", used.weight, plan.weight, plan, other)


def list_values(record: Record, recipe: Recipe) -> dict[str, Any]:
    """The image's values that are said, but for those that are another name for the recipe's."""
    values = {name: getattr(record, name) for name in ("steps", "cfg", "sampler", "schedule", "eta", "distilled_cfg")}
    if recipe.distilled_cfg is None and recipe.shift is None:
        values["distilled_cfg"] = None
    same = SAME_SAMPLERS.get(recipe.eta if recipe.eta is not None else 0.0, ())
    if record.steps == 1 or {record.sampler, recipe.sampler} <= set(same):
        values["sampler"] = None
    if {record.schedule, *SAME_SCHEDULES.get(record.schedule or "", ())} & {recipe.schedule, recipe.also_schedule}:
        values["schedule"] = None
    return {name: value for name, value in values.items() if value is not None}


def compare(name: str, value: Any, right: Any, plan: Plan, other: Plan | NoPlan) -> Iterator[Cause]:
    """A cause where the plan with this value has a remark, or a refusal, that the right one has not."""
    found = [other.problem] if other.problem else [text for text in other.warnings if text not in plan.warnings]
    if found:
        yield Cause(name, write(value), write(right), join(found), harm_of(name, value, plan.recipe))


def write(value: Any) -> str:
    return value if isinstance(value, str) else spell(value) if value is not None else NONE


def harm_of(name: str, value: Any, recipe: Recipe | None) -> float:
    """How much a value spoils: names by their field alone, numbers by how many times they are out of their range."""
    if recipe is None or isinstance(value, str) or name in ("eta", "lora"):
        return HARM[name]
    ranges = {
        "steps": (recipe.steps_min, recipe.steps_max),
        "cfg": (recipe.cfg_min, recipe.cfg_max),
        "weight": (recipe.weight, recipe.weight),
        "distilled_cfg": (recipe.distilled_cfg or recipe.shift,) * 2,
    }
    low, high = (float(end or 1) for end in ranges[name])
    times = max(low / max(value, 1e-3), value / high, 1.0)
    return HARM[name] * math.log(times)
