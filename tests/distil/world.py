"""Data and options for runs on the embedded model, small enough for CI."""

from pathlib import Path

import numpy as np
from PIL import Image

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.distil.options import Options
from tools.tiny.pictures import draw, split


def write_images(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(5)
    for i, scene in enumerate(split()[0][:count]):
        Image.fromarray(draw(scene, rng)).save(folder / f"{i:03}.png")
        (folder / f"{i:03}.txt").write_text(scene.caption())
    return folder


def options_for(out: Path, images: Path | None = None, **values) -> Options:
    """Options of a run on the embedded model, on the CPU; three steps of two images unless more are given."""
    small = {
        "steps": (2,), "rank": 4, "iterations": 3, "batch": 2, "warmup": 1, "learning_rate": 1e-3, "stride": 100,
        "guidance": 3.0, "adversarial_weight": 0.01, "held_out": 2, "measure_every": 3, "save_minutes": 1000.0, "cpu": True,
    }  # fmt: skip
    return Options(embedded_checkpoint(), out, images, **{**small, **values})
