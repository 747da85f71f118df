"""Write docs/fit.md, which share of each published LoRA has a place in each architecture: ``python -m tools.fit``.

A test compares the two, and the threshold with the gap that it stands in.
"""

from pathlib import Path

from lib_hypersd.files.architectures import ARCHITECTURES
from lib_hypersd.files.layers import LEAST_SHARE, compared, layers, places
from lib_hypersd.recipes.catalog import FAMILIES
from tests import loras
from tests.checkpoints import LAYOUTS

PLACE = Path(__file__).parent.parent / "docs" / "fit.md"
ATTENTION = ("attn", "ff", "proj_mlp", "single_transformer_blocks")
# What the LoRAs change. LCM's, TCD's, PCM's, Lightning's and DMD2's are laid out as Hyper-SD's, FLUX.1-Turbo-Alpha as
# Hyper-FLUX; the sizes in the catalog say so. One that changes attention and MLPs only, as most that people train do,
# stands for the rest.
LORAS = {
    "sd15": ("Hyper-SD15, LCM, TCD, PCM", lambda name: True),
    "sdxl": ("Hyper-SDXL, Lightning, DMD2, LCM, TCD, PCM", lambda name: True),
    "sd3": ("Hyper-SD3", lambda name: True),
    "flux": ("Hyper-FLUX, Turbo-Alpha", lambda name: True),
    "flux attention": ("FLUX: blocks without modulation", lambda name: "blocks" in name and "norm" not in name),
}
# All layers of a family's LoRA, or nearly all, have a place in these, and still nothing of Hyper-SD is for them.
BUILT_ALIKE = (
    "kolors", "mugen", "playground-2.5", "sdxl-flow", "flux-schnell", "chroma", "chroma-radiance", "hunyuan-video",
)  # fmt: skip

TEXT = """# What fits, by layers

Written by `python -m tools.fit`, from the published layouts of LoRAs (`tests/loras.py`) and checkpoints
(`tests/checkpoints.py`). A layer fits where the checkpoint has one of its name and with as many values
(`lib_hypersd/files/layers.py`). The numbers are the shares in percent of a LoRA's layers that fit; bold is what must
fit.

{table}

Text encoders' layers are left out. Copies of few bits (nf4, fp8, nvfp4, GGUF, SVDQuant) take what the whole ones take;
where the file does not tell a weight's shape, its name decides.

## The threshold

Of all that must fit, the least share is {must:.1f} %: SD3.5 medium has 13 modulations that are wider than SD3 medium's,
and takes the rest. Of all that must not, the largest share is {must_not:.1f} %. Halfway stands `LEAST_SHARE`,
{least:.0f} %.

Layers alone do not tell everything. These are built like a family that they do not belong to, trained from the start
or to another end, and are known by their architecture (`lib_hypersd/files/architectures.py`), which comes before the
share:

{alike}

Variants that no layer tells from FLUX.1-dev or SDXL (Kontext, Krea, v-prediction) take all that those take.
"""


def rows() -> list:
    """An architecture for each layout."""
    by_id = {row.id: row for row in reversed(ARCHITECTURES)}
    return [by_id[name] for name in LAYOUTS]


def shares() -> dict[tuple[str, str], float]:
    """The share of each LoRA's layers that have a place, by the ids of architecture and LoRA."""
    needed = {name: layers(loras.layers(network(name), "peft", keep=keep)) for name, (_, keep) in LORAS.items()}
    there = {row.id: places({key: list(shape) for key, shape in LAYOUTS[row.id].items()}) for row in rows()}
    return {(row, lora): compared(needed[lora], there[row]).share for row in there for lora in needed}


def network(name: str) -> dict[str, list[int]]:
    return {layer: list(shape) for layer, shape in loras.NETWORKS[name.split()[0]]().items()}


def fits(architecture: str, lora: str) -> bool:
    family = next(row.family for row in ARCHITECTURES if row.id == architecture)
    return family == lora.split()[0]


def gap(found: dict[tuple[str, str], float]) -> tuple[float, float]:
    """The least share of what must fit and the largest of what must not, what is built alike aside."""
    must = min(share for pair, share in found.items() if fits(*pair))
    must_not = max(share for pair, share in found.items() if not fits(*pair) and pair[0] not in BUILT_ALIKE)
    return must, must_not


def alike(found: dict[tuple[str, str], float]) -> list[tuple[str, str, float]]:
    """What the share alone would let through."""
    return [(*pair, share) for pair, share in found.items() if not fits(*pair) and share >= LEAST_SHARE]


def document() -> str:
    """The whole of docs/fit.md."""
    found = shares()
    must, must_not = gap(found)

    def cell(row, lora):
        share = f"{100 * found[row, lora]:.1f}"
        return f"**{share}**" if fits(row, lora) else share

    lines = ["| Architecture | `id` | " + " | ".join(name for name, _ in LORAS.values()) + " |"]
    lines.append("|---" * (2 + len(LORAS)) + "|")
    for row in rows():
        of = f" ({FAMILIES[row.family]})" if row.family in LORAS and FAMILIES[row.family] != row.name else ""
        lines.append(f"| {row.name}{of} | `{row.id}` | " + " | ".join(cell(row.id, lora) for lora in LORAS) + " |")
    names = {row.id: row.name for row in ARCHITECTURES}
    return TEXT.format(
        table="\n".join(lines), must=100 * must, must_not=100 * must_not, least=100 * LEAST_SHARE,
        alike="\n".join(f"- {names[name]}" for name in BUILT_ALIKE),
    )  # fmt: skip


if __name__ == "__main__":
    PLACE.write_text(document(), encoding="utf-8")
