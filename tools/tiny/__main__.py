"""python -m tools.tiny {all,vae,base} --out DIR [--device cuda]; every command takes up where it stopped."""

import argparse
from pathlib import Path

from .train import train
from .train_vae import train_vae

STAGES = {"vae": train_vae, "base": train}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny", description=__doc__)
    parser.add_argument("stage", choices=["all", *STAGES])
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and results are kept")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, stage in STAGES.items():
        if asked.stage in ("all", name):
            stage(asked.out, asked.device)


if __name__ == "__main__":
    main()
