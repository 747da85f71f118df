"""Trains the text encoder and the UNet on the VAE's latents: noise prediction on SD1.5's noise levels."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import model
from .labels import LOGITS, UNSAID, labels_in, surprise
from .pictures import captions, in_turn, pictures, split
from .reader import FIELDS
from .stage import Stage, descend, once, processes, share

BATCH = 64
PICTURES = 13_000
UNCONDITIONAL = 0.1  # the share of captions left empty, for guidance
# Weight of what a linear layer cannot tell from a caption's encoding. A word that the image hardly needs at first, such
# as its place, would not be told from others for thousands of steps; SD1.5 starts with CLIP's encoder, which tells all.
READING = 0.05
BETAS, TIMESTEPS = (0.00085, 0.012), 1000  # SD1.5's noise
# What the error of the image counts at a timestep: its signal-to-noise ratio, between these (Min-SNR, arXiv:2303.09556,
# which has no least; without one, the first steps of sampling are learnt last, and few-step sampling has no others).
LEAST, MOST = 0.2, 5.0


@dataclass(frozen=True)
class Part:
    """``wrong``: how often its captions take a thing for another. ``rate``: the learning rate's peak."""

    name: str
    steps: int
    rate: float
    wrong: float


# Nobody checks the captions of pictures found on the web: most miss something. A model that was trained on them draws
# what is said no oftener than they are right, and guidance is what makes up for it. Learning from such captions alone
# takes far longer, so here they come last.
PARTS = (Part("base", 4500, 1e-3, 0.0), Part("web", 600, 4e-4, 0.14))


def alphas_cumprod(device: str = "cpu") -> torch.Tensor:
    """ᾱ of SD1.5 at every timestep, ``[1000]``: betas are squares of evenly spaced numbers."""
    first, last = BETAS
    betas = torch.linspace(first**0.5, last**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float().to(device)


def add_noise(x0: torch.Tensor, noise: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """√ᾱ·x0 + √(1−ᾱ)·noise for one ᾱ per sample, ``[B]``."""
    alpha = alpha.reshape(-1, 1, 1, 1)
    return alpha.sqrt() * x0 + (1 - alpha).sqrt() * noise


def image_weight(alpha: torch.Tensor, least: float = LEAST) -> torch.Tensor:
    """What an error of the image counts where ᾱ is ``alpha``, ``[B]``."""
    return (alpha / (1 - alpha)).clamp(least, MOST)


class Data:
    """Latents of the training pictures, ``[N, 4, 8, 8]``, their scenes, and which of the known captions each has.

    Captions are counted, for few of them differ: ``tokens``, ``[K, 77]``, are those of all, number 0 the empty one, and
    ``labels``, ``[K, 5]``, what they say; ``wrong`` is how often they take a thing for another.
    Latents are made once and kept in ``out``.
    """

    def __init__(self, out: Path, device: str, wrong: float):
        training = split()[0]
        self.scenes, captioned = in_turn(training, PICTURES), captions(training, PICTURES, 2, wrong)
        texts = ["", *sorted({caption for _, caption in captioned})]
        path = out / "latents.safetensors"
        with processes().main_process_first():
            if not path.exists():
                drawn = torch.from_numpy(pictures(training, PICTURES, seed=2))
                save_file({"latents": model.encode(load_vae(out, device), drawn).cpu()}, path)
            self.tokens = model.tokens_of(model.make_tokenizer(out / "tokenizer"), texts).to(device)
        self.latents = load_file(path)["latents"].to(device)
        number = {caption: i for i, caption in enumerate(texts)}
        self.captions = torch.tensor([number[caption] for _, caption in captioned])
        self.labels = torch.full((len(texts), len(FIELDS)), UNSAID)
        for scene, caption in set(captioned):
            self.labels[number[caption]] = labels_in(scene, caption)
        self.labels = self.labels.to(device)

    def batch(self, size: int, unconditional: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents of ``size`` pictures and the numbers of their captions, of which a share is left empty."""
        chosen = torch.randint(len(self.latents), (size,))
        caption = torch.where(torch.rand(size) < unconditional, 0, self.captions[chosen])
        return self.latents[chosen], caption


def load_vae(out: Path, device: str) -> torch.nn.Module:
    vae = model.make_vae()
    model.from_original(load_file(out / "vae.safetensors"), {"vae": vae})
    return vae.to(device).eval().requires_grad_(False)


def train(out: Path, device: str) -> None:
    """Train every part as far as it is not yet trained, and write the checkpoint ``out/tiny-sd15.safetensors``."""
    if (out / "tiny-sd15.safetensors").exists():
        return
    torch.manual_seed(2)
    parts = {"unet": model.make_unet(), "text_encoder": model.make_text_encoder()}
    networks = torch.nn.ModuleDict(parts | {"reading": torch.nn.Linear(model.WIDTH, LOGITS)}).to(device)
    # A word that is never seen then says nothing.
    torch.nn.init.zeros_(networks["text_encoder"].text_model.embeddings.token_embedding.weight)
    average = AveragedModel(networks, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.AdamW(networks.parameters(), weight_decay=0.01, fused=True)
    kept = {"networks": networks, "average": average, "optimizer": optimizer}
    for seed, part in enumerate(PARTS, 2):
        train_part(part, Stage(out / f"{part.name}.pt", part.steps, kept, seed), Data(out, device, part.wrong))
    trained = {name: average.module[name] for name in parts}
    once(model.save, {"vae": load_vae(out, "cpu"), **trained}, out / "tiny-sd15.safetensors")


def train_part(part: Part, stage: Stage, data: Data) -> None:
    """Train the stage's networks on the part's data."""
    networks, average, optimizer = stage.parts.values()
    device = data.latents.device
    alphas = alphas_cumprod(device)
    for _ in stage:
        stage.rate(optimizer, part.rate)
        x0, caption = data.batch(share(BATCH), UNCONDITIONAL)
        t = torch.randint(1000, (len(x0),)).to(device)
        noise = torch.randn(x0.shape).to(device)
        text = networks["text_encoder"](data.tokens[caption]).last_hidden_state
        predicted = networks["unet"](add_noise(x0, noise, alphas[t]), t, text).sample
        error = (predicted - noise).square().mean((1, 2, 3))
        noise_weight = image_weight(alphas[t]) * (1 - alphas[t]) / alphas[t]  # the image's error is σ/√ᾱ of the noise's
        unread = surprise(networks["reading"](text.mean(1)), data.labels[caption]).mean()
        loss = (noise_weight * error).mean() + READING * unread
        descend(loss, optimizer, longest=1.0)
        average.update_parameters(networks)
        stage.log(error=error.mean(), unread=unread, loss=loss)
