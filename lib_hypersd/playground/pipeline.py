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
from .errors import Unloadable, first_line
from .merging import MergedLoras, keep_precise

__all__ = ["LATENT_SIDE", "LoadedPipeline"]

LATENT_SIDE = 8  # pixels along one edge of a latent
PROMPTS = 8  # whose encodings are kept


@dataclass
class LoadedPipeline:
    """A pipeline, ready to be used.

    Attributes:
        model: what a plan wants to know of it.
        size: width and height in pixels that it was trained for.
        sigmas: the noise level of every timestep, ``[T]``, ascending; a flow model's end at 1.
        placement: a sentence where not all of it is on the device.
    """

    pipe: diffusers.DiffusionPipeline
    model: Model
    size: tuple[int, int]
    sigmas: torch.Tensor
    device: torch.device
    placement: str = ""
    adapters: dict[str, tuple[str, int]] = field(default_factory=dict)  # a LoRA's path → its adapter and file time
    in_force: dict[str, tuple[float, int]] = field(default_factory=dict)  # … → its weight and file time
    are_merged: bool = True  # the LoRAs in force; False where memory is too short for it, which is slower
    encoded: dict[tuple, tuple] = field(default_factory=dict)  # the arguments of encode_prompt → what it returned

    @cached_property
    def network(self) -> torch.nn.Module:
        return getattr(self.pipe, "unet", None) or self.pipe.transformer

    @cached_property
    def dtype(self) -> torch.dtype:
        return self.network.dtype  # which reads every layer

    @cached_property
    def is_float8(self) -> bool:
        """Whether weights of the network are stored in 8 bits."""
        return any(parameter.dtype.itemsize == 1 for parameter in self.network.parameters())

    @cached_property
    def merged(self) -> MergedLoras:
        return MergedLoras(self.network)

    def encode_prompt(self, prompt: str, *arguments, **named) -> tuple:
        """What diffusers' ``encode_prompt`` makes of a prompt; once, while the text encoders have the same LoRAs."""
        key = (prompt, arguments, *named.items())
        encoded = self.encoded.pop(key, None) or self.pipe.encode_prompt(prompt, *arguments, **named)
        self.encoded[key] = encoded  # as the last one used
        if len(self.encoded) > PROMPTS:
            del self.encoded[next(iter(self.encoded))]
        return encoded

    def set_adapters(self, weights: Mapping[str, float]) -> None:
        """Have exactly these LoRAs in force, by the path of each file; those loaded stay until others are loaded.

        Raises:
            Unloadable: a file cannot be loaded or has no layer that fits; then none is in force.
        """
        times = {path: Path(path).stat().st_mtime_ns for path in weights}
        wanted = {path: (weights[path], times[path]) for path in weights}
        if wanted == self.in_force:
            return
        self.in_force, self.are_merged = {}, True
        self.merged.take_out()
        if not weights:
            self.pipe.disable_lora()
            self.forget_prompts()
            return
        try:
            for path in [path for path, (_, time) in self.adapters.items() if times.get(path) != time]:
                self.pipe.delete_adapters(self.adapters.pop(path)[0])
            for path in times.keys() - self.adapters.keys():
                self.load_adapter(path, times[path])
            self.pipe.enable_lora()
            self.pipe.set_adapters([self.adapters[path][0] for path in weights], list(weights.values()))
            self.are_merged = self.merged.put_in()
            self.forget_prompts()
            self.in_force = wanted
        except Exception as error:  # whatever diffusers and peft make of a file
            self.merged.take_out()
            self.pipe.unload_lora_weights()
            self.adapters.clear()
            self.encoded.clear()
            names = " and ".join(shown(Path(path).stem) for path in weights)
            raise Unloadable(f"{names} could not be put on {self.model.name} ({first_line(error)}).") from error

    def forget_prompts(self) -> None:
        """Have prompts encoded again, where a LoRA has a part in a text encoder."""
        if self.pipe.get_list_adapters().keys() - {"unet", "transformer"}:
            self.encoded.clear()

    def load_adapter(self, path: str, time: int) -> None:
        name = f"lora{max((int(name[4:]) for name, _ in self.adapters.values()), default=0) + 1}"
        tensors = load_file(path)
        self.pipe.load_lora_weights(dict(tensors), adapter_name=name)
        if self.is_float8:
            keep_precise(self.network, name, self.pipe.lora_state_dict(tensors), self.dtype)
        self.adapters[path] = name, time
        if not any(name in names for names in self.pipe.get_list_adapters().values()):
            raise ValueError("no layer of it fits")

    def encode_image(self, image: Image.Image, width: int, height: int) -> torch.Tensor:
        """The latents of an image, cropped to the size: ``[1, C, H/8, W/8]``."""
        fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        vae, config = self.pipe.vae, self.pipe.vae.config
        pixels = self.pipe.image_processor.preprocess(fitted).to(self.device, vae.dtype)
        latents = vae.encode(pixels).latent_dist.mode().float()
        return (latents - (config.shift_factor or 0.0)) * config.scaling_factor

    def decode(self, latents: torch.Tensor) -> Image.Image:
        vae, config = self.pipe.vae, self.pipe.vae.config
        latents = latents / config.scaling_factor + (config.shift_factor or 0.0)
        pixels = self.pixels_of(latents)
        if vae.dtype == torch.float16 and not pixels.isfinite().all():  # some VAEs overflow
            vae.to(torch.float32)
            pixels = self.pixels_of(latents)
        return self.pipe.image_processor.postprocess(pixels)[0]

    def pixels_of(self, latents: torch.Tensor) -> torch.Tensor:
        """What the VAE makes of latents; in tiles with blended seams, only where memory is too short for the whole."""
        vae = self.pipe.vae
        try:
            return vae.decode(latents.to(vae.dtype)).sample
        except torch.OutOfMemoryError:
            pass  # and what the attempt has held is free after this line
        vae.enable_tiling()
        try:
            return vae.decode(latents.to(vae.dtype)).sample
        finally:
            vae.disable_tiling()
