"""The sentences that a plan says of itself."""

from collections.abc import Sequence

from .catalog import FAMILIES, HYPER_SD, Recipe

__all__ = ["done", "in_range", "in_steps", "missing", "shown", "spans"]

WHY = {
    "fixed": "{lora} was made for exactly {range}.",
    "unified": "{lora} serves {range}.",
    "cfg": "{lora} keeps guidance working, so the negative prompt counts.",
    "distilled-cfg": "{lora} was made for {range}.",
    "unet": "The checkpoint itself was made for this and starts at timestep 800.",
    "merged": "Hyper-SD is already in the checkpoint.",
}


def done(recipe: Recipe, file: str | None, weight, steps, cfg, sampler, schedule, eta) -> str:
    """What will be done, in one sentence, and why, in another."""
    lora = f"{file} at weight {weight:g}" if file else "no LoRA"
    with_eta = f", eta {eta:g}" if eta else ""
    distilled = f", distilled CFG {recipe.distilled_cfg:g}" if recipe.distilled_cfg is not None else ""
    what = f"{in_steps(steps)} with {lora}: {sampler} on the schedule {schedule}{with_eta}, CFG {cfg:g}{distilled}."
    lora = "The LoRA" if recipe.maker == HYPER_SD else f"The LoRA, by {recipe.maker},"
    return f"{what} {WHY[recipe.kind].format(lora=lora, range=in_range(recipe))}"


def missing(recipe: Recipe, installed: Sequence[tuple[str, Recipe]]) -> str:
    """What is missing, how large it is, where to get it, and what there is for the family instead."""
    size = f" ({recipe.bytes / 1e6:,.0f} MB)" if recipe.bytes else ""
    source = f" The panel downloads it from huggingface.co/{recipe.repository}." if recipe.repository else ""
    here = ", ".join(f"{name} ({in_range(r)})" for name, r in installed if r.family == recipe.family)
    instead = f" Installed for {FAMILIES[recipe.family]}: {here}." if here else ""
    what = f"{recipe.file or recipe.id}{size} is not among the LoRAs; put it into the LoRA folder and refresh."
    return f"{what}{source}{instead}"


def in_steps(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def in_range(recipe: Recipe) -> str:
    low, high = recipe.steps_min, recipe.steps_max
    return in_steps(low) if low == high else f"{low} to {high} steps"


def spans(recipes: Sequence[Recipe]) -> str:
    """All step counts that some recipe serves: "1 to 8, 12"."""
    counts = sorted({n for r in recipes for n in range(r.steps_min, r.steps_max + 1)})
    starts = [n for n in counts if n - 1 not in counts]
    ends = [n for n in counts if n + 1 not in counts]
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))


def shown(name: str) -> str:
    """A file's name on one line of a sentence: what would break it or turn its direction stands there as an escape."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
