"""Tells arrived samples of the student from those of its target by the teacher's own features."""

import torch

from . import model


def features_of(unet, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> list[torch.Tensor]:
    """What the UNet's encoder makes of ``x``: its input layer's output and that of each of the four levels."""
    time = unet.time_embedding(unet.time_proj(t))
    x = unet.conv_in(x)
    features = [x]
    for block in unet.down_blocks:
        words = {"encoder_hidden_states": text} if hasattr(block, "attentions") else {}
        x, _ = block(x, time, **words)
        features.append(x)
    return features


class Discriminator(torch.nn.Module):
    """A small head on each of the features, which judges every place in it; its judgements are averaged."""

    def __init__(self):
        super().__init__()
        widths = (model.UNET["block_out_channels"][0], *model.UNET["block_out_channels"])
        self.heads = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Conv2d(width, 64, 1), torch.nn.SiLU(), torch.nn.Conv2d(64, 1, 1))
            for width in widths
        )

    def forward(self, unet, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """1 for a target, 0 for a student's sample, by each head, ``[B, 5]``."""
        features = features_of(unet, x, t, text)
        return torch.stack([head(f).mean((1, 2, 3)) for head, f in zip(self.heads, features, strict=True)], 1)
