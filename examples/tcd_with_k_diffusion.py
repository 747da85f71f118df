"""TCD with k-diffusion: our sampler is called like k-diffusion's own, with any of its denoisers.

python -m examples.tcd_with_k_diffusion [STEPS]
"""

import sys

import torch
from k_diffusion.external import CompVisDenoiser

from lib_hypersd.sampling.samplers import sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import sigmas_at, tcd_timesteps

IMAGE = torch.linspace(-1, 1, 4 * 8 * 8).reshape(1, 4, 8, 8)


class Toy(torch.nn.Module):
    """In the place of a UNet that predicts noise. This one knows a single image, and so always finds the noise."""

    # ᾱ of Stable Diffusion at its 1000 timesteps; the denoiser makes the table of sigmas from it.
    alphas_cumprod = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)

    def apply_model(self, x, timestep):
        kept = self.alphas_cumprod[timestep.round().long()].reshape(-1, 1, 1, 1)
        return (x - kept.sqrt() * IMAGE) / (1 - kept).sqrt()


torch.manual_seed(1)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 4
denoiser = CompVisDenoiser(Toy())
sigmas = sigmas_at(tcd_timesteps(steps), denoiser.sigmas)  # steps + 1 of them: the last is 0
x = torch.randn_like(IMAGE) * start_noise_scale(sigmas[0].item(), flow=False)
x = sample_tcd(denoiser, x, sigmas, eta=0.3, disable=True)  # eta: how much of the noise is fresh in every step

print("sigmas:", *(f"{sigma:.3f}" for sigma in sigmas))
print(f"largest difference from the image: {(x - IMAGE).abs().max():.1e}")
