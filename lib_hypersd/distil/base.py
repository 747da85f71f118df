"""Opens a checkpoint for training: its parts on the device, its network ready for adapters."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from safetensors.torch import load_file

from ..playground.errors import refusing_unloadable
from ..playground.loading import open_checkpoint, sigmas_of
from ..playground.networks import NETWORKS
from ..playground.pipeline import LoadedPipeline
from ..wording import shown
from .errors import RefusedRun
from .network import STYLE, Network, Text
from .options import Options

__all__ = ["Base", "make_accelerator", "open_base"]


@dataclass
class Base:
    """A checkpoint: its pipeline, its network with adapters, and the edge of its images in pixels."""

    pipeline: LoadedPipeline
    network: Network
    side: int

    @property
    def family(self) -> str:
        return self.pipeline.model.family or ""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return 4, self.side // 8, self.side // 8

    def encode(self, prompt: str) -> Text:
        """The conditioning of a prompt, every tensor with one row."""
        with torch.no_grad():
            return NETWORKS[self.family](self.pipeline, [prompt], None, (self.side, self.side)).conditioning

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images from 0 to 1, ``[B, 3, H, W]``, of latents; a gradient passes."""
        vae = self.pipeline.pipe.vae
        return (vae.decode(latents / vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)

    def forget_text_encoders(self) -> None:
        """Make room: every caption has been encoded."""
        for name in ("text_encoder", "text_encoder_2"):
            if getattr(self.pipeline.pipe, name, None) is not None:
                setattr(self.pipeline.pipe, name, None)
        self.pipeline.encoded.clear()
        if self.pipeline.device.type == "cuda":
            torch.cuda.empty_cache()


def make_accelerator(options: Options) -> Accelerator:
    """The processes that train together (``accelerate launch``), and the precision that they compute in."""
    precision = options.precision
    if precision is None:
        has_it = torch.cuda.is_available() and torch.cuda.is_bf16_supported() and not options.cpu
        precision = "bf16" if has_it else "no"
    patient = InitProcessGroupKwargs(timeout=timedelta(days=7))  # while one of them computes the data
    return Accelerator(mixed_precision=precision, cpu=options.cpu, kwargs_handlers=[patient])


def open_base(options: Options, accelerator: Accelerator) -> Base:
    """The checkpoint with the style that it is distilled with.

    Raises:
        Unloadable: it is no checkpoint, or the style no LoRA for it. RefusedRun: it is of another family.
    """
    device = accelerator.device
    half = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
    pipe, model, size = open_checkpoint(options.checkpoint, device.type, half)
    if model.family not in ("sd15", "sdxl"):
        raise RefusedRun(f"{shown(model.name)} is no SD1.5 and no SDXL, which alone can be distilled here.")
    if options.teacher_lora:
        load_style(pipe, options.teacher_lora, options.teacher_weight)
    pipe.vae.to(torch.float32).requires_grad_(False)  # SDXL's overflows in half precision
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    if options.checkpointing:
        pipe.unet.enable_gradient_checkpointing()
        pipe.unet.train()  # without which diffusers keeps all the same; there is no dropout in it
    sigmas = sigmas_of(pipe, model)
    pipeline = LoadedPipeline(pipe, model, size, sigmas.to(device), device)
    side = options.resolution or size[0]
    with torch.no_grad():
        empty = NETWORKS[model.family](pipeline, [""], None, (side, side)).encode("", is_negative=True)
    network = Network(
        pipe.unet, pipe.scheduler.alphas_cumprod, model.prediction, empty, options.unguided, accelerator.autocast
    )
    return Base(pipeline, network, side)


def load_style(pipe, path: Path, weight: float) -> None:
    """Load a style as an adapter, in the text encoders too where it has a part there."""
    with refusing_unloadable(path.name):
        pipe.load_lora_weights(load_file(path), adapter_name=STYLE)
        if not any(STYLE in names for names in pipe.get_list_adapters().values()):
            raise RefusedRun(f"No layer of {shown(path.name)} fits the checkpoint.")
        pipe.set_adapters([STYLE], [weight])
