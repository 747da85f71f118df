"""Our samplers in the form of ComfyUI's: ``function(model, x, sigmas, extra_args, callback, disable, …)``.

``model`` there is a wrapper whose ``sigmas`` is the schedule. Its ``inner_model`` guides, that one's ``inner_model`` is
the model, and in that stands the table of all timesteps.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..sampling.samplers import LOOPS, Loop, sample_ddim, sample_tcd, start_noise_scale
from ..sampling.schedules import is_flow
from .schedules import table_of

__all__ = ["OURS", "ddim", "tcd"]


def tcd(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.3):
    """``sampling.samplers.sample_tcd`` in ComfyUI."""
    return sample(sample_tcd, model, x, sigmas, extra_args, callback, disable, eta)


def ddim(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.0):
    """``sampling.samplers.sample_ddim`` in ComfyUI."""
    return sample(sample_ddim, model, x, sigmas, extra_args, callback, disable, eta)


IN_COMFYUI = {sample_tcd: tcd, sample_ddim: ddim}
OURS = {name: Loop(IN_COMFYUI[loop.sample], loop.eta) for name, loop in LOOPS.items()}  # by the names that recipes give


class Denoiser:
    """ComfyUI's model with the table of its timesteps as ``sigmas``."""

    def __init__(self, model: Any):
        self.model = model
        self.sigmas = table_of(model.inner_model.inner_model.model_sampling)

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, **extra_args: Any) -> torch.Tensor:
        return self.model(x, sigma, **extra_args)


def sample(law, model, x, sigmas, extra_args, callback, disable, eta):
    """Sample by one of our laws, started as diffusers starts and with the seed's own noise."""
    denoiser = Denoiser(model)
    x = start(model, x, sigmas, is_flow(denoiser.sigmas))
    return law(denoiser, x, sigmas, extra_args, callback, disable, eta, fresh_noise(x, extra_args or {}))


def start(model: Any, x: torch.Tensor, sigmas: torch.Tensor, flow: bool) -> torch.Tensor:
    """Noised latents at the first level; without an image, as loud as diffusers' wherever the schedule starts.

    ComfyUI multiplies by √(1 + σ²) at the model's largest σ only, and by σ below it: 1.9 % less at timestep 800.
    """
    image = getattr(model, "latent_image", None)
    if flow or len(sigmas) < 2 or image is None or image.count_nonzero() > 0:
        return x
    return model.noise * start_noise_scale(sigmas[0].item(), flow)


def fresh_noise(x: torch.Tensor, extra_args: Mapping[str, Any]) -> Callable[..., torch.Tensor]:
    """Noise for the steps, drawn on the CPU: the same on every device.

    From the seed after the request's: the seed itself draws the start noise.
    """
    generator = torch.Generator(device="cpu")
    seed = extra_args.get("seed")
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed((seed + 1) % 2**64)

    def draw(sigma: torch.Tensor, sigma_next: torch.Tensor) -> torch.Tensor:
        return torch.randn(x.shape, generator=generator, dtype=x.dtype, device="cpu").to(x.device)

    return draw
