"""Makes pictures with the extension's own samplers, which take the model as k-diffusion does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import levels, sigmas_at, tcd_timesteps, trailing_timesteps

from . import model
from .control import Guide
from .lora import Lora, guided
from .train import alphas_cumprod


def leading_timesteps(steps: int) -> list[int]:
    """The spacing that SD1.5 was first sampled with, as the WebUIs' own DDIM: 4 steps → 751, 501, 251, 1."""
    return [i * (1000 // steps) + 1 for i in reversed(range(steps))]


def automatic_timesteps(steps: int) -> list[int]:
    """What Euler with the schedule "Automatic" visits, both ends included: 4 steps → 999, 666, 333, 0."""
    return torch.linspace(999, 0, steps).round().int().tolist()


SCHEDULES = {"Trailing": trailing_timesteps, "TCD": tcd_timesteps, "leading": leading_timesteps,
             "Automatic": automatic_timesteps}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """``lora``: a file's name without its ending, or None. DDIM at eta 0 is Euler."""

    steps: int
    cfg: float = 1.0
    lora: str | None = None
    weight: float = 1.0
    sampler: str = "DDIM"
    schedule: str = "Trailing"
    eta: float = 0.0


@dataclass(frozen=True)
class Start:
    """Pictures to start from instead of noise, uint8 ``[N, S, S, 3]``, of which ``strength`` (0 to 1) may change."""

    pictures: torch.Tensor
    strength: float


class Denoiser:
    """The UNet in k-diffusion's convention: ``model(x, sigma, text, empty, cfg)`` predicts x0 from x = x0 + σ·ε."""

    def __init__(self, unet: torch.nn.Module):
        self.unet = unet
        alphas = alphas_cumprod().double()
        self.sigmas = ((1 - alphas) / alphas).sqrt().float().to(next(unet.parameters()).device)

    def __call__(self, x, sigma, text, empty, cfg):
        t = (self.sigmas[None] - sigma[:, None]).abs().argmin(1)
        sigma = sigma.reshape(-1, 1, 1, 1)
        return x - sigma * guided(self.unet, x / (1 + sigma**2).sqrt(), t, text, empty, cfg)


class Studio:
    """The checkpoint and the LoRAs of a folder, ready to make pictures."""

    def __init__(self, folder: Path, device: str = "cpu"):
        self.folder, self.device = folder, device
        self.networks = model.load(folder / "tiny-sd15.safetensors", device)
        self.tokenizer = model.make_tokenizer(folder / "tokenizer")

    @torch.no_grad()
    def encode(self, prompts: list[str]) -> torch.Tensor:
        """The prompts' encoding, ``[N, 77, 64]``."""
        tokens = model.tokens_of(self.tokenizer, prompts).to(self.device)
        return torch.cat([self.networks["text_encoder"](part).last_hidden_state for part in tokens.split(128)])

    def with_lora(self, name: str | None, weight: float) -> torch.nn.Module:
        """The UNet with a LoRA merged into its weights; the one in ``networks`` stays as it is."""
        if name is None:
            return self.networks["unet"]
        unet = model.make_unet().to(self.device).eval().requires_grad_(False)
        unet.load_state_dict(self.networks["unet"].state_dict())
        lora = Lora.load(self.folder / f"{name}.safetensors", unet)
        unet.load_state_dict(lora.weights(unet, weight), strict=False)
        return unet

    @torch.no_grad()
    def make(self, prompts: list[str], settings: Settings, seed: int, batch: int = 100, **options) -> torch.Tensor:
        """One picture for every prompt, uint8 ``[N, side, side, 3]``; the same bytes for the same seed and batch.

        Args:
            options: as of :meth:`latents`.
        """
        return model.decode(self.networks["vae"], self.latents(prompts, settings, seed, batch, **options))

    @torch.no_grad()
    def latents(
        self,
        prompts: list[str],
        settings: Settings,
        seed: int,
        batch: int = 100,
        callback: Callable | None = None,
        guide: Guide | None = None,
        side: int = 64,
        start: Start | None = None,
    ) -> torch.Tensor:
        """The same as scaled latents, ``[N, 4, side/8, side/8]``; ``callback`` as the samplers have it, batch by batch.

        Args:
            side: of the pictures, in pixels; those to start from have their own.
        """
        side = start.pictures.shape[1] if start else side
        unet = self.with_lora(settings.lora, settings.weight)
        table = Denoiser(unet).sigmas
        if start is None:
            sigmas = sigmas_at(SCHEDULES[settings.schedule](settings.steps), table)
        else:
            sigmas = levels(settings.schedule, settings.steps, start.strength, table)
        sample = {"DDIM": sample_ddim, "TCD": sample_tcd}[settings.sampler]
        texts, empty = self.encode(prompts), self.encode([""])
        generator = torch.Generator().manual_seed(seed)
        images = []
        for first in range(0, len(texts), batch):
            rows = slice(first, first + batch)
            text = texts[rows]
            denoiser = Denoiser(guide.over(unet, rows) if guide else unet)
            shape = (len(text), 4, side // 8, side // 8)

            def noise(*_, shape=shape):
                return torch.randn(shape, generator=generator).to(self.device)

            if start is None:
                x = noise() * start_noise_scale(sigmas[0].item(), flow=False)
            else:
                x = model.encode(self.networks["vae"], start.pictures[rows]) + sigmas[0] * noise()
            extra = {"text": text, "empty": empty, "cfg": settings.cfg}
            images.append(sample(denoiser, x, sigmas, extra, callback, True, settings.eta, noise))
        return torch.cat(images)
