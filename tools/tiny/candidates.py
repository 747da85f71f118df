"""Makes the embedded model's LoRAs by ``lib_hypersd.distil``, in several ways, and keeps the best.

    python -m tools.tiny.candidates --out DIR [--processes N]

The best is the one whose unified LoRA draws most training captions right, from noise that no other measurement has: the
held-out captions of ``docs/quality.md`` choose nothing. ``DIR/model`` then has the model with the LoRAs of that way
under their published names, ready for ``tools.tiny.quality``. What is done is kept, so that a run that was stopped goes
on.
"""

import json
import shutil
from pathlib import Path

from .export import LORAS
from .pictures import split
from .quality import FEW, tcd
from .runs import FEEDBACK, WHOLE, best_device, make_parser, prepare, share_right, side_by_side, train
from .sampling import Studio

NOISES = (17,)
LARGE = {**WHOLE, "batch": 128, "seed": 5}
FED = {**LARGE, **FEEDBACK, "reward_images": 64}
WAYS = {
    "plain": LARGE,
    "feedback": FED,
    "feedback, a lower rate": {**FED, "learning_rate": 1e-3},
    "feedback, more score": {**FED, "score_weight": 0.3},
    "feedback of more weight": {**FED, "reward_weight": 0.1},
}
CFG = {"steps": (8,), "cfg_preserved": True, "batch": 128, "seed": 5}  # which there is but one way for


def measure(out: Path, name: str, values: dict, count: int) -> list[float]:
    """Distil in one way, as far as that is not done, and measure the unified LoRA."""
    done = out / f"{name}.json"
    if not done.exists():
        *_, file = train(out, name, values)
        studio, scenes = Studio(out / "model", best_device()), split()[0][:count]
        lora = str(file.with_suffix(""))
        done.write_text(json.dumps([share_right(studio, tcd(n, lora=lora), scenes, NOISES) for n in FEW]))
    return json.loads(done.read_text())


def publish(out: Path, name: str) -> None:
    """The LoRAs of one way, and the CFG-preserved one, under their published names."""
    for stage, published in LORAS.items():
        folder = out / ("CFG" if stage.endswith("CFG") else name)
        (file,) = folder.glob(f"*-Hyper-{stage}.safetensors")
        shutil.copyfile(file, out / "model" / f"{published}.safetensors")


def main() -> None:
    parser = make_parser("candidates", __doc__)
    parser.add_argument("--iterations", type=int, default=800, help="steps of training for each stage")
    parser.add_argument("--count", type=int, default=300, help="training captions that are drawn")
    options = parser.parse_args()
    prepare(options)
    tasks = [
        (options.out, name, {**values, "iterations": options.iterations}, options.count)
        for name, values in {"CFG": CFG, **WAYS}.items()
    ]
    found: dict[str, list[float]] = {}
    for (_, name, *_), shares in side_by_side(measure, tasks, options.processes):
        print(f"{name}:", *(f"{share:.1f}" for share in shares), flush=True)
        found[name] = shares
        if "CFG" in found and len(found) > 1:
            best = max(found.keys() - {"CFG"}, key=lambda name: sum(found[name]))
            print(f"The best is {best}.", flush=True)
            publish(options.out, best)


if __name__ == "__main__":
    main()
