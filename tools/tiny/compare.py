"""Whether the embedded model draws as well in a real WebUI as in the playground, at 4 steps with the unified LoRA.

    python -m tools.tiny.export --model assets/tiny --webui DIR      and start that WebUI with --api
    python -m tools.tiny.compare --webui http://127.0.0.1:7860 --playground PYTHON

PYTHON is one with the requirements of the playground. The captions are those of ``docs/quality.md``.
"""

import argparse
import base64
import io
import json
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .export import CHECKPOINT
from .pictures import HELD_OUT, Scene, split
from .quality import COLUMNS
from .reader import score

STEPS = 4
PANEL = {"enabled": True, "variant": "unified", "steps": STEPS}


def in_playground(python: str, scenes: list[Scene], folder: Path) -> Iterator[np.ndarray]:
    """Pictures by the command line, with the embedded model and LoRAs."""
    batch = folder / "captions.jsonl"
    lines = ({"prompt": scene.caption(), "seed": seed} for seed, scene in enumerate(scenes))
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = [part for name in ("variant", "steps") for part in (f"--{name}", str(PANEL[name]))]
    command = [python, "-m", "lib_hypersd", "generate", "--batch", batch, "--out", folder, "--json", *settings]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        yield np.asarray(Image.open(json.loads(line)["image"]).convert("RGB"))


def in_webui(url: str, scenes: list[Scene], panel: dict | None) -> Iterator[np.ndarray]:
    """Pictures by the API; without the panel, what one gets who only lowers the steps."""
    for seed, scene in enumerate(scenes):
        payload = {"prompt": scene.caption(), "seed": seed, "width": 64, "height": 64, "steps": STEPS, "cfg_scale": 7}
        payload |= {"sampler_name": "Euler", "override_settings": {"sd_model_checkpoint": CHECKPOINT}}
        if panel:
            payload["alwayson_scripts"] = {"Hyper-SD": {"args": [panel]}}
        body = json.dumps(payload).encode()
        request = urllib.request.Request(f"{url}/sdapi/v1/txt2img", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            encoded = json.loads(answer.read())["images"][0]
        yield np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--webui", required=True, metavar="URL")
    parser.add_argument("--playground", required=True, metavar="PYTHON")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="held-out captions")
    options = parser.parse_args()
    scenes = split()[1][: options.count]
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "playground, panel on": in_playground(options.playground, scenes, Path(folder)),
            "WebUI, panel on": in_webui(options.webui, scenes, PANEL),
            "WebUI, panel off, CFG 7": in_webui(options.webui, scenes, None),
        }
        for name, pictures in rows.items():
            shares = score(np.stack(list(pictures)), scenes)
            print(f"{name}:", *(f"{column} {100 * shares[column]:.1f}" for column in COLUMNS[:-1]), flush=True)


if __name__ == "__main__":
    main()
