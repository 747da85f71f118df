"""What can be wrong is found before a minute has passed, and said in a sentence."""

import importlib.util
import os
import shutil
from pathlib import Path

from ..wording import shown
from .base import Base
from .errors import RefusedRun
from .options import Options, check
from .sources import count_items

__all__ = ["check_inputs", "check_space"]

GB = 1024**3
STATES = 6  # an adapter's sizes in single precision that a stage's state has: three adapters, and two moments of each


def check_inputs(options: Options) -> None:
    """Raise RefusedRun for options that are off, and for data or a folder that cannot be used; opens no checkpoint."""
    check(options)
    for path in (options.checkpoint, options.teacher_lora):
        if path and not path.exists():
            raise RefusedRun(f"{shown(str(path))} does not exist.")
    kind, path = options.source
    if kind == "shards" and importlib.util.find_spec("webdataset") is None:
        raise RefusedRun("Shards are read by the package webdataset, which is not installed: pip install webdataset.")
    count_items(kind, path)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        trial = options.out / f".hypersd-{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise RefusedRun(f"{shown(str(options.out))} cannot be written to ({error.strerror}).") from error


def check_space(options: Options, base: Base, adapter_parameters: int, stages: int) -> None:
    """Raise RefusedRun where the disk has too little room for data, states and results."""
    kind, path = options.source
    text = (
        sum(tensor.nbytes for tensor in base.network.empty.values())
        // base.network.empty["encoder_hidden_states"].itemsize
    )
    latents = 4 * (base.side // 8) ** 2
    # How many are in shards shows only when they are read; a shard is seldom smaller than its latents.
    items = size_of(path) // 2 if kind == "shards" else count_items(kind, path) * 2 * (text + latents)
    needed = items + adapter_parameters * 4 * (STATES * 2 + stages) + adapter_parameters * 2 * stages
    free = shutil.disk_usage(options.out).free
    if free < needed:
        raise RefusedRun(
            f"{shown(str(options.out))} has {free / GB:.1f} GB free, and this run needs about {needed / GB:.1f}: "
            "make room, or give another --out, fewer images or a smaller --rank."
        )


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.tar"))
