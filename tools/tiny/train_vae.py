"""Trains the VAE: what comes out is what went in, and latents of unit variance once scaled by 0.18215."""

from pathlib import Path

import numpy as np
import torch

from . import model
from .pictures import draw_crowd, pictures, split
from .stage import Stage, descend, once, share

STEPS, BATCH, RATE = 12_000, 8, 1.5e-3
PICTURES = 6_500  # of scenes, and as many of crowds
KL = 1e-4  # per latent value
EDGES = 0.1  # of the absolute difference beside the squared one; alone it would leave small shapes out


def train_vae(out: Path, device: str) -> None:
    """Train as far as ``out/vae.pt`` is not yet trained, and write the finished VAE to ``out/vae.safetensors``."""
    if (out / "vae.safetensors").exists():
        return
    torch.manual_seed(1)
    vae = model.make_vae().to(device)
    optimizer = torch.optim.AdamW(vae.parameters(), weight_decay=0.01)
    rng = np.random.default_rng(1)
    scenes = pictures(split()[0], PICTURES, seed=1)
    data = torch.from_numpy(np.concatenate([scenes, [draw_crowd(rng) for _ in range(PICTURES)]]))
    stage = Stage(out / "vae.pt", STEPS, {"vae": vae, "optimizer": optimizer}, seed=1)
    for _ in stage:
        stage.rate(optimizer, RATE)
        pixels = model.to_pixels(data[torch.randint(len(data), (share(BATCH),))].to(device))
        with torch.autocast(torch.device(device).type, torch.bfloat16):  # convolutions are four fifths of the work
            latents = vae.encode(pixels).latent_dist
            rebuilt = vae.decode(latents.sample()).sample
        difference = (rebuilt - pixels).square().mean() + EDGES * (rebuilt - pixels).abs().mean()
        kl = latents.kl().float().mean() / latents.mean[0].numel()
        descend(difference + KL * kl, optimizer, longest=1.0)
        stage.log(difference=difference, kl=kl)
    scale_latents(vae, data[:1000])
    once(model.save, {"vae": vae}, out / "vae.safetensors")


@torch.no_grad()
def scale_latents(vae, data: torch.Tensor) -> None:
    """Make every latent channel zero-mean and of unit variance once scaled, by the two 1×1 convolutions around them."""
    latents = model.encode(vae, data) / model.SCALE
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3)) * model.SCALE
    into, outof = vae.quant_conv, vae.post_quant_conv
    outof.bias += outof.weight[:, :, 0, 0] @ mean
    outof.weight *= deviation[None, :, None, None]
    into.weight[:4] /= deviation[:, None, None, None]
    into.bias[:4] = (into.bias[:4] - mean) / deviation
    into.bias[4:] -= 2 * deviation.log()  # the other four outputs are log variances
