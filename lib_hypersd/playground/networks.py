"""Each family of networks as a class: what its network is conditioned on, and what one call of it is given."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

from .control import Control
from .pipeline import LATENT_SIDE, LoadedPipeline

__all__ = ["NETWORKS", "Network", "is_truncated", "pack_latents", "patches_in", "unpack_latents"]

Tensors = dict[str, torch.Tensor]


class Network(ABC):
    """A pipeline's network, conditioned on the prompts of a batch of pictures.

    Args:
        negatives: as many as prompts; None where only the positive ones count.
        size: width and height in pixels.
        distilled_cfg: the guidance that FLUX.1-dev is conditioned on.
        control: joins every call, of a UNet alone.
    """

    def __init__(
        self,
        pipeline: LoadedPipeline,
        prompts: Sequence[str],
        negatives: Sequence[str] | None,
        size: tuple[int, int],
        distilled_cfg: float | None = None,
        control: Control | None = None,
    ):
        self.pipeline, self.module, self.dtype = pipeline, pipeline.network, pipeline.dtype
        self.device, self.size, self.distilled_cfg, self.control = pipeline.device, size, distilled_cfg, control
        encoded = [self.encode(negative, is_negative=True) for negative in negatives or ()]
        encoded += [self.encode(prompt) for prompt in prompts]
        self.conditioning = {name: torch.cat([one[name] for one in encoded]) for name in encoded[-1]}
        self.rows, self.kinds = len(encoded), len(encoded) // len(prompts)

    def __call__(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network predicts, typed like ``x`` (``[B, …]``): for the positive prompts, ``[B, …]``, or for the
        negative ones and then the positive ones, ``[2·B, …]``.

        ``t`` is a timestep, or for flow models the noise level.
        """
        inputs = self.inputs(x.to(self.dtype).repeat(self.kinds, 1, 1, 1), t.expand(self.rows))
        if self.control is not None:
            inputs |= self.control.residuals(inputs)
        return self.output(self.module(**inputs, return_dict=False)[0], x).to(x.dtype)

    @abstractmethod
    def encode(self, prompt: str, is_negative: bool = False) -> Tensors:
        """The conditioning of one prompt, every tensor with one row."""

    def inputs(self, x: torch.Tensor, t: torch.Tensor) -> dict[str, Any]:
        """The arguments of one call, by the names that diffusers has for them."""
        return {"hidden_states": x, "timestep": t, **self.conditioning}

    def output(self, predicted: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What was predicted, as latents."""
        return predicted


class SD15(Network):
    """Stable Diffusion 1.5 and 2."""

    def encode(self, prompt: str, is_negative: bool = False) -> Tensors:
        return {"encoder_hidden_states": self.pipeline.encode_prompt(prompt, self.device, 1, False)[0]}

    def inputs(self, x: torch.Tensor, t: torch.Tensor) -> dict[str, Any]:
        return {"sample": x, "timestep": t, **self.conditioning}


class SDXL(Network):
    def encode(self, prompt: str, is_negative: bool = False) -> Tensors:
        words, _, pooled, _ = self.pipeline.encode_prompt(prompt, device=self.device, do_classifier_free_guidance=False)
        if is_negative and not prompt:  # as SDXL was trained, and as the hosts do
            words, pooled = torch.zeros_like(words), torch.zeros_like(pooled)
        width, height = self.size
        sizes = torch.tensor([[height, width, 0, 0, height, width]], device=self.device, dtype=words.dtype)
        return {"encoder_hidden_states": words, "text_embeds": pooled, "time_ids": sizes}

    def inputs(self, x: torch.Tensor, t: torch.Tensor) -> dict[str, Any]:
        added = {name: self.conditioning[name] for name in ("text_embeds", "time_ids")}
        words = self.conditioning["encoder_hidden_states"]
        return {"sample": x, "timestep": t, "encoder_hidden_states": words, "added_cond_kwargs": added}


class SD3(Network):
    def encode(self, prompt: str, is_negative: bool = False) -> Tensors:
        words, _, pooled, _ = self.pipeline.encode_prompt(
            prompt, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return {"encoder_hidden_states": words, "pooled_projections": pooled}

    def inputs(self, x: torch.Tensor, t: torch.Tensor) -> dict[str, Any]:
        return super().inputs(x, t * 1000)


class Flux(Network):
    """FLUX.1-dev, and schnell, which takes no guidance. Both see latents as a row of patches, each with its place."""

    def encode(self, prompt: str, is_negative: bool = False) -> Tensors:
        words, pooled, _ = self.pipeline.encode_prompt(prompt, None, device=self.device)
        conditioning = {"encoder_hidden_states": words, "pooled_projections": pooled}
        if self.module.config.guidance_embeds:
            conditioning["guidance"] = torch.full((1,), self.distilled_cfg or 1.0, device=self.device)
        return conditioning

    def inputs(self, x: torch.Tensor, t: torch.Tensor) -> dict[str, Any]:
        rows, columns = x.shape[2] // 2, x.shape[3] // 2
        places = torch.zeros(rows, columns, 3, device=x.device, dtype=x.dtype)
        places[..., 1] += torch.arange(rows, device=x.device)[:, None]
        places[..., 2] += torch.arange(columns, device=x.device)[None]
        words = torch.zeros(self.conditioning["encoder_hidden_states"].shape[1], 3, device=x.device, dtype=x.dtype)
        return super().inputs(pack_latents(x), t) | {"img_ids": places.reshape(-1, 3), "txt_ids": words}

    def output(self, predicted: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return unpack_latents(predicted, *x.shape[2:])


NETWORKS: dict[str, type[Network]] = {
    "sd15": SD15,
    "sd2": SD15,
    "sdxl": SDXL,
    "sd3": SD3,
    "flux": Flux,
    "flux-schnell": Flux,
}


def is_truncated(pipeline: LoadedPipeline, prompt: str) -> bool:
    """Whether the prompt has more words than the text encoder reads."""
    tokenizer = pipeline.pipe.tokenizer
    return len(tokenizer(prompt).input_ids) > tokenizer.model_max_length


def pack_latents(x: torch.Tensor) -> torch.Tensor:
    """Latents as FLUX's patches: ``[B, C, H, W]`` → ``[B, H/2 · W/2, 4C]``."""
    rows, channels, height, width = x.shape
    x = x.reshape(rows, channels, height // 2, 2, width // 2, 2)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(rows, -1, 4 * channels)


def unpack_latents(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The inverse of :func:`pack_latents`; ``height`` and ``width`` of the latents."""
    rows, _, channels = x.shape
    x = x.reshape(rows, height // 2, width // 2, channels // 4, 2, 2)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(rows, channels // 4, height, width)


def patches_in(width: int, height: int) -> int:
    """How many patches FLUX makes of an image of this size in pixels."""
    return (width // (2 * LATENT_SIDE)) * (height // (2 * LATENT_SIDE))
