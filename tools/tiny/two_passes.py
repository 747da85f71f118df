"""What a second pass over the enlarged picture is worth: 64×64 → 96×96, against other ways to 96×96.

    python -m tools.tiny.two_passes --model assets/tiny --table docs/quality.md

The recipes' values are used (×1.5, denoising strength 0.55, the upscaler “None”, which is Lanczos), on the held-out
captions with two seeds that nothing was chosen by. The figures become a section of the table's document.
"""

import textwrap
from functools import partial

import numpy as np
import torch
from PIL import Image

from lib_hypersd.recipes.catalog import published

from .pictures import Scene, split
from .quality import CFG, FEW, FIXED, TWO_PASSES, make_parser, tcd, write_section
from .reader import judge
from .sampling import Settings, Start, Studio

SEEDS = (21, 22)
SIDE = 64
RECIPE = next(recipe for recipe in published().recipes if recipe.id == "hyper-sd15-8steps-cfg")
LARGE = round(SIDE * RECIPE.two_pass_scale)
ROWS = {f"unified, {n} steps": tcd(n) for n in FEW}
ROWS |= {f"fixed, {n} steps": Settings(n, lora=name) for n, name in FIXED.items()}
ROWS |= {f"CFG-preserved, 8 steps, CFG {RECIPE.two_pass_cfg:g}": Settings(8, RECIPE.two_pass_cfg, CFG)}
WAYS = ("enlarged", "at once", "two passes")
EDGES = 0.05  # the share of a picture's pixels that are taken for its edges, by the steepest change


def resize(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 pictures in another size, by Lanczos."""
    images = [Image.fromarray(picture.numpy()).resize((side, side), Image.Resampling.LANCZOS) for picture in pictures]
    return torch.from_numpy(np.stack([np.asarray(image) for image in images]))


def sharpness(pictures: torch.Tensor) -> float:
    """How steep edges are: the brightness, of 255, that changes from one pixel to the next there, on average."""
    grey = pictures.float().mean(3)
    across, down = grey[:, 1:, 1:] - grey[:, 1:, :-1], grey[:, 1:, 1:] - grey[:, :-1, 1:]
    steepness = (across.square() + down.square()).sqrt().flatten(1)
    return steepness.topk(int(EDGES * steepness.shape[1])).values.mean().item()


def measure(studio: Studio, settings: Settings, scenes: list[Scene]) -> dict[str, tuple[float, float, float]]:
    """By way: the share of right pictures, its standard error, and the sharpness of edges."""
    draw = partial(studio.make, [scene.caption() for scene in scenes], settings)
    drawn = {way: [] for way in WAYS}
    for seed in SEEDS:
        enlarged = resize(draw(seed), LARGE)
        drawn["enlarged"].append(enlarged)
        drawn["at once"].append(draw(seed, side=LARGE))
        drawn["two passes"].append(draw(seed + 1000, start=Start(enlarged, RECIPE.two_pass_strength)))
    results = {}
    for way, parts in drawn.items():
        pictures = torch.cat(parts)
        right = judge(resize(pictures, SIDE).numpy(), scenes * len(SEEDS)).all(1)
        results[way] = float(right.mean()), float(right.std(ddof=1) / len(right) ** 0.5), sharpness(pictures)
    return results


TEXT = """
Pictures of 96×96, of {count} held-out captions with the seeds {seeds}: made at 64×64 and enlarged by Lanczos; made at
96×96 at once, for which the model was not trained; and enlarged with a second pass over it, with the values of the
recipe (denoising strength {strength:g}). “Right” is the share, in %, in which the reader finds all five attributes as
the caption says, at 64×64 again, with its standard error; “edges” is the change of brightness, of 255, from pixel to
pixel on the steepest twentieth of a picture.
"""


def section(rows: dict[str, dict[str, tuple[float, float, float]]], count: int) -> str:
    """The figures as Markdown."""
    text = TEXT.format(count=count, seeds=" and ".join(map(str, SEEDS)), strength=RECIPE.two_pass_strength)
    heads = [f"{what}, {way}" for way in WAYS for what in ("right", "edges")]
    lines = [TWO_PASSES, "", *textwrap.wrap(text.strip(), 118), ""]
    command = f"python -m tools.tiny.two_passes --model assets/tiny --table docs/quality.md --count {count}"
    lines += [f"Made by `{command}`.", ""]
    lines += ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, ways in rows.items():
        cells = [f"{100 * right:.1f} ± {100 * error:.1f} | {edges:.1f}" for right, error, edges in ways.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    options = make_parser("two_passes", __doc__).parse_args()
    studio, scenes = Studio(options.model, options.device), split()[1][: options.count]
    rows = {}
    for name, settings in ROWS.items():
        rows[name] = measure(studio, settings, scenes)
        print(name, rows[name], flush=True)
    write_section(options.table, TWO_PASSES, section(rows, len(scenes)))


if __name__ == "__main__":
    main()
