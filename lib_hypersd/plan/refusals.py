"""The sentences that say why there is no plan. Each function is called what it says: ``refusals.missing(…)``."""

from collections.abc import Sequence

from ..files.file import File
from ..files.identify import called
from ..recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, Recipe
from ..recipes.settings import VARIANTS
from ..sampling.names import BY_IMAGE_SIZE
from ..wording import COMMA, OR, Sentence, fill, join, shown
from .request import Model
from .resolve import Facts, Lora
from .tags import Tag
from .wording import in_range, layers_placed, named, spans

VARIANT_WORDS = {"cfg": "CFG-preserved {what}", "unified": "unified {what}", "fixed": "fixed-step {what}"}


def lookalike(facts: Facts) -> str:
    """What the checkpoint is, to which nothing fits; and which family the few-step LoRA that the user named is for."""
    model = facts.request.model
    names = [tag.name for tag in facts.first] + [facts.settings.file or ""]
    loras = [facts.loras[name] for name in names if name in facts.loras]
    made_for = [
        fill("{lora} was made for {family}.", lora=lora.name, family=FAMILIES[lora.family])
        for lora in loras
        if lora.family in FAMILIES
    ]
    what = fill("{model} is {what}.", model=model.name, what=LOOKALIKES[model.family or ""])
    return join([what, *made_for[:1]])


def no_family(facts: Facts) -> str:
    model, ours = facts.request.model, [r.family for r in facts.catalog.recipes if r.maker == HYPER_SD]
    return fill(
        "Hyper-SD was made for {families}, and {model} is {what}.",
        families=join([name for family, name in FAMILIES.items() if family in ours], COMMA),
        model=model.name,
        what=model.architecture or fill("none of these"),
    )


def other_prediction(model: Model) -> str:
    return fill(
        "{model} was trained to predict something other than the models that Hyper-SD for {family} was distilled from, "
        "so none of its LoRAs fits.",
        model=named(model), family=called(model.family),
    )  # fmt: skip


def unknown_inside(facts: Facts) -> str:
    inside = facts.checkpoint
    return fill(
        "{maker} is already in {model}, by {evidence}, and no recipe is known for that in {family}. If that is wrong, "
        "say that the checkpoint is plain.",
        maker=inside.maker, model=inside.model.name, evidence=inside.evidence, family=called(facts.family),
    )  # fmt: skip


def no_recipe(name: str) -> str:
    return fill("{name} is not a LoRA with a known recipe; give it the name under which it was published.", name=name)


def no_lora(name: str, recipe: Recipe) -> str:
    form = fill("a UNet in a form that no WebUI loads")
    if recipe.kind == "unet":
        form = fill("a checkpoint")
    return fill("{name} is {form}, not a LoRA.", name=name, form=form)


def other_family(lora: Lora, facts: Facts) -> str:
    return fill(
        "{lora} was made for {family}, and the loaded checkpoint is {here}.",
        lora=lora.name, family=called(lora.family), here=called(facts.family),
    )  # fmt: skip


def few_layers_fit(file: File, facts: Facts) -> str:
    return fill("Only {layers}: it is not used.", layers=layers_placed(file, facts.request.model))


def nothing_published(facts: Facts) -> str:
    variant, family = facts.settings.variant, called(facts.family)
    if variant is None:
        return join([fill("For {family} no Hyper-SD was published.", family=family), *instead_of_ours(facts)])
    return fill(
        "For {family} no Hyper-SD of the kind “{kind}” was published.", family=family, kind=fill(VARIANTS[variant])
    )


def instead_of_ours(facts: Facts) -> list[Sentence]:
    """What other makers have published for the family: LoRAs, and checkpoints that need none."""
    others = [r for r in facts.catalog.recipes if r.family == facts.family]
    loras = [(r.file or r.id).removesuffix(".safetensors") for r in others if r.is_lora]
    own = [name for r in others if r.kind == "merged" for name in r.bases]
    instead = []
    if loras:
        instead.append(fill("If you have one of these, use it: {loras}.", loras=join(loras, COMMA)))
    if own:
        needs_none = "If it is {models}, which needs no LoRA, say what is in the checkpoint."
        instead.append(fill(needs_none, models=join(own, OR)))
    return instead


def nobody_serves(facts: Facts, recipes: Sequence[Recipe]) -> str:
    kind = HYPER_SD if all(r.maker == HYPER_SD for r in recipes) else "LoRA"
    if facts.settings.variant in VARIANT_WORDS:
        kind = fill(VARIANT_WORDS[facts.settings.variant], what=kind)
    return fill(
        "No {kind} for {family} serves {count} steps; {spans} do.",
        "No {kind} for {family} serves {count} step; {spans} do.",
        kind=kind, family=called(facts.family), count=facts.settings.steps or 0, spans=spans(recipes),
    )  # fmt: skip


def missing(recipe: Recipe, facts: Facts) -> str:
    """Which file is missing, its size, where to get it, and what is installed for the family."""
    file = recipe.file or recipe.id
    if recipe.bytes:
        file = fill("{file} ({size:,.0f} MB)", file=file, size=recipe.bytes / 1e6)
    sentences = [fill("{file} is not among the LoRAs; put it into the LoRA folder and refresh.", file=file)]
    if recipe.repository:
        published = "It is published at huggingface.co/{repository}."
        sentences.append(fill(published, repository=recipe.repository))
    held = [(f.name, f.recipe) for f in facts.files if f.recipe and f.recipe.family == recipe.family]
    if held:
        here = [fill("{file} ({range})", file=shown(name), range=in_range(r)) for name, r in held]
        installed = "Installed for {family}: {files}."
        sentences.append(fill(installed, family=FAMILIES[recipe.family], files=join(here, COMMA)))
    return join(sentences)


def no_number(tag: Tag) -> str:
    return fill("The weight in {tag} is no number.", tag=str(tag))


def no_two_passes(recipe: Recipe) -> str:
    return fill(
        "For {maker} on {family} no two passes are recommended: untick them, or set the WebUI's own second pass.",
        maker=recipe.maker, family=FAMILIES[recipe.family],
    )  # fmt: skip


def by_image_size(family: str | None) -> str:
    return fill(
        "The schedule “{schedule}” is for FLUX, and the loaded checkpoint is {here}.",
        schedule=BY_IMAGE_SIZE, here=called(family),
    )  # fmt: skip
