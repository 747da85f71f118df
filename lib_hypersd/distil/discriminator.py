"""Tells where the student's jumps end from where they should, by the teacher's own features.

After PCM (arXiv:2405.18407, section 3.3; ``discriminator_sd15.py``): heads on what a frozen UNet makes of noisy
latents, and the hinge loss. Our heads are on its encoder alone, one for each level, and of 64 channels.
"""

import torch
from torch.nn.functional import relu

from .chance import Chance
from .network import Network, Text
from .trajectory import perturb

__all__ = ["Discriminator", "perturbed", "weights"]

CHANNELS = 64


class Discriminator(torch.nn.Module):
    """A head for each level, which judges every place in it: above 0 for a target, below for a student's."""

    def __init__(self, widths: list[int]):
        super().__init__()
        self.heads = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Conv2d(width, CHANNELS, 1), torch.nn.SiLU(), torch.nn.Conv2d(CHANNELS, 1, 1)
            )
            for width in (*widths, widths[-1])
        )  # fmt: skip

    def forward(self, network: Network, x: torch.Tensor, t: torch.Tensor, text: Text) -> list[torch.Tensor]:
        """The judgements of each head, ``[B, 1, …]``."""
        return [head(features) for head, features in zip(self.heads, network.features(x, t, text), strict=True)]

    def loss(self, network: Network, target: torch.Tensor, arrived: torch.Tensor, t, text: Text) -> torch.Tensor:
        """The hinge loss of the discriminator (arXiv:1705.02894)."""
        real, fake = (self(network, x, t, text) for x in (target, arrived))
        losses = [relu(1 - r).mean() + relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
        return torch.stack(losses).mean()

    def caught(self, network: Network, arrived: torch.Tensor, t: torch.Tensor, text: Text) -> torch.Tensor:
        """How far the student is from being taken for a target."""
        return torch.stack([relu(1 - fake).mean() for fake in self(network, arrived, t, text)]).mean()


def perturbed(
    network: Network, xs: tuple[torch.Tensor, ...], t: torch.Tensor, segments: int, chance: Chance
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Samples at timesteps ``t``, −1 for images, made noisier by up to a segment's length; and their new timesteps.

    The same timestep for all samples of a row, and fresh noise for each, as PCM does (``train_pcm_lora_sd15_adv.py``).
    """
    first = t.clamp(min=0)
    furthest = (t + network.timesteps // segments).clamp(max=network.timesteps - 1)
    to = first + (chance.uniform() * (furthest - first + 1)).long()
    return [perturb(x, t, to, chance.normal(x.shape[1:]), network.alphas) for x in xs], to


def weights(progress: float, adversarial: float, least_mse: float) -> tuple[float, float]:
    """The weights of MSE and of the adversarial loss at this share of the training (Hyper-SD, section 3.1: MSE serves
    where predictions are near their targets, the adversarial loss where they are far, as with few segments).

    The paper has no numbers; these go in straight lines, from 1 to ``least_mse`` and from 0 to ``adversarial``.
    """
    return 1 - progress * (1 - least_mse), progress * adversarial
