"""TCD and DDIM for few steps, in k-diffusion's calling convention and in pure torch.

Both walk from one noise level to the next with the model's prediction ``denoised`` (x0) and the noise that it
implies, ``eps = (x − α·x0) / σ``:

    x  ←  α'·x0 + down·eps + up·z,        down² + up² = σ'²,   z fresh unit noise

so that after every step x carries exactly the noise of the schedule; a sampler only says how much of it is kept
(``down``) and how much is new (``up``). Dashes mark the next level. α is 1 where x = x0 + σ·eps (k-diffusion's
scaling of epsilon and v-prediction models) and 1 − σ for flow models, x = (1 − σ)·x0 + σ·eps.

On the levels of a schedule of ours this is diffusers' ``TCDScheduler`` and its ``DDIMScheduler`` in x before every step
and in the last x0, to the last digits. The ends differ: our levels end in 0, so the last x0 is what is returned, and
diffusers goes on to timestep 0 and returns √ᾱ₀·x0 + √(1 − ᾱ₀)·ε, with √(1 − ᾱ₀) = 0.0292 of the last predicted noise
left in it (its DDIM where ``set_alpha_to_one`` is false, as Stable Diffusion's configuration has it). x0 draws better:
docs/quality.md, "The end of a run".

All factors are numbers, worked out before the first step: inside the loop nothing is read back from the device.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from tqdm.auto import trange

from .schedules import is_flow, model_sigmas

__all__ = ["sample_ddim", "sample_tcd", "start_noise_scale"]


def sample_tcd(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.3, noise_sampler=None):
    """Strategic stochastic sampling of "Trajectory Consistency Distillation" (arXiv:2402.19159, algorithm 4).

    Each step predicts down to timestep s = ⌊(1 − eta)·t'⌋ below the next timestep t' of the schedule and diffuses
    back up to it: eta 0 adds no noise, eta 1 restarts from x0 (multistep consistency sampling). The law is that of
    diffusers' ``TCDScheduler.step`` up to the last x0, which is returned; σ of s is taken from the model's own table.

    Args:
        model: ``model(x, sigma, **extra_args)`` predicts x0; it or a model inside it has the table ``sigmas``.
        x: noised latents at ``sigmas[0]``, shape ``[B, …]``.
        sigmas: descending noise levels, shape ``[steps + 1]``, usually ending in 0.
        callback: called after each prediction with ``x, i, sigma, sigma_hat, denoised``.
        eta: share of fresh noise, 0 to 1 (called gamma in the paper).
        noise_sampler: ``noise_sampler(sigma, sigma_next)`` gives unit noise shaped like x.

    Returns:
        Latents at ``sigmas[-1]``.

    Raises:
        ValueError: eta is outside 0–1, or no table of sigmas is found.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"The eta of TCD lies between 0 and 1; {eta} does not.")
    table = model_sigmas(model).cpu().double()
    flow = is_flow(table)

    def down(sigma, sigma_next):
        next_timestep = int((table - sigma_next).abs().argmin())
        # The margin keeps products that are whole numbers whole: 10·(1 − 0.9) is 0.9999… in binary.
        timestep = math.floor((1 - eta) * next_timestep + 1e-6)
        if timestep == next_timestep:
            return sigma_next
        sigma_s = table[timestep].item()
        return sigma_s * alpha(sigma_next, flow) / alpha(sigma_s, flow)

    return sample(model, x, sigmas, down, flow, extra_args, callback, disable, noise_sampler)


def sample_ddim(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.0, noise_sampler=None):
    """DDIM of "Denoising Diffusion Implicit Models" (arXiv:2010.02502, equations 12 and 16); eta 1 is ancestral DDPM.

    On trailing sigmas (``schedules.trailing_timesteps``) this is the sampler of Hyper-SD's fixed-step LoRAs; it returns
    the last x0, where diffusers' may go on to timestep 0.
    Arguments and result as in :func:`sample_tcd`.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"The eta of DDIM lies between 0 and 1; {eta} does not.")
    flow = is_flow(model_sigmas(model))

    def down(sigma, sigma_next):
        # How much of σ/α is left after the step; 0 from a flow model's pure noise, where α is 0.
        kept = sigma_next * alpha(sigma, flow) / (sigma * alpha(sigma_next, flow))
        up = eta * sigma_next * math.sqrt(1 - kept**2)
        return math.sqrt(sigma_next**2 - up**2)

    return sample(model, x, sigmas, down, flow, extra_args, callback, disable, noise_sampler)


def sample(
    model, x, sigmas, down: Callable[[float, float], float], flow: bool, extra_args, callback, disable, noise_sampler
):
    """The loop that both samplers share, without gradients.

    Args:
        down: ``down(sigma, sigma_next)`` says how much of the predicted noise is kept.
    """
    extra_args = {} if extra_args is None else extra_args
    noise_sampler = (lambda sigma, sigma_next: torch.randn_like(x)) if noise_sampler is None else noise_sampler
    levels = sigmas.cpu().double().tolist()
    factors = [step_factors(*pair, down(*pair), flow) for pair in pairwise(levels)]
    s_in = x.new_ones([x.shape[0]])
    with torch.no_grad():
        for i in trange(len(factors), disable=disable):
            denoised = model(x, sigmas[i] * s_in, **extra_args)
            if callback is not None:
                callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
            of_x, of_denoised, up = factors[i]
            x = x * of_x + denoised * of_denoised if of_x else denoised * of_denoised
            if up:
                x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * up
    return x


def step_factors(sigma: float, sigma_next: float, down: float, flow: bool) -> tuple[float, float, float]:
    """Factors of x, of x0 and of fresh noise in ``α'·x0 + down·(x − α·x0)/σ + up·z``."""
    of_x = down / sigma
    of_denoised = alpha(sigma_next, flow) - of_x * alpha(sigma, flow)
    up = math.sqrt(max(sigma_next**2 - down**2, 0.0))
    return of_x, of_denoised, up


def alpha(sigma: float, flow: bool) -> float:
    """The share of the image in x at noise level sigma."""
    return 1.0 - sigma if flow else 1.0


def start_noise_scale(sigma: float, flow: bool) -> float:
    """What unit noise is multiplied by to start at ``sigma`` without an image.

    diffusers starts from unit-variance x = √ᾱ·x0 + √(1−ᾱ)·eps whatever the timestep; in k-diffusion's scaling that
    is √(1 + σ²), of which the plain σ falls short by 1.9 % at timestep 800. Flow models start from σ·noise.
    """
    return sigma if flow else math.sqrt(1.0 + sigma**2)
