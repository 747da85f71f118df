"""What each family's network is asked, and what it answers, in one form."""

from collections.abc import Callable

import torch

from ..plan import Plan
from .models import LATENT_SIDE, Loaded

__all__ = ["encode", "network_of", "tokens_of", "truncated"]

Conditions = dict[str, torch.Tensor]


def encode(loaded: Loaded, prompt: str, width: int, height: int, is_negative: bool = False) -> Conditions:
    """What the network is told of one prompt, every tensor with one row."""
    pipe, family, device = loaded.pipe, loaded.model.family, loaded.device
    if family == "sd15":
        return {"encoder_hidden_states": pipe.encode_prompt(prompt, device, 1, False)[0]}
    if family == "flux":
        words, pooled, _ = pipe.encode_prompt(prompt, None, device=device)
        return {"encoder_hidden_states": words, "pooled_projections": pooled}
    if family == "sd3":
        words, _, pooled, _ = pipe.encode_prompt(prompt, None, None, device=device, do_classifier_free_guidance=False)
        return {"encoder_hidden_states": words, "pooled_projections": pooled}
    words, _, pooled, _ = pipe.encode_prompt(prompt, device=device, do_classifier_free_guidance=False)
    if is_negative and not prompt:  # as SDXL was trained, and as the hosts do
        words, pooled = torch.zeros_like(words), torch.zeros_like(pooled)
    sizes = torch.tensor([[height, width, 0, 0, height, width]], device=device, dtype=words.dtype)
    return {"encoder_hidden_states": words, "text_embeds": pooled, "time_ids": sizes}


def truncated(loaded: Loaded, prompt: str) -> bool:
    """Whether the prompt has more words than the text encoder reads."""
    tokenizer = loaded.pipe.tokenizer
    return len(tokenizer(prompt).input_ids) > tokenizer.model_max_length


def network_of(loaded: Loaded, plan: Plan, prompts: list[Conditions]) -> Callable:
    """``network(x, t)``: the network's answer for every prompt, ``[prompts, …]`` shaped like ``x`` (``[1, …]``).

    ``t`` is a timestep, or for flow models the noise level.
    """
    family, network, rows = loaded.model.family, loaded.network, len(prompts)
    told = {key: torch.cat([conditions[key] for conditions in prompts]) for key in prompts[0]}
    dtype = loaded.dtype

    def ask(x, t, **more):
        return network(x.to(dtype).expand(rows, *x.shape[1:]), timestep=t.expand(rows), **more, return_dict=False)[0]

    if family == "sd15":
        return lambda x, t: ask(x, t, **told).to(x.dtype)
    if family == "sdxl":
        words = told.pop("encoder_hidden_states")
        return lambda x, t: ask(x, t, encoder_hidden_states=words, added_cond_kwargs=told).to(x.dtype)
    if family == "sd3":
        return lambda x, t: ask(x, t * 1000, **told).to(x.dtype)

    guidance = torch.full((rows,), plan.distilled_cfg or 1.0, device=loaded.device, dtype=torch.float32)

    def ask_flux(x, t):
        _, _, height, width = x.shape
        places = torch.zeros(height // 2, width // 2, 3, device=x.device, dtype=dtype)
        places[..., 1] += torch.arange(height // 2, device=x.device)[:, None]
        places[..., 2] += torch.arange(width // 2, device=x.device)[None]
        words = torch.zeros(told["encoder_hidden_states"].shape[1], 3, device=x.device, dtype=dtype)
        answer = ask(patches(x), t, **told, guidance=guidance, img_ids=places.reshape(-1, 3), txt_ids=words)
        return image_of(answer, height, width).to(x.dtype)

    return ask_flux


def patches(x: torch.Tensor) -> torch.Tensor:
    """Latents as FLUX sees them: ``[B, C, H, W]`` → ``[B, H/2 · W/2, 4C]``."""
    rows, channels, height, width = x.shape
    x = x.reshape(rows, channels, height // 2, 2, width // 2, 2)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(rows, -1, 4 * channels)


def image_of(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The inverse of :func:`patches`; ``height`` and ``width`` of the latents."""
    rows, _, channels = x.shape
    x = x.reshape(rows, height // 2, width // 2, channels // 4, 2, 2)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(rows, channels // 4, height, width)


def tokens_of(width: int, height: int) -> int:
    """How many patches FLUX makes of an image of this size in pixels."""
    return (width // (2 * LATENT_SIDE)) * (height // (2 * LATENT_SIDE))
