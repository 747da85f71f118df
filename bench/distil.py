"""``python -m bench.distil``: memory and time of a step of distillation, at the true sizes of SD1.5 and SDXL.

Networks have the published shapes and random weights; nothing is learnt, for every figure is that of ``--dry-run``.
``--small`` tries the script out. The tables are printed, and written as ``distil.json`` to the folder in the variable
OUT, if any; ``python -m bench.report FILE`` puts them into docs/performance.md.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.cuda import release
from bench.random_models import SIZE, random_pipeline
from bench.report import show
from lib_hypersd.distil.base import make_accelerator, open_base
from lib_hypersd.distil.errors import RefusedRun
from lib_hypersd.distil.options import Options
from lib_hypersd.distil.rehearse import GB, Rehearsal, refusing_too_large, rehearse
from lib_hypersd.recipes.catalog import FAMILIES

STEPS = 3  # of each kind of stage, of which the first is not counted
# The rows of each family's table.
WAYS = {
    "batch 8": {"batch": 8},
    "batch 8, activations computed twice": {"batch": 8, "checkpointing": True},
    "batch 1, activations computed twice": {"batch": 1, "checkpointing": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.distil", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a narrow SD1.5 alone, to try this out")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kept: dict[str, list] = {}
    for family in ("sd15",) if options.small else ("sd15", "sdxl"):
        title = f"distillation of {FAMILIES[family]} at {SIZE[family]}×{SIZE[family]}, random weights"
        print(f"\n{title}")
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder, "random")
            random_pipeline(family, torch.float16, device, options.small).save_pretrained(checkpoint)
            release(device)
            kept[title] = []
            for row in measure(checkpoint, device, 64 if options.small else SIZE[family]):
                kept[title] += show([row])
                if "OUT" in os.environ:  # at once, for a lent machine may be taken back
                    file = Path(os.environ["OUT"], "distil.json")
                    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False), "utf-8")


def measure(checkpoint: Path, device: str, side: int) -> Iterator[tuple[str, str, str]]:
    """Each way with all kinds of stages: one with segments, and the unified one-step stage."""
    for name, values in WAYS.items():
        options = Options(checkpoint, checkpoint, checkpoint, steps=(4, 1), unified=True, resolution=side, **values)
        try:
            measured = rehearsed(options)
        except RefusedRun as refused:
            yield f"{name}: {refused}", "", ""
            continue
        finally:
            release(device)
        seconds = measured.seconds
        yield f"{name}: GB of memory at the most", f"{measured.memory / GB:.1f}", ""
        yield f"{name}: seconds of a step with segments", f"{seconds['4steps']:.2f}", ""
        yield f"{name}: seconds of a step of the unified one-step stage", f"{seconds['1step']:.2f}", ""
        yield f"{name}: millions of numbers in the LoRA", f"{measured.parameters / 1e6:.0f}", ""


def rehearsed(options: Options) -> Rehearsal:
    accelerator = make_accelerator(options)
    base = open_base(options, accelerator)
    with refusing_too_large(accelerator.device):
        return rehearse(options, base, accelerator, None, STEPS)


if __name__ == "__main__":
    main()
