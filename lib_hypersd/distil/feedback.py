"""Feedback (Hyper-SD, section 3.2): a reward of one's own looks at the student's images."""

import importlib
from collections.abc import Callable

import torch

from ..playground.errors import first_line
from ..wording import shown
from .errors import RefusedRun

__all__ = ["Reward", "load_reward", "shortfall"]

Reward = Callable[[torch.Tensor, list[str]], torch.Tensor]


def load_reward(name: str) -> Reward:
    """The function of ``package.module:function``: of images from 0 to 1, ``[B, 3, H, W]``, and their captions it makes
    rewards, ``[B]``, through which a gradient passes.

    Raises:
        RefusedRun: there is no such function.
    """
    module, _, function = name.partition(":")
    try:
        reward = getattr(importlib.import_module(module), function)
    except Exception as error:  # whatever somebody's module does
        raise RefusedRun(f"--reward {shown(name)} could not be imported ({first_line(error)}).") from error
    if not callable(reward):
        raise RefusedRun(f"--reward {shown(name)} is no function.")
    return reward


def shortfall(reward: Reward, images: torch.Tensor, captions: list[str], goal: float) -> torch.Tensor:
    """ReLU(goal − reward): what is missing to the goal, and nothing above it, so that a reward is not overdone."""
    rewards = reward(images, captions)
    if rewards.shape != (len(images),):
        raise RefusedRun(
            f"The reward must have the shape [{len(images)}], one number an image; not {list(rewards.shape)}."
        )
    return torch.relu(goal - rewards).mean()
