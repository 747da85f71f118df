"""TCD and DDIM for few steps, in k-diffusion's calling convention and in pure torch.

At noise level σ, x = α·x0 + σ·ε. α is 1 in k-diffusion's scaling of epsilon and v-prediction models, and 1 − σ in flow
models. The model predicts x0 (``denoised``), which implies the noise in x, ε = (x − α·x0)/σ. A step keeps some of ε and
adds fresh unit noise z, so that x again carries exactly the noise of the schedule; dashes mark the next level:

    x' = α'·x0 + σ_down·ε + σ_up·z,        σ_down² + σ_up² = σ'²

Both samplers take:

    model          ``model(x, sigma, **extra_args)`` predicts x0; it or a model inside it has the table ``sigmas``
    x              latents at ``sigmas[0]``, shape ``[B, …]``
    sigmas         descending noise levels, shape ``[steps + 1]``, usually ending in 0
    callback       called after each prediction with ``x, i, sigma, sigma_hat, denoised``
    eta            share of fresh noise, 0 to 1
    noise_sampler  ``noise_sampler(sigma, sigma_next)`` gives unit noise shaped like x

and return the latents at ``sigmas[-1]``. They raise ValueError where eta is outside 0–1 or no table of sigmas is found.

On our schedules they equal diffusers' ``TCDScheduler`` and ``DDIMScheduler`` in x before every step and in the last x0,
to the last digits. The ends differ: our levels end in 0, so the last x0 is returned; diffusers goes on to timestep 0
and leaves √(1 − ᾱ₀) = 0.0292 of the last ε in the image (its DDIM where ``set_alpha_to_one`` is false, as in Stable
Diffusion's configuration). x0 draws better: docs/quality.md, "The end of a run".

Levels and factors are Python numbers, taken to the CPU before the loop; nothing in it is read back from the device.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm.auto import trange

from .schedules import is_flow, model_sigmas

__all__ = ["LOOPS", "Loop", "alpha", "sample_ddim", "sample_tcd", "start_noise_scale"]

Callback = Callable[[dict[str, Any]], object]
Noise = Callable[[Tensor, Tensor], Tensor]


def sample_tcd(
    model: Callable[..., Tensor], x: Tensor, sigmas: Tensor, extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None, disable: bool | None = None, eta: float = 0.3, noise_sampler: Noise | None = None,
) -> Tensor:  # fmt: skip
    """Strategic stochastic sampling of "Trajectory Consistency Distillation" (arXiv:2402.19159, algorithm 4).

    Each step goes down to s = ⌊(1 − eta)·t'⌋, below the next timestep t' of the schedule, and by noise back up to t':
    eta (the paper's gamma) 0 adds none, eta 1 restarts from x0 (multistep consistency sampling).
    """
    check_eta(eta, "TCD")
    table, levels = model_sigmas(model).cpu().double(), sigmas.cpu().double().tolist()
    timesteps = [int((table - sigma).abs().argmin()) for sigma in levels]
    flow, sigma_of = is_flow(table), table.tolist()
    extra_args, noise_sampler = extra_args or {}, noise_sampler or (lambda *_: torch.randn_like(x))
    s_in = x.new_ones([x.shape[0]])
    with torch.no_grad():
        for i in trange(len(levels) - 1, disable=disable):
            denoised = model(x, sigmas[i] * s_in, **extra_args)
            if callback is not None:
                callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
            sigma, sigma_next, next_timestep = levels[i], levels[i + 1], timesteps[i + 1]
            # The margin keeps products that are whole numbers whole: 10·(1 − 0.9) is 0.9999… in binary.
            s = math.floor((1 - eta) * next_timestep + 1e-6)
            sigma_s, sigma_down = sigma_of[s], sigma_next
            if s < next_timestep:
                # Down to x_s = α_s·x0 + σ_s·ε, and up to x' = (α'/α_s)·x_s + σ_up·z; so σ_down in x' is σ_s·α'/α_s.
                sigma_down = sigma_s * alpha(sigma_next, flow) / alpha(sigma_s, flow)
            sigma_up = math.sqrt(max(sigma_next**2 - sigma_down**2, 0.0))
            x = step_down(x, denoised, sigma, sigma_next, sigma_down, flow)
            if sigma_up:
                x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * sigma_up
    return x


def sample_ddim(
    model: Callable[..., Tensor], x: Tensor, sigmas: Tensor, extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None, disable: bool | None = None, eta: float = 0.0, noise_sampler: Noise | None = None,
) -> Tensor:  # fmt: skip
    """DDIM of "Denoising Diffusion Implicit Models" (arXiv:2010.02502, equations 12 and 16); eta 1 is ancestral DDPM.

    On trailing sigmas (``schedules.trailing_timesteps``) this is the sampler of Hyper-SD's fixed-step LoRAs.
    """
    check_eta(eta, "DDIM")
    flow, levels = is_flow(model_sigmas(model)), sigmas.cpu().double().tolist()
    extra_args, noise_sampler = extra_args or {}, noise_sampler or (lambda *_: torch.randn_like(x))
    s_in = x.new_ones([x.shape[0]])
    with torch.no_grad():
        for i in trange(len(levels) - 1, disable=disable):
            denoised = model(x, sigmas[i] * s_in, **extra_args)
            if callback is not None:
                callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
            sigma, sigma_next = levels[i], levels[i + 1]
            # Equation 16, eta·√((1 − ᾱ')/(1 − ᾱ))·√(1 − ᾱ/ᾱ'), with (1 − ᾱ)/ᾱ = (σ/α)² and so in any scaling of x.
            ratio = sigma_next * alpha(sigma, flow) / (sigma * alpha(sigma_next, flow))
            fresh = eta * sigma_next * math.sqrt(1 - ratio**2)
            # Equation 12 keeps the rest of σ' from ε. σ_up is fresh again, but for the rounding of σ_down.
            sigma_down = math.sqrt(sigma_next**2 - fresh**2)
            sigma_up = math.sqrt(max(sigma_next**2 - sigma_down**2, 0.0))
            x = step_down(x, denoised, sigma, sigma_next, sigma_down, flow)
            if sigma_up:
                x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * sigma_up
    return x


class Loop(NamedTuple):
    """A sampler's loop, and the eta that it always has, if any."""

    sample: Callable[..., Tensor]
    eta: float | None = None


# Euler is DDIM without fresh noise, and LCM is TCD with nothing but fresh noise.
LOOPS = {
    "TCD": Loop(sample_tcd), "DDIM-Trailing": Loop(sample_ddim), "Euler": Loop(sample_ddim, 0.0),
    "LCM": Loop(sample_tcd, 1.0),
}  # fmt: skip


def step_down(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float, sigma_down: float, flow: bool) -> Tensor:
    """α'·x0 + σ_down·ε with ε = (x − α·x0)/σ, sorted by x and x0.

    x is left out where nothing of it is kept: in half precision it may have overflowed.
    """
    kept = sigma_down / sigma
    if not kept:
        return denoised * alpha(sigma_next, flow)
    return x * kept + denoised * (alpha(sigma_next, flow) - kept * alpha(sigma, flow))


def alpha(sigma: float, flow: bool) -> float:
    """The share of the image in x at noise level sigma."""
    return 1.0 - sigma if flow else 1.0


def check_eta(eta: float, sampler: str) -> None:
    if not 0 <= eta <= 1:
        raise ValueError(f"The eta of {sampler} lies between 0 and 1; {eta} does not.")


def start_noise_scale(sigma: float, flow: bool) -> float:
    """What unit noise is multiplied by to start at ``sigma`` without an image.

    diffusers starts from unit-variance x = √ᾱ·x0 + √(1−ᾱ)·eps whatever the timestep; in k-diffusion's scaling that
    is √(1 + σ²), of which the plain σ falls short by 1.9 % at timestep 800. Flow models start from σ·noise.
    """
    return sigma if flow else math.sqrt(1.0 + sigma**2)
