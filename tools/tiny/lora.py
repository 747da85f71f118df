"""LoRAs as kohya's trainers make them, for every layer of the UNet's blocks, trained by changing the weights at once.

A layer's weight W becomes W + up·down. Working that out once per batch is cheaper for a small network than two more
layers beside every one, and it is what a WebUI does with the file.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call

RANK = 8


def layers_of(unet: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """The layers that a LoRA changes, by their names in diffusers."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return {name: layer for name, layer in unet.named_modules() if isinstance(layer, kinds) and "block" in name}


class Lora(torch.nn.Module):
    """The factors ``down``, ``[rank, in, …]``, and ``up``, ``[out, rank, …]``, of every layer; at first no change."""

    def __init__(self, unet: torch.nn.Module, rank: int = RANK):
        super().__init__()
        self.names = {name: "lora_unet_" + name.replace(".", "_") for name in layers_of(unet)}
        self.down, self.up = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        for name, layer in layers_of(unet).items():
            weight = layer.weight
            down = torch.empty((rank, *weight.shape[1:]), device=weight.device)
            torch.nn.init.kaiming_uniform_(down, a=5**0.5)
            self.down[self.names[name]] = down
            self.up[self.names[name]] = weight.new_zeros(len(weight), rank, *[1] * (weight.ndim - 2))

    def weights(self, unet: torch.nn.Module, strength: float = 1.0) -> dict[str, torch.Tensor]:
        """The changed weights of ``unet``, by their names."""
        changed = {}
        for name, layer in layers_of(unet).items():
            down, up = self.down[self.names[name]], self.up[self.names[name]]
            change = (up.flatten(1) @ down.flatten(1)).view_as(layer.weight)
            changed[name + ".weight"] = layer.weight + strength * change
        return changed

    @torch.no_grad()
    def follow(self, other: "Lora", decay: float) -> None:
        """Move towards another LoRA of the same layers: an exponential moving average of its factors."""
        torch._foreach_lerp_(list(self.parameters()), list(other.parameters()), 1 - decay)

    def save(self, path: Path, title: str) -> None:
        """In kohya's naming and half precision."""
        tensors = {}
        for name, down in self.down.items():
            tensors[name + ".lora_down.weight"] = down.detach().cpu().half().contiguous()
            tensors[name + ".lora_up.weight"] = self.up[name].detach().cpu().half().contiguous()
            tensors[name + ".alpha"] = torch.tensor(float(len(down))).half()
        save_file(tensors, path, {"format": "pt", "modelspec.title": title})

    @classmethod
    def load(cls, path: Path, unet: torch.nn.Module) -> "Lora":
        """A LoRA that :meth:`save` wrote."""
        tensors = load_file(path)
        lora = cls(unet)
        with torch.no_grad():
            for name in lora.down:
                lora.down[name].copy_(tensors[name + ".lora_down.weight"])
                lora.up[name].copy_(tensors[name + ".lora_up.weight"])
        return lora


def predict(unet, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor, lora: Lora | None = None) -> torch.Tensor:
    """The noise in ``x``, ``[B, 4, 8, 8]``, at timesteps ``t``, ``[B]``, for the text's encoding, ``[B, 77, …]``."""
    weights = lora.weights(unet) if lora else {}
    return functional_call(unet, weights, (x, t, text)).sample


def guided(unet, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor, empty: torch.Tensor, scale, lora=None):
    """The noise with classifier-free guidance (arXiv:2207.12598). ``scale`` is a number, at 1 the network runs once per
    sample, or one for each sample, ``[B, 1, 1, 1]``."""
    if isinstance(scale, int | float) and scale == 1:
        return predict(unet, x, t, text, lora)
    both = torch.cat([empty.expand_as(text), text])
    without, with_text = predict(unet, torch.cat([x, x]), torch.cat([t, t]), both, lora).chunk(2)
    return without + scale * (with_text - without)
