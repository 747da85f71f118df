"""Many pictures: the playground's throughput beside diffusers' own, and that of several processes beside one.

``python -m bench.batches [--write] [--processes N]``: the embedded model, on the CPU.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from bench.limit import peer_of
from bench.report import keep, show
from bench.timing import seconds_in_turn
from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.job import Job, Own
from lib_hypersd.playground.loading import load_pipeline
from lib_hypersd.playground.loras import Loras
from lib_hypersd.recipes.catalog import Catalog
from lib_hypersd.recipes.settings import Settings

COUNTS = (1, 4, 16)
STEPS = 4
LINES = 384  # so that the first picture, which loads the LoRA, counts little
TITLE = "Playground: many pictures, on the CPU"
SUMMARY = re.compile(r"(\d+) of \d+ pictures made in ([\d.]+) s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(TITLE)
    section = show(chain(together(), by_processes(options.processes)))
    if options.write:
        keep({TITLE: section})


def together() -> Iterator[tuple[str, str, str]]:
    """Pictures at once, of one prompt and seeds of their own, with the same LoRA at CFG 1 on TCD."""
    lora = next(EMBEDDED.glob("*1step*.safetensors"))
    pipeline = load_pipeline(embedded_checkpoint(), "cpu")
    peer = peer_of(pipeline, lora)
    playground = Playground(pipeline, Loras([lora]), Catalog(()))
    own = Own(STEPS, 1.0, "TCD", "TCD", 0.3)
    job = partial(Job, f"a red square <lora:{lora.stem}:1>", settings=Settings(enabled=False), own=own)
    width, height = pipeline.size
    alone = 0.0
    for count in COUNTS:
        ours, theirs = seconds_in_turn(
            lambda count=count: playground.run_batch([job(seed=seed) for seed in range(count)]),
            lambda count=count: peer(
                "a red square", height=height, width=width, num_inference_steps=STEPS, guidance_scale=1.0, eta=0.3,
                num_images_per_prompt=count,
            ),
            rounds=5, clock=time.process_time,
        )  # fmt: skip
        alone = alone or ours
        what = f"{count} at once, {STEPS} steps"
        yield f"{what}: pictures a second, of diffusers'", f"{theirs / ours:.2f}", "at least 1"
        yield f"{what}: pictures a second, of those one by one", f"{count * alone / ours:.2f}", ""


def by_processes(processes: int) -> Iterator[tuple[str, str, str]]:
    """The same lines by one process and by several, as ``generate`` itself says how long it took."""
    spent = {count: [] for count in (1, processes)}
    for _ in range(2):
        for count, seconds in spent.items():
            seconds.append(seconds_of(count))
    one, several = (min(seconds) for seconds in spent.values())  # what else the machine does only makes it longer
    load = f"{os.getloadavg()[0]:.1f}"
    yield f"{LINES} lines by {processes} processes: times as fast as by one", f"{one / several:.2f}", "at least 1.7"
    yield "processes that wanted a core meanwhile, of all programs", load, ""


def seconds_of(processes: int) -> float:
    """Seconds for ``LINES`` pictures, without the start."""
    several = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
    launch = [*several, "--main_process_port", "0", "-m"] if processes > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder, "batch.jsonl")
        lines = [{"prompt": f"{n} red squares", "seed": n, "steps": STEPS} for n in range(LINES)]
        batch.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        command = [sys.executable, "-m", *launch, "lib_hypersd", "generate", "--device", "cpu", "--batch", str(batch),
                   "--out", str(Path(folder, "out"))]  # fmt: skip
        done = subprocess.run(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True
        )
    summary = SUMMARY.search(done.stderr)
    assert summary and int(summary[1]) == LINES, done.stderr
    return float(summary[2])


if __name__ == "__main__":
    main()
