"""The jumps of ``lib_hypersd.distil.trajectory`` for a network that predicts noise, and the target of a segment."""

from collections.abc import Callable

import torch

from lib_hypersd.distil.trajectory import add_noise, per_sample, stride_down

# Timesteps that the teacher goes at once. The student's error is handed on from one stride to the next, so that many
# small ones drift further from the truth than ten of DDIM's steps, with which the teacher draws as well as with thirty.
STRIDE = 100

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # the noise in x, [B, …], at timesteps t, [B]


def jump(x: torch.Tensor, noise: torch.Tensor, t: torch.Tensor, to: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """DDIM's step from timesteps ``t`` to ``to``, ``[B]``, along the predicted noise (arXiv:2010.02502, eq. 12)."""
    start = per_sample(alphas[t], x)
    x0 = (x - (1 - start).sqrt() * noise) / start.sqrt()
    return add_noise(x0, noise, to, alphas)


def segment_target(
    teacher: Predict, student: Predict, x: torch.Tensor, t: torch.Tensor, end: torch.Tensor, alphas: torch.Tensor
) -> torch.Tensor:
    """What the student's jump from ``x`` at ``t`` to the segment's end must equal.

    The teacher goes ``STRIDE`` timesteps down, the student (its moving average) jumps the rest of the segment. Where
    the teacher arrives at the end itself, nothing is left to jump.
    """
    between = stride_down(t, end, STRIDE)
    closer = jump(x, teacher(x, t), t, between, alphas)
    return jump(closer, student(closer, between.clamp(min=0)), between, end, alphas)
