"""Which timesteps a few-step sampler visits, and their noise levels.

Timesteps are whole numbers in ``0 … train_steps − 1``, listed from noise to image. Sigmas are looked up in the
model's own table (one entry per timestep, ascending) and end in 0.
"""

import numpy as np
import torch

__all__ = ["model_sigmas", "sigmas_at", "start_timesteps", "tcd_timesteps", "trailing_timesteps"]


def trailing_timesteps(steps: int, train_steps: int = 1000) -> list[int]:
    """``steps`` timesteps, evenly spaced from the very last one: ``round(arange(T, 0, −T/steps)) − 1``.

    The "trailing" spacing of "Common Diffusion Noise Schedules and Sample Steps are Flawed"
    (arXiv:2305.08891, table 2), which Hyper-SD's fixed-step LoRAs are distilled for; 4 → 999, 749, 499, 249.

    Raises:
        ValueError: steps are not a whole number between 1 and train_steps.
    """
    check_steps(steps, train_steps, "The trailing schedule")
    return (np.arange(train_steps, 0, -train_steps / steps)[:steps].round().astype(int) - 1).tolist()


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
    return np.arange(start, 0, -start / steps)[:steps].round().astype(int).tolist()


def check_steps(steps: int, most: int, schedule: str) -> None:
    """Raise ValueError, a sentence that begins with ``schedule``, unless steps is a whole number from 1 to most."""
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= most:
        served = f"serves 1 to {most} steps" if most > 1 else "serves 1 step" if most else "has no timesteps"
        raise ValueError(f"{schedule} {served}; {steps!r} cannot be served.")


def model_sigmas(model) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``, ascending: the first table on ``model``, ``model.inner_model``, …

    k-diffusion's wrappers, A1111's and Forge's denoisers all carry it as ``sigmas``.

    Raises:
        ValueError: no model along the chain has one.
    """
    wrapper = model
    while wrapper is not None:
        table = getattr(wrapper, "sigmas", None)
        if isinstance(table, torch.Tensor) and table.ndim == 1 and len(table) > 1:
            return table
        wrapper = getattr(wrapper, "inner_model", None)
    raise ValueError(
        f"{type(model).__name__} has no table of sigmas, nor has any model inside it; "
        "few-step samplers need it to find the noise level of a timestep."
    )


def sigmas_at(timesteps: list[int], table: torch.Tensor) -> torch.Tensor:
    """The noise levels of ``timesteps`` in a model's table (``[T]``), followed by 0; shape ``[len(timesteps) + 1]``."""
    return torch.cat([table[timesteps], table.new_zeros(1)])
