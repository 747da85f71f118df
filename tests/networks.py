"""A small network with seeded weights, wrapped as the hosts wrap theirs (k-diffusion) and as diffusers calls it."""

import torch
from diffusers import TCDScheduler
from k_diffusion.external import CompVisDenoiser, CompVisVDenoiser

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
SHAPE = (2, 4, 8, 8)


def alphas_cumprod(dtype=torch.float64):
    """ᾱ of SD1.5 and SDXL at every timestep, shape [1000]."""
    return TCDScheduler(**SD_BETAS).alphas_cumprod.to(dtype)


class Network(torch.nn.Module):
    """Some smooth function of (x, t), with the attributes of an LDM model that k-diffusion's wrappers ask for."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.weight = torch.randn((4, 4, 3, 3), generator=generator, dtype=dtype) / 6
        self.alphas_cumprod = alphas_cumprod(dtype)
        self.timesteps = []

    def forward(self, x, t):
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1, 1, 1)
        self.timesteps.append(t.flatten()[0].item())
        return torch.tanh(torch.nn.functional.conv2d(x, self.weight, padding=1) + torch.sin(t / 150)) + 0.3 * x

    def apply_model(self, x, t, cond=None):
        return self(x, t)


def denoiser(network, prediction="epsilon"):
    """The network as a k-diffusion denoiser: predicts x0 from x = x0 + σ·eps."""
    return (CompVisVDenoiser if prediction == "v_prediction" else CompVisDenoiser)(network)


class Wrapped(torch.nn.Module):
    """A guidance wrapper, as the hosts put around their denoiser: it has an inner model and no sigmas."""

    def __init__(self, inner_model):
        super().__init__()
        self.inner_model = inner_model

    def forward(self, x, sigma):
        return self.inner_model(x, sigma, cond=None)


class FlowDenoiser(torch.nn.Module):
    """The network as a flow model, x = (1 − σ)·x0 + σ·eps, with SD3's table (shift 3); predicts x0."""

    def __init__(self, network, shift=3.0):
        super().__init__()
        t = torch.arange(1, 1001, dtype=torch.float64) / 1000
        self.register_buffer("sigmas", shift * t / (1 + (shift - 1) * t))
        self.network = network

    def velocity(self, x, sigma):
        return self.network(x, sigma * 1000)

    def forward(self, x, sigma, cond=None):
        return x - sigma.reshape(-1, 1, 1, 1) * self.velocity(x, sigma)


def relative_rms(a, b):
    """Root mean square of a − b over that of b."""
    return ((a - b).square().mean().sqrt() / b.square().mean().sqrt()).item()
