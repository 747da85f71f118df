"""Which timesteps a few-step sampler visits, and their noise levels.

Timesteps are whole numbers in ``0 … train_steps − 1``, listed from noise to image. Sigmas are looked up in the
model's own table (one entry per timestep, ascending) and end in 0, which is below timestep 0 (σ 0.0292 for Stable
Diffusion): a run ends in x0, where diffusers' TCD and Stable Diffusion's DDIM end at timestep 0. Flow models are
sampled at evenly spaced times instead, shifted as the model was trained.
"""

import math

import numpy as np
import torch

from .names import BY_IMAGE_SIZE, SIMPLE

__all__ = [
    "TIMESTEPS",
    "flow_sigmas",
    "flux_shift",
    "is_flow",
    "levels",
    "model_sigmas",
    "sigmas_at",
    "start_timesteps",
    "table_shift",
    "tcd_timesteps",
    "trailing_timesteps",
]


def trailing_timesteps(steps: int, train_steps: int = 1000) -> list[int]:
    """``steps`` timesteps, evenly spaced from the very last one: ``round(arange(T, 0, −T/steps)) − 1``.

    The "trailing" spacing of "Common Diffusion Noise Schedules and Sample Steps are Flawed"
    (arXiv:2305.08891, table 2), which Hyper-SD's fixed-step LoRAs are distilled for; 4 → 999, 749, 499, 249.

    Raises:
        ValueError: steps are not a whole number between 1 and train_steps.
    """
    check_steps(steps, train_steps, "The trailing schedule")
    return [int(t) - 1 for t in np.arange(train_steps, 0, -train_steps / steps)[:steps].round()]


def tcd_timesteps(steps: int, strength: float = 1.0, train_steps: int = 1000, origin_steps: int = 50) -> list[int]:
    """``steps`` timesteps of the grid that TCD was distilled on, as diffusers' ``TCDScheduler.set_timesteps``.

    The grid has ``origin_steps`` timesteps, ``train_steps // origin_steps`` apart and ending at ``train_steps − 1``
    ("Trajectory Consistency Distillation", arXiv:2402.19159); a strength below 1 keeps its first
    ``int(origin_steps · strength)``. 4 steps → 999, 759, 499, 259.

    Raises:
        ValueError: strength is not within 0–1, or the grid it leaves has fewer than ``steps`` timesteps.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"A strength lies between 0 and 1; {strength} does not.")
    skip = train_steps // origin_steps
    grid = [i * skip - 1 for i in range(int(origin_steps * strength), 0, -1)]
    check_steps(steps, len(grid), f"The TCD schedule at strength {strength:g}")
    return [grid[int(i)] for i in np.linspace(0, len(grid), steps, endpoint=False)]


def start_timesteps(steps: int, start: int = 800, train_steps: int = 1000) -> list[int]:
    """``steps`` timesteps, evenly spaced, the first of them exactly ``start``.

    Hyper-SDXL's one-step UNet starts at 800 (model card, "1-step SDXL Unet"); 2 and 3 steps divide what is left:
    1 → 800, 2 → 800, 400, 3 → 800, 533, 267.

    Raises:
        ValueError: start is not a timestep, or steps are not a whole number between 1 and start.
    """
    if not 0 < start < train_steps:
        raise ValueError(f"A schedule starts at a timestep from 1 to {train_steps - 1}; {start} is none.")
    check_steps(steps, start, f"The schedule that starts at timestep {start}")
    return [int(t) for t in np.arange(start, 0, -start / steps)[:steps].round()]


def trailing_within(steps: int, strength: float, train_steps: int) -> list[int]:
    """Trailing timesteps below the one that a strength of img2img reaches, ``T = int(train_steps · strength)``."""
    reached = int(train_steps * strength)
    return trailing_timesteps(min(steps, reached), reached) if reached else []


def tcd_within(steps: int, strength: float, train_steps: int) -> list[int]:
    """TCD timesteps within a strength; from all timesteps where the grid of 50 leaves too few."""
    if steps <= int(50 * strength):
        return tcd_timesteps(steps, strength, train_steps)
    reached = int(train_steps * strength)
    return tcd_timesteps(min(steps, reached), strength, train_steps, train_steps) if reached else []


def start_within(steps: int, strength: float, train_steps: int) -> list[int]:
    """Timesteps from 800, or from the one that the strength reaches where that is lower."""
    start = min(800 * train_steps // 1000, int(train_steps * strength))
    return start_timesteps(min(steps, start), start, train_steps) if start else []


# The schedules of ours by the name that a WebUI shows: (steps, strength, train_steps) → timesteps. All ``steps`` of
# them lie within the strength; fewer where it leaves fewer, none at strength 0.
TIMESTEPS = {"Trailing": trailing_within, "TCD": tcd_within, "Start at 800": start_within}


def check_steps(steps: int, most: int, schedule: str) -> None:
    """Raise ValueError, a sentence that begins with ``schedule``, unless steps is a whole number from 1 to most."""
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= most:
        served = f"serves 1 to {most} steps" if most > 1 else "serves 1 step" if most else "has no timesteps"
        raise ValueError(f"{schedule} {served}; {steps!r} cannot be served.")


def model_sigmas(model: object) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``: the first ascending table on ``model``, ``model.inner_model``, …

    k-diffusion's wrappers, A1111's and Forge's denoisers all carry it as ``sigmas``.

    Raises:
        ValueError: no model along the chain has one.
    """
    wrapper = model
    while wrapper is not None:
        table = getattr(wrapper, "sigmas", None)
        # A wrapper may call the schedule of its run so, which descends (ComfyUI's KSamplerX0Inpaint).
        if isinstance(table, torch.Tensor) and table.ndim == 1 and len(table) > 1 and table[0] < table[-1]:
            return table
        wrapper = getattr(wrapper, "inner_model", None)
    raise ValueError(
        f"{type(model).__name__} has no table of sigmas, nor has any model inside it; "
        "few-step samplers need it to find the noise level of a timestep."
    )


def sigmas_at(timesteps: list[int], table: torch.Tensor) -> torch.Tensor:
    """The noise levels of ``timesteps`` in a model's table (``[T]``), followed by 0; shape ``[len(timesteps) + 1]``."""
    return torch.cat([table[timesteps], table.new_zeros(1)])


def flow_sigmas(steps: int, strength: float = 1.0, shift: float = 1.0) -> torch.Tensor:
    """Evenly spaced times from ``strength`` down, ``linspace(s, s/steps, steps)``, shifted, followed by 0.

    σ = shift·t / (1 + (shift − 1)·t), as diffusers' ``FlowMatchEulerDiscreteScheduler`` (SD3: shift 3; FLUX: e^μ).
    """
    check_steps(steps, 1000, "A flow schedule")
    t = torch.linspace(strength, strength / steps, steps, dtype=torch.float64)
    return torch.cat([shift * t / (1 + (shift - 1) * t), t.new_zeros(1)]).float()


def table_shift(table: torch.Tensor) -> float:
    """The shift of a flow model, read from its table (``[T]``, ascending, entry k at time (k + 1)/T)."""
    middle = len(table) // 2
    t, sigma = (middle + 1) / len(table), float(table[middle])
    return sigma * (1 - t) / (t * (1 - sigma))


def flux_shift(tokens: int) -> float:
    """e^μ of FLUX.1-dev for an image of ``tokens`` (width/16 · height/16), as diffusers' ``calculate_shift``.

    μ runs from 0.5 at 256 tokens to 1.15 at 4096 (1024×1024), which is what Forge takes for every size.
    """
    slope = (1.15 - 0.5) / (4096 - 256)
    return math.exp(0.5 + slope * (tokens - 256))


def is_flow(table: torch.Tensor) -> bool:
    """Whether a table of sigmas (``[T]``, ascending) is a flow model's: it ends in noise alone, at 1."""
    return bool(table[-1] < 1.001)


def levels(
    schedule: str | None, steps: int, strength: float, table: torch.Tensor, tokens: int | None = None
) -> torch.Tensor | None:
    """The noise levels by which an image of that strength is made, or None for a schedule that is not known here.

    Args:
        schedule: a name of ``TIMESTEPS``, or for flow models ``SIMPLE`` or ``BY_IMAGE_SIZE``.
        strength: 0 to 1; at 1 these are the levels of an image made from noise alone.
        table: the model's sigmas, ``[T]``, ascending.
        tokens: width/16 · height/16 of the image, for ``BY_IMAGE_SIZE``.

    Returns:
        Shape ``[steps + 1]``, ending in 0; fewer where the strength leaves fewer timesteps, down to that 0 alone.

    Raises:
        ValueError: the schedule goes by the image's size, and this is no flow model or the size is not known.
    """
    if schedule in TIMESTEPS:
        return sigmas_at(TIMESTEPS[schedule](steps, strength, len(table)), table)
    if schedule == BY_IMAGE_SIZE:
        if not is_flow(table) or tokens is None:
            raise ValueError(f"The schedule “{BY_IMAGE_SIZE}” is for FLUX; choose another for this checkpoint.")
        return flow_sigmas(steps, strength, flux_shift(tokens))
    if schedule == SIMPLE and is_flow(table):
        return flow_sigmas(steps, strength, table_shift(table))
    return None
