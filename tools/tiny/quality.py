"""The table of ``docs/quality.md``: what share of pictures shows what the caption says, for right and wrong settings.

    python -m tools.tiny.quality --model assets/tiny --table docs/quality.md

Held-out captions, the same noise for every row. Rows that are done are kept beside the table's name as ``.jsonl``, so
that an interrupted run takes up where it stopped; remove that file to measure again. Several processes (``torchrun``)
divide the rows among them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm

from .distil import GUIDANCE
from .pictures import HELD_OUT, pictures, split
from .reader import score
from .sampling import Settings, Studio
from .stage import once, processes

SEEDS = (7, 8)  # of the noise: every caption is drawn once with each
GUIDED = 5.0
UNIFIED, CFG = "Hyper-SD15-1step-lora-tiny", "Hyper-SD15-8steps-CFG-lora-tiny"
FIXED = {steps: f"Hyper-SD15-{steps}steps-lora-tiny" for steps in (2, 4, 8)}
FEW = (1, 2, 4, 8)
# The sections that tools.tiny.end_of_run, two_passes and control_quality write.
END_OF_RUN, TWO_PASSES, CONTROL = "## The end of a run", "## Two passes", "## With a ControlNet"
COLUMNS = ("shape", "colour", "count", "place", "background", "all", "distance")


def tcd(steps: int, eta: float = 1.0, **changed) -> Settings:
    """The unified LoRA's recipe, with changes."""
    return Settings(**{"steps": steps, "lora": UNIFIED, "sampler": "TCD", "schedule": "TCD", "eta": eta} | changed)


def sections() -> dict[str, dict[str, Settings]]:
    """All rows: by section, the settings of each by its name."""
    return {
        "Base model": {"30 steps, CFG 7 (the teacher)": Settings(30, 7.0)}
        | {f"30 steps, CFG {GUIDANCE:g} (what the LoRAs are distilled from)": Settings(30, GUIDANCE)}
        | {f"{n} steps, CFG {cfg:g}": Settings(n, cfg) for cfg in (7.0, GUIDANCE, 1.0) for n in FEW}
        | {f"{n} steps, TCD, CFG 1": tcd(n, lora=None) for n in FEW},
        "Each LoRA with its recipe": {f"unified, {n} steps": tcd(n) for n in FEW}
        | {f"fixed, {n} steps": Settings(n, lora=name) for n, name in FIXED.items()}
        | {"CFG-preserved, 8 steps, CFG 5": Settings(8, GUIDED, CFG)},
        "Unified LoRA, steps and eta": {
            f"{n} steps, eta {eta:g}": tcd(n, eta) for n in range(1, 9) for eta in (0.0, 0.3, 1.0)
        },
        "Wrong settings": {f"unified, {n} steps, {what}": row for n in FEW for what, row in wrong(n).items()}
        | {f"fixed {n}, {what}": row for n in (4, 8) for what, row in wrong_fixed(n).items()}
        | {"fixed 8 (not CFG-preserved), CFG 5": Settings(8, GUIDED, FIXED[8])}
        | {"fixed 8, 4 steps": Settings(4, lora=FIXED[8]), "fixed 4, 8 steps": Settings(8, lora=FIXED[4])},
    }


def choices(steps: int) -> dict[str, Settings]:
    """What one can do in so many steps, right and wrong."""
    unified = {"its recipe": tcd(steps)} | wrong(steps)
    ours = {f"unified LoRA, {what}": row for what, row in unified.items()}
    base = {f"no LoRA, CFG {cfg:g}": Settings(steps, cfg) for cfg in (1.0, GUIDANCE, 7.0)}
    return ours | base | {"no LoRA, TCD, CFG 1": tcd(steps, lora=None)}


def wrong(steps: int) -> dict[str, Settings]:
    """The unified LoRA as it is often used instead."""
    return {
        "DDIM, leading spacing": tcd(steps, 0.0, sampler="DDIM", schedule="leading"),
        "Euler, “Automatic”": tcd(steps, 0.0, sampler="DDIM", schedule="Automatic"),
        "weight 0.5": tcd(steps, weight=0.5),
        "CFG 7": tcd(steps, cfg=7.0),
    }


def wrong_fixed(steps: int) -> dict[str, Settings]:
    """A fixed-step LoRA as it is often used instead."""
    name = FIXED[steps]
    return {
        "leading spacing": Settings(steps, lora=name, schedule="leading"),
        "“Automatic”": Settings(steps, lora=name, schedule="Automatic"),
        "weight 0.5": Settings(steps, lora=name, weight=0.5),
    }


def features(shown: torch.Tensor) -> np.ndarray:
    """Fixed features of uint8 pictures ``[N, 64, 64, 3]``, ``[N, 64]``: random filters in two layers, averaged.

    Random features tell distributions apart and can be made anywhere; they are no measure of beauty.
    """
    generator = torch.Generator().manual_seed(0)
    x = shown.permute(0, 3, 1, 2).float() / 127.5 - 1
    for size, stride in (((32, 3, 5, 5), 2), ((32, 32, 3, 3), 2)):
        weight = torch.randn(size, generator=generator) / (size[1] * size[2] * size[3]) ** 0.5
        x = torch.nn.functional.conv2d(x, weight, stride=stride).relu()
    return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1).double().numpy()


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of the normal distributions of two sets of features, ``[N, F]`` (arXiv:1706.08500, eq. 6)."""
    means, covariances = [x.mean(0) for x in (a, b)], [np.cov(x, rowvar=False) for x in (a, b)]
    both = sqrtm(covariances[0] @ covariances[1]).real
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * both))


def measure(studio: Studio, settings: Settings, count: int, real: np.ndarray) -> dict[str, float]:
    """One row of the table, over the first ``count`` held-out captions with each seed."""
    scenes = split()[1][:count]
    images = torch.cat([studio.make([scene.caption() for scene in scenes], settings, seed) for seed in SEEDS])
    return score(images.numpy(), scenes * len(SEEDS)) | {"distance": 1000 * frechet(features(images), real)}


def read_rows(path: Path) -> dict[str, dict[str, float]]:
    """The rows that were measured before, by what ``str`` makes of their settings."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {entry.pop("row"): entry for entry in map(json.loads, lines)}


def write_table(path: Path, rows: dict[str, dict[str, float]], count: int) -> None:
    """All rows that are measured so far, as Markdown; the sections of other programs stay."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = [
        "# Quality of the embedded model",
        "",
        f"{count} held-out captions, drawn {len(SEEDS)} times each, from the same noise in every row, by our own",
        f"samplers; a standard error of “all” is at most {100 * (0.25 / count / len(SEEDS)) ** 0.5:.1f}.",
        "A plain image-processing reader (`tools/tiny/reader.py`) says in which share of the pictures, in %, shape,",
        "colour, count, place and background are what the caption says, and in which all five are. “Distance” is",
        "1000 × the Fréchet distance from drawn pictures of the same captions on fixed random features.",
        "",
        "Made by `python -m tools.tiny.quality --model assets/tiny --table docs/quality.md`.",
    ]
    missing = sum(str(row) not in rows for settings in sections().values() for row in settings.values())
    if missing:
        lines += ["", f"{missing} rows are not measured yet."]
    lines += ["", "## Right pictures by steps", "", "| | " + " | ".join(f"{n} steps" for n in FEW) + " |"]
    lines += ["|---" * (len(FEW) + 1) + "|"]
    for name in choices(FEW[0]):
        found = [rows.get(str(choices(n)[name])) for n in FEW]
        lines.append(f"| {name} | " + " | ".join(f"{100 * row['all']:.1f}" if row else "" for row in found) + " |")
    for section, settings in sections().items():
        lines += ["", f"## {section}", "", "| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
        for name in settings:
            if row := rows.get(str(settings[name])):
                shares = " | ".join(f"{100 * row[column]:.1f}" for column in COLUMNS[:-1])
                lines.append(f"| {name} | {shares} | {row['distance']:.1f} |")
    lines += [f"\n{kept}" for heading in (END_OF_RUN, TWO_PASSES, CONTROL) if (kept := find_section(before, heading))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_section(document: str, heading: str) -> str:
    """A section with its heading, without the line breaks that end it; nothing where there is none."""
    _, found, rest = document.partition(heading + "\n")
    return (found + rest.partition("\n## ")[0]).rstrip("\n")


def write_section(path: Path, heading: str, section: str) -> None:
    """Write a section into a document: in place of an earlier one, or at its end."""
    document = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    before = find_section(document, heading)
    document = document.replace(before, section) if before else f"{document}\n{section}\n"
    path.write_text(document, encoding="utf-8")


def make_parser(program: str, document: str) -> argparse.ArgumentParser:
    """The arguments of every program that measures the model for this document; ``document`` is its docstring."""
    parser = argparse.ArgumentParser(prog=f"python -m tools.tiny.{program}", description=document.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="the folder of tiny-sd15.safetensors and its LoRAs")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="held-out captions")
    return parser


def main() -> None:
    options = make_parser("quality", __doc__).parse_args()
    done = options.table.with_suffix(".jsonl")
    measured, rows = read_rows(done), [row for settings in sections().values() for row in settings.values()]
    missing = [row for row in dict.fromkeys(rows) if str(row) not in measured]
    with processes().main_process_first():
        studio = Studio(options.model, options.device)
    real = features(torch.from_numpy(pictures(split()[1], options.count * len(SEEDS), seed=SEEDS[0])))
    for row in missing[processes().process_index :: processes().num_processes]:
        found = measure(studio, row, options.count, real)
        print(row, {key: round(value, 3) for key, value in found.items()}, flush=True)
        with done.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"row": str(row), **found}) + "\n")
    processes().wait_for_everyone()
    once(write_table, options.table, read_rows(done), options.count)


if __name__ == "__main__":
    main()
