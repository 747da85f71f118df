"""Trains the small model and distils it: every stage that is not yet done, or up to the one that is named.

A stage that was interrupted takes up where it was saved last, at most some minutes before. Its seconds, counted over
all sessions, are written to ``times.jsonl``.
"""

import argparse
from pathlib import Path

import torch

from .distil import distil
from .export import publish
from .one_step import one_step
from .reward import feedback
from .train import train
from .train_vae import train_vae

STAGES = {
    "vae": train_vae,
    "base": train,
    "distil": distil,
    "feedback": feedback,
    "one-step": one_step,
    "publish": publish,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny", description=__doc__.splitlines()[0])
    parser.add_argument("until", choices=["all", *STAGES], help="the last stage to do")
    parser.add_argument("--out", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_float32_matmul_precision("high")  # matters on a GPU alone
    for name, stage in STAGES.items():
        stage(options.out, options.device)
        if name == options.until:
            break


if __name__ == "__main__":
    main()
