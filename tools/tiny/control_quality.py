"""What the small model's ControlNet does: right shapes and places with and without it, by steps and by its weight.

    python -m tools.tiny.control_quality --model assets/tiny --table docs/quality.md

Held-out captions, each with a scribble of what it says, and the same noise for every row. Rows that are done are kept
beside the table's name as ``.control.jsonl``, as those of ``tools.tiny.quality`` are; several processes (``torchrun``)
divide them among them. The figures become a section of the table's document.
"""

import json
import textwrap
from pathlib import Path

import numpy as np
import torch

from .control import FILE, Guide, load_control, to_images
from .distil import GUIDANCE
from .pictures import Scene, place_shapes, split
from .quality import CFG, CONTROL, FIXED, GUIDED, SEEDS, make_parser, read_rows, tcd, write_section
from .reader import score
from .sampling import Settings, Studio
from .scribbles import scribble
from .stage import once, processes

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # without control, and with it
ROWS = {f"unified, {n} steps": tcd(n) for n in range(1, 9)}
ROWS |= {f"fixed, {n} steps": Settings(n, lora=name) for n, name in FIXED.items()}
ROWS |= {f"CFG-preserved, 8 steps, CFG {GUIDED:g}": Settings(8, GUIDED, CFG)}
ROWS |= {f"no LoRA, 8 steps, CFG {GUIDANCE:g}": Settings(8, GUIDANCE), "no LoRA, 1 steps": Settings(1)}
COLUMNS = {"shape": "Right shape", "place": "Right place", "count": "Right number", "all": "All five right"}
TEXT = """
{count} held-out captions, drawn {times} times each, with an unsteady scribble of what the caption says
(`tools/tiny/scribbles.py`) as the control image, from the same noise in every row. Shares of the pictures, in %, by
the weight of the ControlNet; at 0 there is none.
"""


def scribbles(scenes: list[Scene], seed: int) -> torch.Tensor:
    """A control image for every scene, ``[N, 3, 64, 64]``."""
    rng = np.random.default_rng(seed)
    return to_images(torch.from_numpy(np.stack([scribble(place_shapes(scene, rng), rng) for scene in scenes])))


def measure(studio: Studio, control: torch.nn.Module, settings: Settings, weight: float, count: int) -> dict:
    """The shares of right pictures over the first ``count`` held-out captions with each seed."""
    scenes = split()[1][:count]
    prompts = [scene.caption() for scene in scenes]
    pictures = []
    for seed in SEEDS:
        guide = Guide(control, scribbles(scenes, seed).to(studio.device), weight) if weight else None
        pictures.append(studio.make(prompts, settings, seed, guide=guide))
    return score(torch.cat(pictures).numpy(), scenes * len(SEEDS))


def section(rows: dict[str, dict[str, float]], count: int) -> str:
    """The figures as Markdown."""
    lines = [
        CONTROL,
        "",
        *textwrap.wrap(TEXT.format(count=count, times=len(SEEDS)).strip(), 118),
        "",
        f"Made by `python -m tools.tiny.control_quality --model assets/tiny --table docs/quality.md --count {count}`.",
    ]
    for column, title in COLUMNS.items():
        lines += ["", f"| {title} | " + " | ".join(f"weight {weight:g}" for weight in WEIGHTS) + " |"]
        lines += ["|---" * (len(WEIGHTS) + 1) + "|"]
        for name in ROWS:
            shares = [f"{100 * rows[row_of(name, weight)][column]:.1f}" for weight in WEIGHTS]
            lines.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join(lines)


def row_of(name: str, weight: float) -> str:
    return f"{name}, weight {weight:g}"


def main() -> None:
    parser = make_parser("control_quality", __doc__)
    parser.add_argument("--control", type=Path, help=f"the ControlNet, unless it is {FILE} in the model's folder")
    options = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False  # the same figures on every device
    done = options.table.with_suffix(".control.jsonl")
    rows = read_rows(done)
    missing = [(name, weight) for name in ROWS for weight in WEIGHTS if row_of(name, weight) not in rows]
    with processes().main_process_first():
        studio = Studio(options.model, options.device)
    control = load_control(options.control or options.model / FILE, options.device)
    for name, weight in missing[processes().process_index :: processes().num_processes]:
        found = measure(studio, control, ROWS[name], weight, options.count)
        print(row_of(name, weight), {key: round(value, 3) for key, value in found.items()}, flush=True)
        with done.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"row": row_of(name, weight), **found}) + "\n")
    processes().wait_for_everyone()
    once(lambda: write_section(options.table, CONTROL, section(read_rows(done), options.count)))


if __name__ == "__main__":
    main()
