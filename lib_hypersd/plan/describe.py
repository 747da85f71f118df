"""Step 4: the sentences about a plan. Each function is called what it says: ``describe.no_eta(…)``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..files.file import File
from ..files.identify import called
from ..recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, Recipe
from ..recipes.settings import FIELDS
from ..wording import AND, COMMA, Sentence, fill, join, spell
from .request import Model
from .resolve import ITS_ARCHITECTURE, YOUR_WORD, Checkpoint, Facts, Lora
from .tags import Tag
from .wording import in_range, in_steps, layers_placed, named, span

WHY = {
    "fixed": "{lora} was made for exactly {range}.",
    "unified": "{lora} serves {range}.",
    "cfg": "{lora} keeps guidance working, so the negative prompt counts.",
    "distilled-cfg": "{lora} was made for {range}.",
    "unet": fill("The checkpoint itself was made for this and starts at timestep 800."),
    "merged": "{maker} is already in the checkpoint, by {evidence}.",
    ITS_ARCHITECTURE: "The checkpoint is {maker}, which makes few steps by itself.",
}
WEIGHT_WITHOUT_LORA = fill("No LoRA is added, so the fixed LoRA weight has no effect.")
WEIGHT_0 = fill("LoRA weight 0 takes the LoRA out, and without it few steps leave the image unfinished.")
FEW_BITS = fill(
    "The checkpoint's weights are of few bits, in which a LoRA is rounded away: "
    "set “Diffusion in Low Bits” to “Automatic (fp16 LoRA)”."
)
# The parts that another checkpoint makes.
REFINER, SECOND = "The refiner {model}", "The second pass's checkpoint {model}"
OTHER_INSIDE = "{role} has {maker} in it, and its part is made by the same plan. Choose another or none."
PLAIN = "{role} has no few-step model in it, and its part is made by the same plan. Choose another or none."


def done(facts: Facts, recipe: Recipe, file: File | None, values: Mapping[str, Any]) -> str:
    """What will be done, and in a second sentence why; ``values`` are those of the plan's fields."""
    lora = fill("no LoRA")
    if file:
        lora = fill("{file} at weight {weight:g}", file=file.name, weight=values["weight"])
    how = join(list_values(recipe, values), COMMA)
    if values["hires_scale"] is not None:
        second = enlargement(*(values[f"hires_{name}"] for name in ("scale", "strength", "upscaler")))
        how = fill("{how}; then a second pass at {second}", how=how, second=second)
    if values["fast_decoding"]:
        how = fill("{how}; decoded by TAESD", how=how)
    steps, why = in_steps(values["steps"]), say_why(facts, recipe, file)
    return fill("{steps} with {lora}: {how}. {why}", steps=steps, lora=lora, how=how, why=why)


def list_values(recipe: Recipe, values: Mapping[str, Any]) -> Iterator[str]:
    """The plan's other values, each in few words."""
    eta, distilled = values["eta"], values["distilled_cfg"]
    yield fill("{sampler} on the schedule {schedule}", sampler=values["sampler"], schedule=values["schedule"])
    if eta:
        yield fill("eta {eta:g}", eta=eta)
    yield fill("CFG {cfg:g}", cfg=values["cfg"])
    if distilled is not None and recipe.distilled_cfg is None:
        yield fill("shift {shift:g}", shift=distilled)
    elif distilled is not None:
        yield fill("distilled CFG {cfg:g}", cfg=distilled)


def say_why(facts: Facts, recipe: Recipe, file: File | None) -> Sentence:
    evidence = facts.checkpoint.evidence or YOUR_WORD
    reason = ITS_ARCHITECTURE if file is None and evidence == ITS_ARCHITECTURE else recipe.kind
    own = recipe.maker == HYPER_SD
    lora = fill("The LoRA") if own else fill("The LoRA, by {maker},", maker=recipe.maker)
    return fill(WHY[reason], lora=lora, range=in_range(recipe), maker=recipe.maker, evidence=evidence)


def enlargement(scale: float | None, strength: float | None, upscaler: str | None) -> Sentence:
    """What a second pass is made with."""
    return fill(
        "×{scale:g}, denoising strength {strength:g}, upscaler {upscaler}",
        scale=scale, strength=strength, upscaler=upscaler,
    )  # fmt: skip


def remarks(facts: Facts, recipe: Recipe, file: File | None) -> list[str]:
    """The remarks on the checkpoints and the file, which hold whatever is set."""
    model, inside = facts.request.model, facts.checkpoint
    found = [remark_on_memory(facts), remark_on_inside(inside, file)]
    if file is not None:
        found += [remark_on_file(file), remark_on_base(file, model), remark_on_fit(file, model)]
        if model.coarse:
            found.append(FEW_BITS)
    if model.prediction == "v_prediction":
        predicts = "The checkpoint predicts v; {maker} was distilled from models that predict noise."
        found.append(fill(predicts, maker=recipe.maker))
    found += [
        remark_on_control(facts.request.control_weights, recipe),
        remark_on_other(facts.refiner, REFINER, facts, file),
        remark_on_other(facts.second, SECOND, facts, file),
    ]
    return [remark for remark in found if remark]


def remark_on_memory(facts: Facts) -> str | None:
    if not facts.remembered:
        return None
    labels = {field.name: fill(field.label) for field in FIELDS}
    values = [
        fill("{label} {value}", label=labels.get(name, name), value=getattr(facts.settings, name))
        for name in facts.remembered
    ]
    return fill("Remembered for this checkpoint: {values}.", values=join(values, COMMA))


def remark_on_inside(inside: Checkpoint, file: File | None) -> str | None:
    if inside.maker is None:
        return None
    if file is not None:
        twice = "{maker} is already in the checkpoint, by {evidence}; with a LoRA it acts twice."
        return fill(twice, maker=inside.maker, evidence=inside.evidence)
    if inside.recipe is None or inside.recipe.kind == "unet" or inside.evidence in (YOUR_WORD, ITS_ARCHITECTURE):
        return None
    return fill(
        "If {maker} is not in the checkpoint, say that it is plain, or fix a LoRA file or a variant.",
        maker=inside.maker,
    )  # fmt: skip


def remark_on_file(file: File) -> str | None:
    if not file.superseded:
        return None
    return fill(
        "{file} is an edition that its authors have replaced under the same name; get it again.", file=file.name
    )


def remark_on_base(file: File, model: Model) -> str | None:
    if file.recipe is None or file.recipe.made_for(model.architecture):
        return None
    return fill(
        "{file} was made for {bases}, and {model} is another model: compare the results.",
        file=file.name, bases=join(file.recipe.bases, AND), model=named(model),
    )  # fmt: skip


def remark_on_fit(file: File, model: Model) -> str | None:
    if file.fit is None or file.fit.placed == file.fit.layers:
        return None
    return fill("{layers}; the others are left out.", layers=layers_placed(file, model))


def remark_on_control(weights: Sequence[float], recipe: Recipe) -> str | None:
    most = max(weights, default=0.0)
    if recipe.control_weight is None or most <= recipe.control_weight:
        return None
    return fill(
        "ControlNet weight {weight:g} is set, and {most:g} is recommended with {maker} on {family}.",
        weight=most, most=recipe.control_weight, maker=recipe.maker, family=FAMILIES[recipe.family],
    )  # fmt: skip


def remark_on_other(other: Checkpoint | None, role: str, facts: Facts, file: File | None) -> str | None:
    """On another checkpoint that makes a part of the image: a LoRA of another family has no effect on it, and one with
    another few-step model in it needs another plan."""
    if other is None:
        return None
    if file is not None and other.model.family not in (None, facts.family):
        what = (LOOKALIKES | FAMILIES)[other.model.family]
        sentence = "{role} is {what}: the LoRA has no effect on its part. Choose another or none."
        return fill(sentence, role=fill(role, model=other.model.name), what=what)
    if other.maker != facts.checkpoint.maker and (other.maker or file is None):
        return fill(OTHER_INSIDE if other.maker else PLAIN, role=fill(role, model=other.model.name), maker=other.maker)
    return None


# Hints on values: what the user has set is done all the same.


def other_kind(variant: str) -> str:
    return fill("The LoRA is not of the kind “{kind}” that the panel has fixed.", kind=fill(variant))


def other_steps(steps: int, recipe: Recipe) -> str:
    return fill(
        "{count} steps are set, and this is made for {range}.", "{count} step is set, and this is made for {range}.",
        count=steps, range=in_range(recipe),
    )  # fmt: skip


def other_hires_steps(steps: int, recipe: Recipe) -> str:
    return fill(
        "{count} steps are set for the second pass, and this is made for {range}.",
        "{count} step is set for the second pass, and this is made for {range}.",
        count=steps, range=in_range(recipe),
    )  # fmt: skip


def hires_steps_passed_over(recipe: Recipe) -> str:
    passed_over = "{range} is what this is made for, so the second pass takes as many as the first."
    return fill(passed_over, range=in_range(recipe))


def own_second_pass(recipe: Recipe) -> str:
    values = enlargement(recipe.two_pass_scale, recipe.two_pass_strength, recipe.two_pass_upscaler)
    return fill("The second pass that is set comes before the one of “Two passes”: {values}.", values=values)


def outside(label: str, value: float, low: float, high: float) -> str | None:
    """That a number lies outside a range, which may be a single number; None where it lies within."""
    if low <= value <= high:
        return None
    made_for = "{label} {value:g} is set, and this is made for {range}."
    return fill(made_for, label=fill(label), value=value, range=span(low, high))


def other_sampler(value: str, recommended: str) -> str:
    return fill("{name} is set as the sampler, and this is made for {ours}.", name=value, ours=recommended)


def other_schedule(value: str, recommended: str) -> str:
    return fill("{name} is set as the schedule, and this is made for {ours}.", name=value, ours=recommended)


def other_hires_name(value: str, ours: str) -> str:
    return fill("{name} is set for the second pass, and this is made for {ours}.", name=value, ours=ours)


def eta_passed_over(eta: float, recipe: Recipe) -> str:
    why = fill("{sampler} has no eta", sampler=recipe.sampler)
    if recipe.eta is not None:
        why = fill("this is made for eta {eta:g}", eta=recipe.eta)
    return fill("The request's own eta {eta:g} is not used: {why}.", eta=eta, why=why)


def no_eta(sampler: str) -> str:
    return fill("{sampler} has no eta, so the fixed eta has no effect.", sampler=sampler)


def wrong_tag(lora: Lora, facts: Facts) -> str:
    if lora.family not in (None, facts.family):
        return fill(
            "{lora} was made for {family} and the loaded checkpoint is {here}: its tag is not applied.",
            lora=lora.name, family=called(lora.family), here=called(facts.family),
        )  # fmt: skip
    only = "Only {layers}: its tag is not applied."
    return fill(only, layers=layers_placed(lora.file, facts.request.model)) if lora.file else ""


def second_lora(name: str) -> str:
    return fill("{lora} would be a second few-step LoRA: its tag is not applied.", lora=name)


def tag_before_file(name: str, file: str) -> str:
    return fill("The prompt's tag {tag} comes before the file {file} that the panel has fixed.", tag=name, file=file)


def tag_before_weight(weight: float, fixed: float) -> str:
    before = "The tag's weight {weight:g} comes before the {fixed:g} that the panel has fixed."
    return fill(before, weight=weight, fixed=fixed)


def other_weight(tag: Tag, weight: float) -> str:
    gets = "The tag {tag} of another prompt gets the weight {weight} of the first."
    return fill(gets, tag=str(tag), weight=spell(weight))


def point_out(name: str) -> str:
    return fill("The prompt has the few-step LoRA {lora}. Switched on, Hyper-SD gives it its settings.", lora=name)
