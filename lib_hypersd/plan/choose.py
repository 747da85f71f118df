"""Step 2: which recipe, and which file. The order of preference is a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..files.file import File
from ..files.names import recipe_inside
from ..recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, Recipe
from ..recipes.settings import Settings
from ..wording import join
from . import describe, refusals
from .outcome import Refusal
from .resolve import Facts, Lora, by_word
from .tags import Tag

__all__ = ["PREFERENCE", "VARIANT_KINDS", "Choice", "Tags", "choose", "sort_tags"]

FAVOURITE_STEPS = 8
VARIANT_KINDS = {
    "fixed": ("fixed", "distilled-cfg"),
    "unified": ("unified",),
    "cfg": ("cfg",),
    "merged": ("merged", "unet"),
}
# What a family's recipes were distilled from; the flow models' families have no other kind.
PREDICTIONS = {"sd15": ("epsilon", "v_prediction"), "sdxl": ("epsilon", "v_prediction")}


def misses_cfg(settings: Settings, recipe: Recipe, file: File) -> bool:
    return settings.cfg is not None and not recipe.cfg_min <= settings.cfg <= recipe.cfg_max


# A LoRA of this checkpoint comes before those of its whole family, and these before one of another checkpoint.
OWN = {True: 0, None: 1, False: 2}
# Of two LoRAs that could serve, the first of these keys in which they differ decides: the smaller one wins.
PREFERENCE: tuple[tuple[str, Callable[[Settings, Recipe, File], Any]], ...] = (
    ("fits a CFG that is set", misses_cfg),
    ("was distilled from this checkpoint", lambda settings, recipe, file: OWN[file.own]),
    ("is Hyper-SD's", lambda settings, recipe, file: recipe.maker != HYPER_SD),
    ("has a CFG of its own for two passes", lambda s, recipe, file: bool(s.two_pass) and not recipe.two_pass_cfg),
    ("needs no other CFG than 1", lambda settings, recipe, file: not settings.cfg and recipe.kind == "cfg"),
    ("is nearest to 8 steps", lambda s, recipe, file: 0 if s.steps else abs(recipe.steps - FAVOURITE_STEPS)),
    ("is made for the fewest step counts", lambda settings, recipe, file: recipe.steps_max - recipe.steps_min),
    ("is the current edition", lambda settings, recipe, file: file.superseded),
    ("is identified most surely", lambda settings, recipe, file: -file.strength),
    ("comes first in the alphabet", lambda settings, recipe, file: file.name),
)


class Tags(NamedTuple):
    """The tags of few-step LoRAs that fit the checkpoint, in order; the LoRAs of those that do not, with remarks."""

    fitting: tuple[Tag, ...]
    wrong: tuple[Lora, ...]
    notes: tuple[str, ...]


class Choice(NamedTuple):
    """The recipe and the file (None where the checkpoint needs none), and the tag that decided, if one did.

    ``rename`` is what becomes of the tags of few-step LoRAs (see :func:`tags.edit`); ``notes`` are remarks on what
    is done otherwise than the user wrote.
    """

    recipe: Recipe
    file: File | None
    tag: Tag | None
    rename: Mapping[str, str | None]
    notes: tuple[str, ...]


def sort_tags(facts: Facts) -> Tags:
    """The prompts' few-step LoRAs by whether they fit the checkpoint.

    A LoRA of unknown family counts as fitting: its file has a problem, which is the refusal once it is chosen.

    Raises:
        Refusal: no LoRA of Hyper-SD fits the checkpoint.
    """
    check_checkpoint(facts)
    tags = [tag for tag in facts.tags if facts.loras[tag.name].is_few_step]
    wrong = {tag.name: facts.loras[tag.name] for tag in tags if not fits(facts.loras[tag.name], facts)}
    fitting = tuple(tag for tag in tags if tag.name not in wrong)
    return Tags(fitting, tuple(wrong.values()), tuple(describe.wrong_tag(lora, facts) for lora in wrong.values()))


def choose(facts: Facts, tags: Tags) -> Choice:
    """The recipe and the file.

    Raises:
        Refusal: the LoRA that is meant is missing, or cannot be used.
    """
    tag = next((tag for tag in facts.first if tag in tags.fitting), None)
    named = facts.loras[tag.name] if tag else None
    fixed = facts.loras.get(facts.settings.file or "")
    notes = []
    if uses_what_is_inside(facts, by_hand=bool(tag or fixed)):
        recipe, file = find_recipe_inside(facts), None
    else:
        if named and fixed and not named.is_alias and fixed.name != named.name:
            notes.append(describe.tag_before_file(named.name, fixed.name))
        recipe, file = choose_file(facts, named, fixed)
    rename, dropped = rename_tags(tags.fitting, tag, file, facts)
    rename |= {lora.name: None for lora in tags.wrong}
    return Choice(recipe, file, tag, rename, (*notes, *(describe.second_lora(name) for name in dropped)))


def check_checkpoint(facts: Facts) -> None:
    """Refuse a checkpoint of no family, or with another prediction type than the recipes were distilled from."""
    model = facts.request.model
    if model.family in LOOKALIKES:
        raise Refusal(refusals.lookalike(facts))
    if model.family not in FAMILIES:
        raise Refusal(refusals.no_family(facts))
    if model.prediction not in PREDICTIONS.get(model.family, (model.prediction,)):
        raise Refusal(refusals.other_prediction(model))


def fits(lora: Lora, facts: Facts) -> bool:
    return lora.family in (None, facts.family) and (lora.file is None or layers_fit(lora.file))


def layers_fit(file: File) -> bool:
    """Whether enough of a file's layers have a place in the checkpoint; True where that is unknown."""
    return file.fit is None or file.fit.is_enough


def uses_what_is_inside(facts: Facts, by_hand: bool) -> bool:
    """Whether the few-step model in the checkpoint is used, instead of a LoRA: unless the user wants one."""
    variant = facts.settings.variant
    if variant == "merged":
        return not by_hand
    return facts.checkpoint.maker is not None and variant is None and not by_hand


def find_recipe_inside(facts: Facts) -> Recipe:
    """The recipe for what is in the checkpoint; Hyper-SD's where only the variant states that something is."""
    if facts.checkpoint.recipe is not None:
        return facts.checkpoint.recipe
    if facts.checkpoint.maker is not None:
        raise Refusal(refusals.unknown_inside(facts))
    recipe = recipe_inside(facts.catalog, by_word(HYPER_SD), facts.family)
    if recipe is None:
        raise Refusal(refusals.nothing_published(facts))
    return recipe


def choose_file(facts: Facts, named: Lora | None, fixed: Lora | None) -> tuple[Recipe, File]:
    """The LoRA: the one that the prompt names, else the one fixed in the panel, else the best at hand."""
    if named and not named.is_alias:
        return take_named_file(named, facts)
    if fixed:
        return take_named_file(fixed, facts)
    return find_best_file(facts, only_hyper_sd=named is not None)


def take_named_file(lora: Lora, facts: Facts) -> tuple[Recipe, File]:
    """The file of a LoRA that the user has named, or the best file of its recipe."""
    if lora.file and lora.file.problem:
        raise Refusal(lora.file.problem)
    recipe = lora.recipe
    if recipe is None:
        raise Refusal(refusals.no_recipe(lora.name))
    if not recipe.is_lora:
        raise Refusal(refusals.no_lora(lora.name, recipe))
    if lora.family != facts.family:
        raise Refusal(refusals.other_family(lora, facts))
    file = lora.file or pick_best((f for f in facts.files if f.recipe and f.recipe.id == recipe.id), facts)
    if file is None:
        raise Refusal(refusals.missing(recipe, facts), recipe)
    if not layers_fit(file):
        raise Refusal(refusals.few_layers_fit(file, facts))
    return recipe, file


def find_best_file(facts: Facts, only_hyper_sd: bool) -> tuple[Recipe, File]:
    """The best LoRA at hand for the variant and the steps that are set.

    Other makers' LoRAs count where the user has them; only Hyper-SD's are ever called missing.
    """
    settings = facts.settings
    declared = [f.recipe for f in facts.files if f.recipe and f.recipe not in facts.catalog.recipes]
    wanted = [r for r in (*facts.catalog.recipes, *declared) if r.family == facts.family and r.is_lora]
    if only_hyper_sd or facts.request.files is None:
        wanted = [r for r in wanted if r.maker == HYPER_SD]
    if settings.variant:
        wanted = [r for r in wanted if r.kind in VARIANT_KINDS[settings.variant]]
    served = [r for r in wanted if not settings.steps or r.serves(settings.steps)]
    ids = {r.id for r in served}
    held = [f for f in facts.files if f.recipe and f.recipe.id in ids and f.made_for == facts.family]
    usable = [f for f in held if layers_fit(f)]
    fitting = [f for f in usable if f.recipe and f.recipe.made_for(facts.request.model.architecture)]
    file = pick_best(fitting or usable, facts)
    if file is not None and file.recipe is not None:
        return file.recipe, file

    ours = [r for r in wanted if r.maker == HYPER_SD and r not in declared]
    if not ours:
        serves_not = wanted and not served
        raise Refusal(refusals.nobody_serves(facts, wanted) if serves_not else refusals.nothing_published(facts))
    serving = [r for r in ours if r in served]
    if not serving:
        raise Refusal(refusals.nobody_serves(facts, ours))
    recipe = min(serving, key=lambda recipe: rank(settings, recipe, File("", recipe)))
    broken = [f.problem for f in facts.files if f.problem and f.looks_like == recipe]
    too_few = [refusals.few_layers_fit(f, facts) for f in held if not layers_fit(f)]
    raise Refusal(join([*broken[:1], *too_few[:1], refusals.missing(recipe, facts)]), recipe)


def pick_best(files: Iterable[File], facts: Facts) -> File | None:
    ranked = [(rank(facts.settings, file.recipe, file), file) for file in files if file.recipe]
    return min(ranked, key=lambda pair: pair[0], default=(None, None))[1]


def rank(settings: Settings, recipe: Recipe, file: File) -> tuple[Any, ...]:
    return tuple(key(settings, recipe, file) for _, key in PREFERENCE)


def rename_tags(
    tags: Sequence[Tag], tag: Tag | None, file: File | None, facts: Facts
) -> tuple[dict[str, str | None], list[str]]:
    """What becomes of the few-step LoRAs' tags, by their names: the plan's file, or None where a tag is dropped; and
    the names of the dropped ones."""
    rename: dict[str, str | None] = {}
    for name in dict.fromkeys(t.name for t in tags):
        lora = facts.loras[name]
        is_meant = lora.is_alias or lora.file is file or (tag is not None and name == tag.name)
        rename[name] = file.name if file is not None and is_meant else None
    dropped = [name for name, new in rename.items() if new is None]
    return {name: new for name, new in rename.items() if name != new}, dropped
