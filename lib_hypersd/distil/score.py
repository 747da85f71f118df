"""Score distillation for one step (Hyper-SD, section 3.3, after distribution matching distillation, arXiv:2311.18828).

What the student makes of noise is moved along the difference of two scores: the teacher's, which knows how images
should be distributed, and that of another adapter, which learns at the same time how the student's are.
"""

import torch

from .chance import Chance
from .network import FAKE, Network, Text
from .trajectory import add_noise

__all__ = ["direction", "fake_error"]

NOISIEST, CLEANEST = 0.98, 0.02  # timesteps as shares of all, as DMD2 has them (``main/train_sd.py``)


def direction(network: Network, x0: torch.Tensor, text: Text, guidance: float, chance: Chance) -> torch.Tensor:
    """By how much images ``x0``, ``[B, C, H, W]``, should change (arXiv:2311.18828, equations 7 and 8)."""
    lowest, highest = int(CLEANEST * network.timesteps), int(NOISIEST * network.timesteps)
    t = lowest + chance.below(highest - lowest)
    x = add_noise(x0, chance.normal(x0.shape[1:]), t, network.alphas)
    with torch.no_grad():
        real = network.guided(x, t, text, guidance).x0
        fake = network.predict(x, t, text, FAKE).x0
    size = (x0 - real).abs().mean((1, 2, 3), keepdim=True)
    return (real - fake) / size.clamp(min=1e-3)


def fake_error(network: Network, x0: torch.Tensor, text: Text, chance: Chance) -> torch.Tensor:
    """The mean square error of the noise that the fake score finds in the student's images."""
    t, noise = chance.below(network.timesteps), chance.normal(x0.shape[1:])
    return (network.predict(add_noise(x0, noise, t, network.alphas), t, text, FAKE).noise - noise).square().mean()
