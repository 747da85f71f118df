"""Runs of ``lib_hypersd.distil`` on the embedded model, side by side in processes, and what their LoRAs draw right.

python -m tools.tiny.runs --out DIR      makes what all runs share, before several programs begin in DIR
"""

import argparse
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.distil.base import make_accelerator, open_base
from lib_hypersd.distil.data import prepare_data
from lib_hypersd.distil.options import Options
from lib_hypersd.distil.train import distil

from .critic import PLACE, STEPS, train_critic
from .lora import RANK
from .pictures import Scene, captions, pictures, split
from .reader import judge
from .sampling import Settings, Studio

PICTURES = 2000
# What was found for a network of this size (tools/tiny/distil.py).
SMALL = {
    "rank": RANK, "learning_rate": 2e-3, "batch": 32, "guidance": 3.0, "unguided": 250, "stride": 100,
    "start_share": 0.25, "adversarial_weight": 0.01, "patience": 0, "held_out": 16, "measure_every": 10**6,
    "precision": "no",
}  # fmt: skip
WHOLE = {"steps": (8, 4, 2, 1), "unified": True}
FEEDBACK = {"reward": "tools.tiny.critic:fitness", "reward_goal": 0.0, "reward_weight": 0.03, "reward_images": 32}


def make_parser(program: str, document: str) -> argparse.ArgumentParser:
    """The arguments of every program that has such runs; ``document`` is its docstring."""
    parser = argparse.ArgumentParser(prog=f"python -m tools.tiny.{program}", description=document.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="pictures to learn from")
    parser.add_argument("--critic", type=int, default=STEPS, help="steps of training for the reward")
    parser.add_argument("--processes", type=int, default=1, help="runs side by side")
    return parser


def best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def write_pictures(folder: Path, count: int) -> None:
    """Training pictures of the embedded model as people have theirs: images with .txt files beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    training = split()[0]
    pairs = zip(pictures(training, count, 2), captions(training, count, 2), strict=True)
    for i, (picture, (_, caption)) in enumerate(pairs):
        Image.fromarray(picture).save(folder / f"{i:05}.png")
        (folder / f"{i:05}.txt").write_text(caption)


def prepare(chosen: argparse.Namespace) -> None:
    """What all runs share: pictures, their latents and captions, the model to draw with, and the critic."""
    out = chosen.out
    images, model = out / "images", out / "model"
    if not images.exists():
        write_pictures(out / "images.part", chosen.pictures)
        (out / "images.part").rename(images)
    options = Options(embedded_checkpoint(), out, images, **SMALL)
    accelerator = make_accelerator(options)
    prepare_data(options, open_base(options, accelerator), accelerator)
    if not model.exists():  # a file that another program has open is not written again
        model.mkdir()
        shutil.copyfile(embedded_checkpoint(), model / embedded_checkpoint().name)
        Studio(model)  # writes the tokenizer's words
    train_critic(out / "critic.pt", best_device(), chosen.critic)


def train(out: Path, name: str, values: dict[str, Any]) -> list[Path]:
    """One run in a folder of its own, as far as it is not done; its LoRAs."""
    folder = out / name
    os.environ[PLACE] = str(out / "critic.pt")
    if not folder.exists():
        shutil.copytree(out / "data", folder / "data", copy_function=os.link)
    return distil(Options(embedded_checkpoint(), folder, out / "images", **{**SMALL, **values}, resume=True))


def share_right(studio: Studio, settings: Settings, scenes: list[Scene], noises: Iterable[int]) -> float:
    """How many of the scenes are drawn right, in %, with each of the noises."""
    prompts = [scene.caption() for scene in scenes]
    right = [judge(studio.make(prompts, settings, noise).numpy(), scenes).all(1) for noise in noises]
    return 100 * float(np.mean(right))


def side_by_side(work: Callable[..., Any], tasks: list[tuple], processes: int) -> Iterator[tuple[tuple, Any]]:
    """Every task with what the work makes of it, in the order in which they end; a fault ends its own task alone."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
        futures = {pool.submit(work, *task): task for task in tasks}
        for future in as_completed(futures):
            if error := future.exception():
                print(*futures[future][1:], f"failed: {error!r}", flush=True)
            else:
                yield futures[future], future.result()


if __name__ == "__main__":
    prepare(make_parser("runs", __doc__).parse_args())
