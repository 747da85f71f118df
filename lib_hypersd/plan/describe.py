"""Step 4: the sentences about a plan. Each function is called what it says: ``describe.no_eta(…)``."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..files.file import File
from ..files.identify import called
from ..recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, Recipe
from ..recipes.settings import FIELDS
from ..wording import spell
from .request import Model
from .resolve import ITS_ARCHITECTURE, YOUR_WORD, Checkpoint, Facts, Lora
from .tags import Tag
from .wording import in_range, in_steps, layers_placed, named

WHY = {
    "fixed": "{lora} was made for exactly {range}.",
    "unified": "{lora} serves {range}.",
    "cfg": "{lora} keeps guidance working, so the negative prompt counts.",
    "distilled-cfg": "{lora} was made for {range}.",
    "unet": "The checkpoint itself was made for this and starts at timestep 800.",
    "merged": "{maker} is already in the checkpoint, by {evidence}.",
    ITS_ARCHITECTURE: "The checkpoint is {maker}, which makes few steps by itself.",
}
WEIGHT_WITHOUT_LORA = "No LoRA is added, so the fixed LoRA weight has no effect."
WEIGHT_0 = "LoRA weight 0 takes the LoRA out, and without it few steps leave the image unfinished."


def done(facts: Facts, recipe: Recipe, file: File | None, values: Mapping[str, Any]) -> str:
    """What will be done, and in a second sentence why; ``values`` are those of the plan's fields."""
    lora = f"{file.name} at weight {values['weight']:g}" if file else "no LoRA"
    eta, distilled = values["eta"], values["distilled_cfg"]
    with_eta = f", eta {eta:g}" if eta else ""
    control = "shift" if recipe.distilled_cfg is None else "distilled CFG"
    guidance = f", {control} {distilled:g}" if distilled is not None else ""
    how = f"{values['sampler']} on the schedule {values['schedule']}{with_eta}, CFG {values['cfg']:g}{guidance}"
    lora_of = "The LoRA" if recipe.maker == HYPER_SD else f"The LoRA, by {recipe.maker},"
    evidence = facts.checkpoint.evidence or YOUR_WORD
    reason = ITS_ARCHITECTURE if file is None and evidence == ITS_ARCHITECTURE else recipe.kind
    why = WHY[reason].format(lora=lora_of, range=in_range(recipe), maker=recipe.maker, evidence=evidence)
    decoder = "; decoded by TAESD" if values["fast_decoding"] else ""
    return f"{in_steps(values['steps'])} with {lora}: {how}{second_pass(values)}{decoder}. {why}"


def second_pass(values: Mapping[str, Any]) -> str:
    """The second pass that the plan adds."""
    scale, strength, upscaler = (values[f"hires_{name}"] for name in ("scale", "strength", "upscaler"))
    return "" if scale is None else f"; then a second pass at {enlargement(scale, strength, upscaler)}"


def enlargement(scale: float | None, strength: float | None, upscaler: str | None) -> str:
    """What a second pass is made with."""
    return f"×{scale:g}, denoising strength {strength:g}, upscaler {upscaler}"


def remarks(facts: Facts, recipe: Recipe, file: File | None) -> list[str]:
    """The remarks on the checkpoints and the file, which hold whatever is set."""
    model, inside = facts.request.model, facts.checkpoint
    found = [remark_on_memory(facts), remark_on_inside(inside, file)]
    if file is not None:
        found += [remark_on_file(file), remark_on_base(file, model), remark_on_fit(file, model)]
        if model.coarse:
            found.append(
                "The checkpoint's weights are of few bits, in which a LoRA is rounded away: "
                "set “Diffusion in Low Bits” to “Automatic (fp16 LoRA)”."
            )
    if model.prediction == "v_prediction":
        found.append(f"The checkpoint predicts v; {recipe.maker} was distilled from models that predict noise.")
    found += [
        remark_on_control(facts.request.control_weights, recipe),
        remark_on_other(facts.refiner, "refiner", facts, file),
        remark_on_other(facts.second, "second pass's checkpoint", facts, file),
    ]
    return [remark for remark in found if remark]


def remark_on_memory(facts: Facts) -> str | None:
    if not facts.remembered:
        return None
    labels = {field.name: field.label for field in FIELDS}
    values = ", ".join(f"{labels.get(n, n)} {getattr(facts.settings, n)}" for n in facts.remembered)
    return f"Remembered for this checkpoint: {values}."


def remark_on_inside(inside: Checkpoint, file: File | None) -> str | None:
    if inside.maker is None:
        return None
    if file is not None:
        return f"{inside.maker} is already in the checkpoint, by {inside.evidence}; with a LoRA it acts twice."
    if inside.recipe is None or inside.recipe.kind == "unet" or inside.evidence in (YOUR_WORD, ITS_ARCHITECTURE):
        return None
    return f"If {inside.maker} is not in the checkpoint, say that it is plain, or fix a LoRA file or a variant."


def remark_on_file(file: File) -> str | None:
    if not file.superseded:
        return None
    return f"{file.name} is an edition that its authors have replaced under the same name; get it again."


def remark_on_base(file: File, model: Model) -> str | None:
    if file.recipe is None or file.recipe.made_for(model.architecture):
        return None
    made_for = " and ".join(file.recipe.bases)
    return f"{file.name} was made for {made_for}, and {named(model)} is another model: compare the results."


def remark_on_fit(file: File, model: Model) -> str | None:
    if file.fit is None or file.fit.placed == file.fit.layers:
        return None
    return f"{layers_placed(file, model)}; the others are left out."


def remark_on_control(weights: Sequence[float], recipe: Recipe) -> str | None:
    most = max(weights, default=0.0)
    if recipe.control_weight is None or most <= recipe.control_weight:
        return None
    return (
        f"ControlNet weight {most:g} is set, and {recipe.control_weight:g} is recommended with {recipe.maker} on "
        f"{FAMILIES[recipe.family]}."
    )


def remark_on_other(other: Checkpoint | None, role: str, facts: Facts, file: File | None) -> str | None:
    """On another checkpoint that makes a part of the image: a LoRA of another family has no effect on it, and one with
    another few-step model in it needs another plan."""
    if other is None:
        return None
    if file is not None and other.model.family not in (None, facts.family):
        what = (LOOKALIKES | FAMILIES)[other.model.family]
        return f"The {role} {other.model.name} is {what}: the LoRA has no effect on its part. Choose another or none."
    if other.maker != facts.checkpoint.maker and (other.maker or file is None):
        inside, name = other.maker or "no few-step model", other.model.name
        return f"The {role} {name} has {inside} in it, and its part is made by the same plan. Choose another or none."
    return None


# Hints on values: what the user has set is done all the same.


def other_kind(variant: str) -> str:
    return f"The LoRA is not of the kind “{variant}” that the panel has fixed."


def other_steps(steps: int, recipe: Recipe) -> str:
    return f"{in_steps(steps)} are set, and this is made for {in_range(recipe)}."


def other_hires_steps(steps: int, recipe: Recipe) -> str:
    return f"{in_steps(steps)} are set for the second pass, and this is made for {in_range(recipe)}."


def hires_steps_passed_over(recipe: Recipe) -> str:
    return f"{in_range(recipe)} is what this is made for, so the second pass takes as many as the first."


def own_second_pass(recipe: Recipe) -> str:
    values = enlargement(recipe.two_pass_scale, recipe.two_pass_strength, recipe.two_pass_upscaler)
    return f"The second pass that is set comes before the one of “Two passes”: {values}."


def outside(label: str, value: float, low: float, high: float) -> str | None:
    """That a number lies outside a range, which may be a single number; None where it lies within."""
    if low <= value <= high:
        return None
    span = f"{low:g}" if high == low else f"{low:g} to {high:g}"
    return f"{label} {value:g} is set, and this is made for {span}."


def other_name(field: str, value: str, recommended: str) -> str:
    return f"{value} is set as the {field}, and this is made for {recommended}."


def other_hires_name(value: str, ours: str) -> str:
    return f"{value} is set for the second pass, and this is made for {ours}."


def eta_passed_over(eta: float, recipe: Recipe) -> str:
    why = f"{recipe.sampler} has no eta" if recipe.eta is None else f"this is made for eta {recipe.eta:g}"
    return f"The request's own eta {eta:g} is not used: {why}."


def no_eta(sampler: str) -> str:
    return f"{sampler} has no eta, so the fixed eta has no effect."


def wrong_tag(lora: Lora, facts: Facts) -> str:
    if lora.family not in (None, facts.family):
        here = called(facts.family)
        made_for = called(lora.family)
        return f"{lora.name} was made for {made_for} and the loaded checkpoint is {here}: its tag is not applied."
    return f"Only {layers_placed(lora.file, facts.request.model)}: its tag is not applied." if lora.file else ""


def second_lora(name: str) -> str:
    return f"{name} would be a second few-step LoRA: its tag is not applied."


def tag_before_file(name: str, file: str) -> str:
    return f"The prompt's tag {name} comes before the file {file} that the panel has fixed."


def tag_before_weight(weight: float, fixed: float) -> str:
    return f"The tag's weight {weight:g} comes before the {fixed:g} that the panel has fixed."


def other_weight(tag: Tag, weight: float) -> str:
    return f"The tag {tag} of another prompt gets the weight {spell(weight)} of the first."


def point_out(name: str) -> str:
    return f"The prompt has the few-step LoRA {name}. Switched on, Hyper-SD gives it its settings."
