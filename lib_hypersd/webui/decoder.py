"""The host's small decoder, TAESD, for single requests: fast, and less exact than the checkpoint's own.

The host goes by an option of its own, which is shadowed while it decodes and no longer.
"""

from pathlib import Path

import torch
from modules import paths, processing

from ..wording import fill
from .options import shadowed

__all__ = ["INFOTEXT", "decode", "find_obstacle", "has_any", "release", "use_in_second_pass"]

INFOTEXT = "VAE Decoder"  # as the host writes it for its option (A:processing.py:1001)
METHOD = "TAESD"
# By the name that a host's file begins with (A, F: sd_vae_taesd.py; N: latent_format.taesd_decoder_name).
DECODERS = {
    "sd15": "taesd", "sd2": "taesd", "sdxl": "taesdxl", "sd3": "taesd3", "flux": "taef1", "flux-schnell": "taef1",
}  # fmt: skip


def find_obstacle(family: str | None) -> str:
    """Why the host cannot decode with it, as a sentence, else empty; a file that is missing the host would fetch."""
    if family not in DECODERS:
        return fill("TAESD is not used: it has no decoder for this checkpoint.")
    name = f"{DECODERS[family]}_decoder"
    if any(folder().glob(f"{name}.*")):
        return ""
    return fill("TAESD is not used: the WebUI has no {name}.pth in {folder}.", name=name, folder=folder())


def has_any() -> bool:
    """Whether the host has a decoder for any family."""
    return any(folder().glob("*_decoder.*"))


def folder() -> Path:
    return Path(paths.models_path) / "VAE-taesd"


def decode(p, ps) -> None:
    """Decode latents, ``ps.samples``, with it instead of the host; those of a second pass are images by now."""
    if not getattr(ps.samples, "already_decoded", False):
        with shadowed(sd_vae_decode_method=METHOD):
            ps.samples = processing.decode_latent_batch(
                p.sd_model, ps.samples, target_device=torch.device("cpu"), check_for_nans=True
            )
    p.extra_generation_params[INFOTEXT] = METHOD


def use_in_second_pass(p) -> None:
    """Have a second pass end with it; what is enlarged before that keeps the checkpoint's own decoder."""
    if not getattr(p, "enable_hr", False):
        return
    sample_hr_pass = p.sample_hr_pass

    def sample_and_decode(*args, **kwargs):
        with shadowed(sd_vae_decode_method=METHOD):
            return sample_hr_pass(*args, **kwargs)

    p.sample_hr_pass = sample_and_decode


def release(p) -> None:
    """Give the request its own ``sample_hr_pass`` again."""
    vars(p).pop("sample_hr_pass", None)
