"""The noise levels that ComfyUI is to sample on, from a model's table."""

import torch

from ..plan import Plan
from ..plan.outcome import Refusal
from ..sampling.names import BY_IMAGE_SIZE
from ..sampling.schedules import flow_sigmas, levels

__all__ = ["sigmas_by_name", "sigmas_of_plan", "table_of", "tokens_of"]

TRAIN_STEPS = 1000  # flow models have as many entries, or more


def table_of(model_sampling: object) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``, ascending, of ComfyUI's ``model_sampling``.

    Raises:
        Refusal: it has none, or another node has cut it.
    """
    table = getattr(model_sampling, "sigmas", None)
    if not isinstance(table, torch.Tensor) or table.ndim != 1 or len(table) < 2 or not bool((table.diff() > 0).all()):
        kind = type(model_sampling).__name__
        raise Refusal(f"The model's noise levels ({kind}) are no ascending table, so its timesteps cannot be found.")
    if len(table) < TRAIN_STEPS:
        raise Refusal(
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

    Raises:
        Refusal: the schedule cannot serve this model or these steps.
    """
    if schedule == BY_IMAGE_SIZE and tokens is None:
        raise Refusal(f"The schedule “{BY_IMAGE_SIZE}” goes by the image's latent; connect it to the input “latent”.")
    try:
        sigmas = levels(schedule, steps, denoise, table.cpu(), tokens)
    except ValueError as error:
        raise Refusal(str(error)) from error
    return None if sigmas is None else sigmas.float()


def sigmas_of_plan(plan: Plan, denoise: float, table: torch.Tensor, tokens: int | None) -> torch.Tensor | None:
    """The plan's schedule as SIGMAS; None where it is one of the host's own."""
    shift = plan.distilled_cfg if plan.recipe is not None and plan.recipe.shift is not None else None
    if shift is not None:  # it moves the levels and nothing else: a flow model is asked at the level itself
        return flow_sigmas(plan.steps, denoise, shift)
    return sigmas_by_name(plan.schedule, plan.steps, denoise, table, tokens)
