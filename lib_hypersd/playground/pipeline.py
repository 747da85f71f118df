"""A diffusers pipeline on its device: its noise levels, its VAE, and the LoRAs that it holds as adapters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import diffusers
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from ..plan import Model
from ..wording import shown
from .errors import Unloadable

__all__ = ["LATENT_SIDE", "LoadedPipeline", "first_line"]

LATENT_SIDE = 8  # pixels along one edge of a latent


@dataclass
class LoadedPipeline:
    """A pipeline, ready to be used.

    Attributes:
        model: what a plan wants to know of it.
        size: width and height in pixels that it was trained for.
        sigmas: the noise level of every timestep, ``[T]``, ascending; a flow model's end at 1.
    """

    pipe: diffusers.DiffusionPipeline
    model: Model
    size: tuple[int, int]
    sigmas: torch.Tensor
    device: torch.device
    adapters: dict[str, tuple[str, int]] = field(default_factory=dict)  # a LoRA's path → its adapter and file time
    in_force: dict[str, tuple[float, int]] = field(default_factory=dict)  # … → its weight and file time

    @cached_property
    def network(self) -> torch.nn.Module:
        return getattr(self.pipe, "unet", None) or self.pipe.transformer

    @cached_property
    def dtype(self) -> torch.dtype:
        return self.network.dtype  # which reads every layer

    def set_adapters(self, weights: Mapping[str, float]) -> None:
        """Have exactly these LoRAs in force, by the path of each file; those loaded stay until others are loaded.

        Raises:
            Unloadable: a file cannot be loaded or has no layer that fits; then none is in force.
        """
        times = {path: Path(path).stat().st_mtime_ns for path in weights}
        wanted = {path: (weights[path], times[path]) for path in weights}
        if wanted == self.in_force:
            return
        self.in_force = {}
        if not weights:
            self.pipe.disable_lora()
            return
        try:
            for path in [path for path, (_, time) in self.adapters.items() if times.get(path) != time]:
                self.pipe.delete_adapters(self.adapters.pop(path)[0])
            for path in times.keys() - self.adapters.keys():
                self.load_adapter(path, times[path])
            self.pipe.enable_lora()
            self.pipe.set_adapters([self.adapters[path][0] for path in weights], list(weights.values()))
            self.in_force = wanted
        except Exception as error:  # whatever diffusers and peft make of a file
            self.pipe.unload_lora_weights()
            self.adapters.clear()
            names = " and ".join(shown(Path(path).stem) for path in weights)
            raise Unloadable(f"{names} could not be put on {self.model.name} ({first_line(error)}).") from error

    def load_adapter(self, path: str, time: int) -> None:
        name = f"lora{max((int(name[4:]) for name, _ in self.adapters.values()), default=0) + 1}"
        self.pipe.load_lora_weights(load_file(path), adapter_name=name)
        self.adapters[path] = name, time
        if not any(name in names for names in self.pipe.get_list_adapters().values()):
            raise ValueError("no layer of it fits")

    def encode_image(self, image: Image.Image, width: int, height: int) -> torch.Tensor:
        """The latents of an image, cropped to the size: ``[1, C, H/8, W/8]``."""
        fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        pixels = self.pipe.image_processor.preprocess(fitted).to(self.device, torch.float32)
        config = self.pipe.vae.config
        latents = self.pipe.vae.encode(pixels).latent_dist.mode()
        return (latents - (config.shift_factor or 0.0)) * config.scaling_factor

    def decode(self, latents: torch.Tensor) -> Image.Image:
        config = self.pipe.vae.config
        pixels = self.pipe.vae.decode(latents / config.scaling_factor + (config.shift_factor or 0.0)).sample
        return self.pipe.image_processor.postprocess(pixels)[0]


def first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return shown(text[0][:200].rstrip(".")) if text else type(error).__name__
