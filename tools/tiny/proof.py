"""Compares ways to distil the embedded model: the method's parts on and off, and its neighbours, each with some seeds.

    python -m tools.tiny.proof --out DIR --table docs/distil.md [--processes N]

Every row is one configuration of ``lib_hypersd.distil`` with the same teacher, pictures and steps of training; it is
measured by the share of held-out captions that are drawn right. What is done is kept in DIR, so that a run that was
stopped goes on. Needs the requirements of the playground and scipy; computes on a GPU where there is one.
"""

import argparse
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .pictures import HELD_OUT, split
from .quality import FEW, tcd, write_section
from .quality import SEEDS as NOISES
from .runs import FEEDBACK, WHOLE, best_device, make_parser, prepare, share_right, side_by_side, train
from .sampling import Settings, Studio

SECTION = "## Parts of the method, on and off"


@dataclass(frozen=True)
class Row:
    """What is other than in the first row, the stages that all its training goes to, and how its LoRA is drawn with.

    TCD with all its noise is with one segment LCM's sampler.
    """

    changed: dict[str, Any]
    stages: int = 5
    recipe: Callable[[int], Settings] = tcd


ROWS = {
    "all parts": Row(WHOLE),
    "ends of segments alone": Row({**WHOLE, "sampled_ends": False}),
    "targets by the student itself": Row({**WHOLE, "average_targets": False}),
    "no discriminator": Row({**WHOLE, "adversarial": False}),
    "constant weights": Row({**WHOLE, "changing_weights": False}),
    "no perturbation": Row({**WHOLE, "perturbation": False}),
    "no score distillation": Row({**WHOLE, "score": False}),
    "with feedback": Row({**WHOLE, **FEEDBACK}),
    "as LCM: one segment, MSE": Row(
        {"steps": (1,), "score": False, "adversarial": False, "sampled_ends": False}, 1,
    ),
    "as PCM: four segments, fixed ends": Row(
        {"steps": (4,), "sampled_ends": False, "changing_weights": False}, 1, Settings,
    ),
    "as DMD: score distillation alone": Row({"steps": (1,), "consistency": False}, 1),
}  # fmt: skip


def measure(out: Path, name: str, seed: int, iterations: int, count: int) -> list[float]:
    """Distil one row with one seed, as far as that is not done, and measure its last LoRA."""
    row, run = ROWS[name], f"{list(ROWS).index(name)}-{seed}"
    done = out / f"{run}.json"
    if not done.exists():
        file = train(out, run, {**row.changed, "iterations": iterations // row.stages, "seed": seed})[-1]
        studio, scenes = Studio(out / "model", best_device()), split()[1][:count]
        lora = str(file.with_suffix(""))
        shares = [share_right(studio, replace(row.recipe(steps), lora=lora), scenes, NOISES) for steps in FEW]
        done.write_text(json.dumps(shares))
    return json.loads(done.read_text())


def section(shares: dict[str, np.ndarray], options: argparse.Namespace) -> str:
    """The figures as Markdown: means over the seeds with their standard errors."""
    text = (
        f"Pictures that are right, in %, of {options.count} held-out captions; {options.iterations} steps of training "
        f"with 32 images for each row, with the seeds {', '.join(map(str, options.seeds))}; means and standard errors. "
        "LCM's, DMD's and all unified LoRAs are drawn with by TCD at eta 1, PCM's by DDIM on trailing timesteps. "
        "Made by `python -m tools.tiny.proof`."
    )
    heads = " | ".join(f"{n} step" + "s" * (n > 1) for n in FEW)
    lines = [SECTION, "", *textwrap.wrap(text, 118), "", f"| | {heads} |", "|---" * (len(FEW) + 1) + "|"]
    for name, values in shares.items():
        errors = values.std(0, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.full(len(FEW), np.nan)
        cells = (f"{mean:.1f} ± {error:.1f}" for mean, error in zip(values.mean(0), errors, strict=True))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = make_parser("proof", __doc__)
    parser.add_argument("--table", type=Path, help="the document whose section becomes these figures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--iterations", type=int, default=3000, help="steps of training for each row")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="held-out captions")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    options = parser.parse_args()
    prepare(options)
    tasks = [
        (options.out, name, seed, options.iterations, options.count) for seed in options.seeds for name in options.rows
    ]
    found: dict[str, list[list[float]]] = {name: [] for name in options.rows}
    for (_, name, seed, *_), shares in side_by_side(measure, tasks, options.processes):
        found[name].append(shares)
        print(f"{name}, seed {seed}:", *(f"{share:.1f}" for share in shares), flush=True)
    if options.table:
        shares = {name: np.array(values) for name, values in found.items() if values}
        write_section(options.table, SECTION, section(shares, options))


if __name__ == "__main__":
    main()
