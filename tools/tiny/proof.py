"""Compares ways to distil the embedded model: the method's parts on and off, and its neighbours, each with some seeds.

    python -m tools.tiny.proof --out DIR --table docs/distil.md

Every row is one configuration of ``lib_hypersd.distil`` with the same teacher, pictures and steps of training; it is
measured by the share of held-out captions that are drawn right. What is done is kept in DIR, so that a run that was
stopped goes on. Needs the requirements of the playground and scipy.
"""

import argparse
import json
import shutil
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.distil.options import Options
from lib_hypersd.distil.train import distil

from .lora import RANK
from .pictures import HELD_OUT, captions, pictures, split
from .quality import SEEDS as NOISES
from .quality import write_section
from .reader import judge
from .sampling import Settings, Studio

SECTION = "## Parts of the method, on and off"
PICTURES = 2000
# What was found for a network of this size (tools/tiny/distil.py).
SMALL = {
    "rank": RANK, "learning_rate": 2e-3, "batch": 32, "guidance": 3.0, "unguided": 250, "stride": 100,
    "start_share": 0.25, "adversarial_weight": 0.01, "patience": 0, "held_out": 32, "cpu": True,
}  # fmt: skip
WHOLE = {"steps": (8, 4, 2, 1), "unified": True}
# By the name of each row: what is other than in the first, and the stages that all its training goes to.
ROWS: dict[str, tuple[dict, int]] = {
    "all parts": (WHOLE, 5),
    "ends of segments alone": ({**WHOLE, "sampled_ends": False}, 5),
    "targets by the student itself": ({**WHOLE, "average_targets": False}, 5),
    "no discriminator": ({**WHOLE, "adversarial": False}, 5),
    "constant weights": ({**WHOLE, "changing_weights": False}, 5),
    "no perturbation": ({**WHOLE, "perturbation": False}, 5),
    "no score distillation": ({**WHOLE, "score": False}, 5),
    "as LCM: one segment, MSE": (
        {"steps": (1,), "score": False, "adversarial": False, "sampled_ends": False}, 1,
    ),
    "as PCM: four segments, fixed ends": ({"steps": (4,), "sampled_ends": False, "changing_weights": False}, 1),
}  # fmt: skip
FEW = (1, 2, 4, 8)


def write_data(folder: Path) -> Path:
    """The embedded model's training pictures as people have theirs: images with .txt files beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    training = split()[0]
    for i, (picture, (_, caption)) in enumerate(
        zip(pictures(training, PICTURES, 2), captions(training, PICTURES, 2), strict=True)
    ):
        Image.fromarray(picture).save(folder / f"{i:05}.png")
        (folder / f"{i:05}.txt").write_text(caption)
    return folder


def share_right(studio: Studio, file: Path, steps: int, count: int) -> float:
    """How many of the held-out captions a LoRA draws right in so many steps of TCD at eta 1, in %."""
    shutil.copyfile(file, studio.folder / "row.safetensors")
    settings = Settings(steps, lora="row", sampler="TCD", schedule="TCD", eta=1.0)
    scenes = split()[1][:count]
    prompts = [scene.caption() for scene in scenes]
    right = [judge(studio.make(prompts, settings, noise).numpy(), scenes).all(1) for noise in NOISES]
    return 100 * float(np.mean(right))


def measure(name: str, seed: int, options: argparse.Namespace, images: Path, studio: Studio) -> list[float]:
    """Distil one row with one seed, as far as that is not done, and measure its last LoRA."""
    changed, stages = ROWS[name]
    folder = options.out / f"{list(ROWS).index(name)}-{seed}"
    done = folder / "shares.json"
    if not done.exists():
        values = {**SMALL, **changed, "iterations": options.iterations // stages, "seed": seed, "resume": True}
        file = distil(Options(embedded_checkpoint(), folder, images, **values))[-1]
        done.write_text(json.dumps([share_right(studio, file, steps, options.count) for steps in FEW]))
    return json.loads(done.read_text())


def section(shares: dict[str, np.ndarray], options: argparse.Namespace) -> str:
    """The figures as Markdown: means over the seeds with their standard errors."""
    text = (
        f"Pictures that are right, in %, of {options.count} held-out captions; {len(options.seeds)} seeds, "
        f"{options.iterations} steps of training for each row. Made by `python -m tools.tiny.proof`."
    )
    heads = " | ".join(f"{n} step" + "s" * (n > 1) for n in FEW)
    lines = [SECTION, "", *textwrap.wrap(text, 118), "", f"| | {heads} |", "|---" * (len(FEW) + 1) + "|"]
    for name, values in shares.items():
        errors = values.std(0, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.full(len(FEW), np.nan)
        cells = (f"{mean:.1f} ± {error:.1f}" for mean, error in zip(values.mean(0), errors, strict=True))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny.proof", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", type=Path, help="the document whose section becomes these figures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--iterations", type=int, default=3000, help="steps of training for each row")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="held-out captions")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    options = parser.parse_args()
    images, work = write_data(options.out / "images"), options.out / "model"
    work.mkdir(exist_ok=True)
    shutil.copyfile(embedded_checkpoint(), work / embedded_checkpoint().name)
    studio, shares = Studio(work), {}
    for name in options.rows:
        shares[name] = np.array([measure(name, seed, options, images, studio) for seed in options.seeds])
        print(name, *(f"{share:.1f}" for share in shares[name].mean(0)), flush=True)
    if options.table:
        write_section(options.table, SECTION, section(shares, options))


if __name__ == "__main__":
    main()
