"""Write docs/recipes.md from the catalog: ``python -m tools.recipes``. A test compares the two."""

from pathlib import Path

from lib_hypersd.recipes.catalog import FAMILIES, HYPER_SD, KINDS, Recipe, published

PLACE = Path(__file__).parent.parent / "docs" / "recipes.md"
COLUMNS = ("LoRA or checkpoint", "Steps", "Weight", "CFG", "Sampler", "Schedule", "Eta", "Two passes")

TEXT = """# Recipes, and where their numbers come from

Written by `python -m tools.recipes` from [`lib_hypersd/recipes/catalog.json`](../lib_hypersd/recipes/catalog.json),
which is what the extension reads. Steps “6–8”: any number of them. CFG “1 (1–1.5)”: 1 is recommended, and up to 1.5 the
panel says nothing. “Distilled” is FLUX's *Distilled CFG Scale*, “shift” the *Shift* that Forge Neo has in its place.
“Two passes” are the factor of enlargement and the denoising strength of a second pass, with the host's upscaler
“None”, and what steps and CFG are then where they differ. The last column names the sources, which stand below.

To change a number or to add a recipe, put a file `hypersd-recipes.json` beside the WebUI's `config.json`. An entry with
an `id` from here changes only what it names; a new one needs every value. This one takes SDXL's 8-step LoRA at 0.9:

```json
[{{"id": "hyper-sdxl-8steps", "weight": 0.9}}]
```

## Hyper-SD

{ours}

## Other makers

LoRAs serve where you hold them; Hyper-SD's come first where both could serve. They are never downloaded. A checkpoint
that has such a distillation inside is told by its metadata or its name, and gets no LoRA but what its recipe says; so
does one that its own makers have distilled, told by its layers and where they do not tell by its name.

{others}

## Sources

“Model card” is the page at the address that the same row names. “WebUI experiment article” is “Hyper-SD LoRAs:
Trajectory Segmented Destillation for Better and Faster Outputs in FLUX.1/SDXL/SD Models”, 2024.

{sources}
"""


def values(recipe: Recipe) -> tuple[str, ...]:
    """A recipe as the cells of these COLUMNS."""

    def number(value):
        return "–" if value is None else f"{value:g}"

    steps = f"{recipe.steps_min}" if recipe.steps_min == recipe.steps_max else f"{recipe.steps_min}–{recipe.steps_max}"
    cfg = f"{recipe.cfg:g} ({recipe.cfg_min:g}–{recipe.cfg_max:g})"
    if recipe.distilled_cfg is not None:
        cfg = f"{recipe.cfg:g}, distilled {recipe.distilled_cfg:g}"
    if recipe.shift is not None:
        cfg += f", shift {recipe.shift:g}"
    how = recipe.sampler, recipe.schedule, number(recipe.eta), two_passes(recipe)
    return name(recipe), steps, number(recipe.weight), cfg, *how


def two_passes(recipe: Recipe) -> str:
    """What differs where a second pass follows, and what that is made with."""
    if recipe.two_pass_scale is None:
        return "–"
    first = [f"{recipe.two_pass_steps} steps"] if recipe.two_pass_steps else []
    first += [f"CFG {recipe.two_pass_cfg:g}"] if recipe.two_pass_cfg else []
    return ", ".join([*first, f"×{recipe.two_pass_scale:g}", f"{recipe.two_pass_strength:g}"])


def name(recipe: Recipe) -> str:
    if recipe.kind == "merged" and recipe.bases:
        return f"{', '.join(recipe.bases)} (checkpoint)"
    if recipe.kind == "merged" and not recipe.file:
        maker = "" if recipe.maker == HYPER_SD else f": {recipe.maker}"
        return f"{KINDS[recipe.kind]} ({FAMILIES[recipe.family]}{maker})"
    form = {"unet-diffusers": " (checkpoint in a form that no WebUI loads)"}.get(recipe.kind, " (checkpoint)")
    return recipe.file.removesuffix(".safetensors") + ("" if recipe.is_lora else form)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(recipes: list[Recipe], sources: list[str]) -> str:
    """The recipes with their ids and the places of their sources, which are added where they are new."""
    lines = [row(*COLUMNS, "`id`", "Sources"), "|---" * (len(COLUMNS) + 2) + "|"]
    for recipe in recipes:
        says = [*recipe.source, *([f"published at huggingface.co/{recipe.repository}"] if recipe.repository else [])]
        sources += [line for line in says if line not in sources]
        places = ", ".join(str(sources.index(line) + 1) for line in says)
        lines.append(row(*values(recipe), f"`{recipe.id}`", places))
    return "\n".join(lines)


def document() -> str:
    """The whole of docs/recipes.md."""
    sources: list[str] = []
    recipes = published().recipes
    ours, others = (table([r for r in recipes if (r.maker == HYPER_SD) is it], sources) for it in (True, False))
    numbered = "\n".join(f"{place}. {line}" for place, line in enumerate(sources, 1))
    return TEXT.format(ours=ours, others=others, sources=numbered)


if __name__ == "__main__":
    PLACE.write_text(document(), encoding="utf-8")
