"""Draws with the network in training: the teacher in many steps, the student in few."""

import torch

from ..sampling.samplers import sample_ddim, sample_tcd
from ..sampling.schedules import sigmas_at, tcd_timesteps, trailing_timesteps
from .base import Base
from .network import TEACHER, Network, Text

__all__ = ["draw", "noise_for"]

MOST_SEED = 2**63


def noise_for(base: Base, seed: int, number: int) -> torch.Tensor:
    """The noise of one item, ``[1, 4, H/8, W/8]``; drawn on the CPU, so that it is the same on every device."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + number) % MOST_SEED)
    return torch.randn(1, *base.latent_shape, generator=generator).to(base.pipeline.device)


class Denoiser:
    """The network with one adapter as the samplers call it: x0 of x = x0 + σ·ε."""

    def __init__(self, network: Network, text: Text, adapter: str | None, guidance: float):
        self.network, self.text, self.adapter, self.guidance = network, text, adapter, guidance
        alphas = network.alphas[:-1].double().clamp(min=1e-8)  # 0 at the last timestep, where a checkpoint starts so
        self.sigmas = ((1 - alphas) / alphas).sqrt().float()

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        t = (self.sigmas - sigma[0]).abs().argmin().expand(len(x))
        unit = x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2).sqrt()  # of unit variance, as the network has learnt
        return self.network.guided(unit, t, self.text, self.guidance, self.adapter).x0


@torch.no_grad()
def draw(
    network: Network, noise: torch.Tensor, text: Text, steps: int, guidance: float = 1.0,
    adapter: str | None = TEACHER, unified: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Latents, ``[B, 4, H/8, W/8]``, of unit noise: DDIM on trailing timesteps, or TCD without fresh noise."""
    denoiser = Denoiser(network, text, adapter, guidance)
    timesteps, sample = (tcd_timesteps, sample_tcd) if unified else (trailing_timesteps, sample_ddim)
    sigmas = sigmas_at(timesteps(steps, train_steps=network.timesteps), denoiser.sigmas)
    x = noise * (1 + sigmas[0] ** 2).sqrt()
    return sample(denoiser, x, sigmas, disable=True, eta=0.0)
