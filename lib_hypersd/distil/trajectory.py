"""The mathematics of trajectory segmented consistency distillation (Hyper-SD, arXiv:2404.13686, section 3.1).

Timesteps run from 0 to T − 1; −1 stands for the image itself, where ᾱ is 1. ``alphas`` is ᾱ of all of them,
``[T + 1]``, the image's last, so that −1 finds it. A *jump* goes from a timestep to an earlier one along a prediction.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from ..sampling.schedules import trailing_timesteps

__all__ = [
    "Predict", "Prediction", "add_noise", "end_of_segment", "image_error", "image_weight", "jump", "perturb",
    "sample_end", "segment_target", "with_image",
]  # fmt: skip

# What an error of the image counts at a timestep: its signal-to-noise ratio, at most 5 (Min-SNR, arXiv:2303.09556) and
# at least 1 (progressive distillation, arXiv:2202.00512): without the least, the first steps of sampling are learnt
# last, and few-step sampling has no others.
LEAST, MOST = 1.0, 5.0


class Prediction(NamedTuple):
    """What a network takes x for: the image in it and the noise in it, ``[B, C, H, W]`` each."""

    x0: torch.Tensor
    noise: torch.Tensor


Predict = Callable[[torch.Tensor, torch.Tensor], Prediction]  # of x, [B, C, H, W], at timesteps t, [B]


def with_image(alphas_cumprod: torch.Tensor) -> torch.Tensor:
    """ᾱ of the timesteps, ``[T]``, followed by that of the image."""
    return torch.cat([alphas_cumprod, alphas_cumprod.new_ones(1)])


def per_sample(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """``[B]`` in a shape that multiplies ``x``, ``[B, …]``."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def end_of_segment(t: torch.Tensor, segments: int, steps: int = 1000) -> torch.Tensor:
    """Where the segment of each timestep ends: the trailing timestep of ``segments`` steps below it, or −1."""
    ends = torch.tensor([-1, *reversed(trailing_timesteps(segments, steps)[1:])], device=t.device)
    return ends[torch.searchsorted(ends, t) - 1]


def sample_end(t: torch.Tensor, segments: int, stride: int, uniform: torch.Tensor, steps: int = 1000) -> torch.Tensor:
    """Timesteps to jump to, ``[B]``: any from the segment's end to where one stride of the teacher leads.

    Args:
        uniform: numbers from 0 to below 1, ``[B]``; 0 gives the segment's end.
    """
    end = end_of_segment(t, segments, steps)
    return end + (uniform * (stride_down(t, end, stride) - end + 1)).long()


def stride_down(t: torch.Tensor, end: torch.Tensor, stride: int) -> torch.Tensor:
    """Where the teacher's stride from ``t`` leads, and never below ``end``."""
    return torch.maximum(t - stride, end)


def add_noise(x0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """√ᾱ·x0 + √(1 − ᾱ)·noise."""
    alpha = per_sample(alphas[t], x0)
    return alpha.sqrt() * x0 + (1 - alpha).sqrt() * noise


def jump(predicted: Prediction, to: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """DDIM's step to the timesteps ``to``, ``[B]``, along a prediction (arXiv:2010.02502, equation 12)."""
    return add_noise(predicted.x0, predicted.noise, to, alphas)


def perturb(
    x: torch.Tensor, t: torch.Tensor, to: torch.Tensor, noise: torch.Tensor, alphas: torch.Tensor
) -> torch.Tensor:
    """x at timesteps ``t``, made as noisy as at the later ones ``to``: the forward process from one to the other."""
    kept = per_sample(alphas[to] / alphas[t], x)
    return kept.sqrt() * x + (1 - kept).sqrt() * noise


def image_error(
    arrived: torch.Tensor, target: torch.Tensor, t: torch.Tensor, to: torch.Tensor, alphas: torch.Tensor
) -> torch.Tensor:
    """Mean square difference, ``[B]``, of the images by which two jumps from ``t`` to ``to`` went: it is the same
    however far they went, as the target of progressive distillation (arXiv:2202.00512, algorithm 2)."""
    start, goal = alphas[t], alphas[to]
    reach = goal.sqrt() - (start * (1 - goal) / (1 - start)).sqrt()  # what a jump hands on of a change of its image
    return ((arrived - target).flatten(1) / reach[:, None]).square().mean(1)


def image_weight(alpha: torch.Tensor, least: float = LEAST) -> torch.Tensor:
    """What an error of the image counts where ᾱ is ``alpha``, ``[B]``."""
    return (alpha / (1 - alpha)).clamp(least, MOST)


def segment_target(
    teacher: Predict, average: Predict, x: torch.Tensor, t: torch.Tensor, to: torch.Tensor, between: torch.Tensor,
    alphas: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Where the student's jump from ``x`` at ``t`` to ``to`` must lead, ``[B, C, H, W]``.

    The teacher goes down to ``between``, and the student's moving average jumps the rest. Where the teacher arrives at
    the goal itself, nothing is left to jump.
    """
    closer = jump(teacher(x, t), between, alphas)
    rest = jump(average(closer, between.clamp(min=0)), to, alphas)
    return torch.where(per_sample(between == to, x), closer, rest)
