"""The mathematics of trajectory segmented consistency distillation (Hyper-SD, arXiv:2404.13686, section 3.1).

Timesteps run from 0 to 999; −1 stands for the image itself, where ᾱ is 1. ``alphas`` is ᾱ of all of them, ``[1001]``,
the image's last, so that −1 finds it.
"""

from collections.abc import Callable

import torch

from lib_hypersd.sampling.schedules import trailing_timesteps

# Timesteps that the teacher goes at once. The student's error is handed on from one stride to the next, so that many
# small ones drift further from the truth than ten of DDIM's steps, with which the teacher draws as well as with thirty.
STRIDE = 100

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # the noise in x, [B, …], at timesteps t, [B]


def with_image(alphas_cumprod: torch.Tensor) -> torch.Tensor:
    """ᾱ of the timesteps, ``[1000]``, followed by that of the image."""
    return torch.cat([alphas_cumprod, alphas_cumprod.new_ones(1)])


def end_of_segment(t: torch.Tensor, segments: int) -> torch.Tensor:
    """Where the segment of each timestep ends: the trailing timestep of ``segments`` steps below it, or −1."""
    ends = torch.tensor([-1, *reversed(trailing_timesteps(segments)[1:])], device=t.device)
    return ends[torch.searchsorted(ends, t) - 1]


def jump(x: torch.Tensor, noise: torch.Tensor, t: torch.Tensor, to: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """DDIM's step from timesteps ``t`` to ``to``, ``[B]``, along the predicted noise (arXiv:2010.02502, eq. 12)."""
    start, goal = (alphas[step].reshape(-1, *[1] * (x.ndim - 1)) for step in (t, to))
    x0 = (x - (1 - start).sqrt() * noise) / start.sqrt()
    return goal.sqrt() * x0 + (1 - goal).sqrt() * noise


def image_error(
    arrived: torch.Tensor, target: torch.Tensor, t: torch.Tensor, to: torch.Tensor, alphas: torch.Tensor
) -> torch.Tensor:
    """Mean square difference, ``[B]``, of the images by which two jumps from ``t`` to ``to`` went: it is the same
    however far they went, as the target of progressive distillation (arXiv:2202.00512, algorithm 2)."""
    start, goal = alphas[t], alphas[to]
    reach = goal.sqrt() - (start * (1 - goal) / (1 - start)).sqrt()  # what a jump hands on of a change of its image
    return ((arrived - target).flatten(1) / reach[:, None]).square().mean(1)


def segment_target(
    teacher: Predict, student: Predict, x: torch.Tensor, t: torch.Tensor, end: torch.Tensor, alphas: torch.Tensor
) -> torch.Tensor:
    """What the student's jump from ``x`` at ``t`` to the segment's end must equal.

    The teacher goes ``STRIDE`` timesteps down, the student (its moving average) jumps the rest of the segment. Where
    the teacher arrives at the end itself, nothing is left to jump.
    """
    between = torch.maximum(t - STRIDE, end)
    closer = jump(x, teacher(x, t), t, between, alphas)
    return jump(closer, student(closer, between.clamp(min=0)), between, end, alphas)
