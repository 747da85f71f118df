"""An image that is made from another starts at the noise of its strength and takes as many steps as are set.

The hosts take int(strength · steps) + 1 steps from a schedule that was laid out for all of them, and with 1 step they
start from noise alone whatever the strength (A:sd_samplers_common.py:22-31).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

import torch

from ..sampling.schedules import levels
from . import schedules
from .options import get_option, shadowed
from .settings_page import EXACT_STRENGTH, EXACT_STRENGTH_INFOTEXT


def wrap_sampling(sampler, sample_img2img: Callable) -> Callable:
    """``sample_img2img`` of one of the host's samplers, from exactly the request's strength.

    A schedule of the host's, whose law is not ours, keeps its levels and gets the exact number of steps.
    """

    @wraps(sample_img2img)
    def from_image(p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        def run(count):
            return sample_img2img(
                p, x, noise, conditioning, unconditional_conditioning,
                steps=count, image_conditioning=image_conditioning,
            )  # fmt: skip

        wanted = p.extra_generation_params[EXACT_STRENGTH_INFOTEXT] = bool(get_option(EXACT_STRENGTH, True))
        if not wanted:
            return run(steps)
        count = steps or p.steps
        with shadowed(always_discard_next_to_last_sigma=False):
            if p.denoising_strength >= 1 or not hasattr(sampler, "get_sigmas"):
                return run(count)
            label = schedules.find_in_force(sampler, p)
            table = sampler.model_wrap.sigmas
            sigmas = levels(label, count, p.denoising_strength, table, schedules.get_tokens(sampler.model_wrap))
            if sigmas is None:
                return run(count)
            count = len(sigmas) - 1
            if p.denoising_strength <= 0 or count == 0:
                return x
            with starting_at(sampler, sigmas):
                return run(count)

    return from_image


@contextmanager
def starting_at(sampler, sigmas: torch.Tensor) -> Iterator[None]:
    """Let the sampler take these levels: the host cuts them from the end of what its ``get_sigmas`` returns."""
    get_sigmas = sampler.get_sigmas

    def padded(p, steps):
        get_sigmas(p, len(sigmas) - 1)  # for the infotext that it writes
        return torch.cat([sigmas.new_zeros(steps + 1 - len(sigmas)), sigmas]).cpu()

    sampler.get_sigmas = padded
    try:
        yield
    finally:
        del sampler.get_sigmas


def make_exact(sampler) -> None:
    """Let this sampler, made by the host for one pass of one request, start at exactly the strength."""
    if "sample_img2img" not in vars(sampler):
        sampler.sample_img2img = wrap_sampling(sampler, sampler.sample_img2img)
