"""The sentences that say why there is no plan. Each function is called what it says: ``refusals.missing(…)``."""

from collections.abc import Sequence

from ..files.file import File
from ..files.identify import called
from ..recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, Recipe
from ..recipes.settings import VARIANTS
from ..sampling.names import BY_IMAGE_SIZE
from ..wording import shown
from .request import Model
from .resolve import Facts, Lora
from .tags import Tag
from .wording import in_range, in_steps, layers_placed, named, spans

VARIANT_WORDS: dict[str | None, str] = {"cfg": "CFG-preserved ", "unified": "unified ", "fixed": "fixed-step "}


def lookalike(facts: Facts) -> str:
    """What the checkpoint is, to which nothing fits; and which family the few-step LoRA that the user named is for."""
    model = facts.request.model
    names = [tag.name for tag in facts.first] + [facts.settings.file or ""]
    loras = [facts.loras[name] for name in names if name in facts.loras]
    made_for = next(
        (f" {lora.name} was made for {FAMILIES[lora.family]}." for lora in loras if lora.family in FAMILIES), ""
    )
    return f"{model.name} is {LOOKALIKES[model.family or '']}.{made_for}"


def no_family(facts: Facts) -> str:
    model, ours = facts.request.model, [r.family for r in facts.catalog.recipes if r.maker == HYPER_SD]
    families = ", ".join(name for family, name in FAMILIES.items() if family in ours)
    return f"Hyper-SD was made for {families}, and {model.name} is {model.architecture or 'none of these'}."


def other_prediction(model: Model) -> str:
    return (
        f"{named(model)} was trained to predict something other than the models that Hyper-SD for "
        f"{called(model.family)} was distilled from, so none of its LoRAs fits."
    )


def unknown_inside(facts: Facts) -> str:
    inside = facts.checkpoint
    return (
        f"{inside.maker} is already in {inside.model.name}, by {inside.evidence}, and no recipe is known for that in "
        f"{called(facts.family)}. If that is wrong, say that the checkpoint is plain."
    )


def no_recipe(name: str) -> str:
    return f"{name} is not a LoRA with a known recipe; give it the name under which it was published."


def no_lora(name: str, recipe: Recipe) -> str:
    form = "a checkpoint" if recipe.kind == "unet" else "a UNet in a form that no WebUI loads"
    return f"{name} is {form}, not a LoRA."


def other_family(lora: Lora, facts: Facts) -> str:
    here = called(facts.family)
    return f"{lora.name} was made for {called(lora.family)}, and the loaded checkpoint is {here}."


def few_layers_fit(file: File, facts: Facts) -> str:
    return f"Only {layers_placed(file, facts.request.model)}: it is not used."


def nothing_published(facts: Facts) -> str:
    variant = facts.settings.variant
    kind = f" of the kind “{VARIANTS[variant]}”" if variant else ""
    instead = "" if variant else instead_of_ours(facts)
    return f"For {called(facts.family)} no Hyper-SD{kind} was published.{instead}"


def instead_of_ours(facts: Facts) -> str:
    """What other makers have published for the family: LoRAs, and checkpoints that need none."""
    others = [r for r in facts.catalog.recipes if r.family == facts.family]
    loras = ", ".join((r.file or r.id).removesuffix(".safetensors") for r in others if r.is_lora)
    serves = f" If you have one of these, use it: {loras}." if loras else ""
    own = [name for r in others if r.kind == "merged" for name in r.bases]
    needs_none = f" If it is {' or '.join(own)}, which needs no LoRA, say what is in the checkpoint." if own else ""
    return serves + needs_none


def nobody_serves(facts: Facts, recipes: Sequence[Recipe]) -> str:
    what = "Hyper-SD" if all(r.maker == HYPER_SD for r in recipes) else "LoRA"
    kind = VARIANT_WORDS.get(facts.settings.variant, "") + what
    steps = in_steps(facts.settings.steps or 0)
    return f"No {kind} for {called(facts.family)} serves {steps}; {spans(recipes)} do."


def missing(recipe: Recipe, facts: Facts) -> str:
    """Which file is missing, its size, where to get it, and what is installed for the family."""
    size = f" ({recipe.bytes / 1e6:,.0f} MB)" if recipe.bytes else ""
    source = f" The panel downloads it from huggingface.co/{recipe.repository}." if recipe.repository else ""
    held = [(f.name, f.recipe) for f in facts.files if f.recipe and f.recipe.family == recipe.family]
    here = ", ".join(f"{shown(name)} ({in_range(r)})" for name, r in held)
    instead = f" Installed for {FAMILIES[recipe.family]}: {here}." if here else ""
    what = f"{recipe.file or recipe.id}{size} is not among the LoRAs; put it into the LoRA folder and refresh."
    return f"{what}{source}{instead}"


def no_number(tag: Tag) -> str:
    return f"The weight in {tag} is no number."


def no_two_passes(recipe: Recipe) -> str:
    return (
        f"For {recipe.maker} on {FAMILIES[recipe.family]} no two passes are recommended: untick them, or set the "
        "WebUI's own second pass."
    )


def by_image_size(family: str | None) -> str:
    return f"The schedule “{BY_IMAGE_SIZE}” is for FLUX, and the loaded checkpoint is {called(family)}."
