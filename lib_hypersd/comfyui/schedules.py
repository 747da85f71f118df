"""The noise levels that ComfyUI is to sample on, from a model's table."""

import torch

from ..errors import HyperSDError
from ..sampling.names import BY_IMAGE_SIZE
from ..sampling.schedules import levels

__all__ = ["Unsuitable", "sigmas_by_name", "table_of", "tokens_of"]

TRAIN_STEPS = 1000  # flow models have as many entries, or more


class Unsuitable(HyperSDError):
    """Why a model, a schedule or a latent cannot serve, and what to do."""


def table_of(model_sampling: object) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``, ascending, of ComfyUI's ``model_sampling``.

    Raises:
        Unsuitable: it has none, or another node has cut it.
    """
    table = getattr(model_sampling, "sigmas", None)
    if not isinstance(table, torch.Tensor) or table.ndim != 1 or len(table) < 2 or not bool((table.diff() > 0).all()):
        kind = type(model_sampling).__name__
        raise Unsuitable(f"The model's noise levels ({kind}) are no ascending table, so its timesteps cannot be found.")
    if len(table) < TRAIN_STEPS:
        raise Unsuitable(
            f"Another node has cut the model's table of {TRAIN_STEPS} noise levels to {len(table)}, as "
            "ModelSamplingDiscrete with “lcm” does. Take that node out: the samplers and schedules here need none."
        )
    return table


def tokens_of(latent: torch.Tensor) -> int:
    """The number of a transformer's tokens for an image with these latents, ``[…, H, W]``, in patches of 2 × 2."""
    return latent.shape[-2] * latent.shape[-1] // 4


def sigmas_by_name(
    schedule: str, steps: int, denoise: float, table: torch.Tensor, tokens: int | None = None
) -> torch.Tensor | None:
    """One of our schedules as ComfyUI's SIGMAS, ``[steps + 1]``, on the CPU; None where the name is none of ours.

    At denoise 0 it is the 0 alone, at which samplers return the latent as it is.

    Raises:
        Unsuitable: the schedule cannot serve this model or these steps.
    """
    if denoise <= 0:
        return torch.zeros(1)
    if schedule == BY_IMAGE_SIZE and tokens is None:
        raise Unsuitable(
            f"The schedule “{BY_IMAGE_SIZE}” goes by the image's latent; connect it to the input “latent”."
        )
    try:
        sigmas = levels(schedule, steps, denoise, table.cpu(), tokens)
    except ValueError as error:
        raise Unsuitable(str(error)) from error
    return None if sigmas is None else sigmas.float()
