"""Which end of a run draws better: the predicted image, or what diffusers leaves at timestep 0.

    python -m tools.tiny.end_of_run --model assets/tiny --table docs/quality.md

Our samplers end in x0. diffusers' TCD, and DDIM as the model cards of Stable Diffusion set it up, end at timestep 0
instead, in √ᾱ₀·x0 + √(1 − ᾱ₀)·ε, with √(1 − ᾱ₀) = 0.0292. Both ends come from the same run here, so that nothing but
the end differs; captions are the held-out ones, with two seeds that nothing was chosen by. The figures become a
section of the table's document, in place of those of an earlier run.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
import torch

from . import model
from .pictures import split
from .quality import END_OF_RUN, FEW, FIXED, make_parser, tcd, write_section
from .reader import judge
from .sampling import Settings, Studio
from .train import alphas_cumprod

SEEDS = (11, 12)
ROWS = {f"unified, TCD, {n} steps": tcd(n) for n in FEW}
ROWS |= {f"fixed, DDIM-Trailing, {n} steps": Settings(n, lora=name) for n, name in FIXED.items()}
BEYOND = 2  # standard errors, from which on a difference counts


@dataclass(frozen=True)
class Ends:
    """What both ends of the same runs come to: ``right``, ``[2, N]``, whether each picture is right, or in which share
    of several rows, first with our end and then with diffusers'; the root mean square by which latents differ, as a
    share of ours, and pixels, of 255."""

    right: np.ndarray
    latents: float
    pixels: float

    @property
    def difference(self) -> float:
        """By how many percentage points more pictures are right with diffusers' end."""
        return 100 * float((self.right[1] - self.right[0]).mean())

    @property
    def error(self) -> float:
        """The standard error of :attr:`difference`, from picture to picture."""
        return 100 * float((self.right[1] - self.right[0]).std(ddof=1)) / self.right.shape[1] ** 0.5


def both_ends(studio: Studio, prompts: list[str], settings: Settings, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The latents that our samplers return and those that diffusers' would, ``[N, 4, 8, 8]`` each, of one run."""
    noise = []

    def keep(step: dict) -> None:
        if step["i"] == settings.steps - 1:
            noise.append((step["x"] - step["denoised"]) / step["sigma"])

    x0 = studio.latents(prompts, settings, seed, callback=keep)
    kept = alphas_cumprod()[0].item()
    return x0, kept**0.5 * x0 + (1 - kept) ** 0.5 * torch.cat(noise)


def measure(studio: Studio, settings: Settings, count: int) -> Ends:
    """Both ends on the first ``count`` held-out captions with each seed, compared picture by picture."""
    scenes = split()[1][:count]
    prompts = [scene.caption() for scene in scenes]
    runs = [both_ends(studio, prompts, settings, seed) for seed in SEEDS]
    latents = [torch.cat(parts) for parts in zip(*runs, strict=True)]
    with torch.no_grad():
        shown = [model.decode(studio.networks["vae"], part).numpy() for part in latents]
    right = np.stack([judge(pictures, scenes * len(SEEDS)).all(1) for pictures in shown]).astype(float)
    return Ends(
        right,
        ((latents[1] - latents[0]).square().mean() / latents[0].square().mean()).sqrt().item(),
        float(np.sqrt(np.square(shown[1].astype(float) - shown[0]).mean())),
    )


def together(rows: list[Ends]) -> Ends:
    """All rows as one: each picture counts by the share of them in which it is right."""
    latents, pixels = (float(np.sqrt(np.mean(np.square(values)))) for values in
                       ([row.latents for row in rows], [row.pixels for row in rows]))  # fmt: skip
    return Ends(np.mean([row.right for row in rows], 0), latents, pixels)


TEXT = """
Our samplers return the predicted image x0. diffusers' TCD, and its DDIM as Stable Diffusion's configuration has it,
end at timestep 0 and return √ᾱ₀·x0 + √(1 − ᾱ₀)·ε instead, where ε is the last predicted noise and √(1 − ᾱ₀) is
0.0292. Both ends are measured on the same runs, of {count} held-out captions with the seeds {seeds}, by which nothing
was chosen. “Right” is the share of pictures, in %, in which all five attributes are what the caption says; the
difference is that of diffusers' end less ours, with its standard error from picture to picture; the last columns are
the root mean square by which latents (relative to ours) and pixels differ. By more than {beyond} standard errors
diffusers' end draws better in {better}, and worse in {worse}.
"""


def section(rows: dict[str, Ends], count: int) -> str:
    """The figures as Markdown, with what follows from them."""
    beyond = {name: row.difference for name, row in rows.items() if abs(row.difference) > BEYOND * row.error}
    better, worse = (
        "; ".join(f"“{name}”" for name in beyond if (beyond[name] > 0) == wanted) or "no row"
        for wanted in (True, False)
    )
    seeds = " and ".join(map(str, SEEDS))
    text = TEXT.format(count=count, seeds=seeds, beyond=BEYOND, better=better, worse=worse)
    lines = [
        END_OF_RUN,
        "",
        *textwrap.wrap(text.strip(), 118),
        "",
        "Made by `python -m tools.tiny.end_of_run --model assets/tiny --table docs/quality.md`.",
        "",
        "| | right, ours | right, diffusers' | difference | latents, % | pixels, of 255 |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        difference = f"{row.difference:+.2f} ± {row.error:.2f}"
        shares = " | ".join(f"{100 * share:.1f}" for share in row.right.mean(1))
        lines.append(f"| {name} | {shares} | {difference} | {100 * row.latents:.1f} | {row.pixels:.2f} |")
    return "\n".join(lines)


def main() -> None:
    options = make_parser("end_of_run", __doc__).parse_args()
    studio = Studio(options.model, options.device)
    rows = {}
    for name, settings in ROWS.items():
        rows[name] = measure(studio, settings, options.count)
        print(f"{name}: {rows[name].difference:+.2f} ± {rows[name].error:.2f}", flush=True)
    rows["all of these"] = together(list(rows.values()))
    write_section(options.table, END_OF_RUN, section(rows, options.count))


if __name__ == "__main__":
    main()
