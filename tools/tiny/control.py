"""The small model's ControlNet: its network, as narrow as the UNet, and its file in the original key layout.

A ControlNet (arXiv:2302.05543) is a copy of the UNet's first half that also reads a control image, and adds what it
finds to the UNet's skip connections. This one lacks the copy's transformers on the level of 2×2 latents: there are
words enough above and below, and the file stays below 8 MB.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file

from .model import UNET, unet_key

FILE = "control-scribble-tiny.safetensors"
PREFIX = "control_model."
CONTROL = {name: UNET[name] for name in ("layers_per_block", "block_out_channels", "cross_attention_dim",
                                         "attention_head_dim")}  # fmt: skip
CONTROL["down_block_types"] = ("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",) * 2
HINTS = {"conv_in": 0, "conv_out": 14}  # the numbers of the convolutions that read the control image; blocks between


class Controlled(torch.nn.Module):
    """A UNet with a ControlNet, called as the UNet is.

    Args:
        images: 0 … 1, ``[B, 3, 64, 64]``, white lines on black; a multiple of B rows, as with guidance, takes them in
            turn.
    """

    def __init__(self, unet: torch.nn.Module, control: ControlNetModel, images: torch.Tensor, weight: float = 1.0):
        super().__init__()
        self.unet, self.control, self.images, self.weight = unet, control, images, weight

    def forward(self, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor):
        images = self.images.repeat(len(x) // len(self.images), 1, 1, 1)
        down, middle = self.control(x, t, text, images, self.weight, return_dict=False)
        return self.unet(x, t, text, down_block_additional_residuals=down, mid_block_additional_residual=middle)


@dataclass(frozen=True)
class Guide:
    """A ControlNet with a control image, ``[N, 3, 64, 64]``, for every picture that is to be made."""

    control: ControlNetModel
    images: torch.Tensor
    weight: float = 1.0

    def over(self, unet: torch.nn.Module, rows: slice) -> Controlled:
        """The UNet with control over some of the pictures."""
        return Controlled(unet, self.control, self.images[rows], self.weight)


def make_control() -> ControlNetModel:
    return ControlNetModel(**CONTROL)


def begin_control(unet: torch.nn.Module) -> ControlNetModel:
    """A ControlNet that has learnt nothing yet: the UNet's weights where it has the same layers, and no effect."""
    control = make_control()
    state = control.state_dict()
    control.load_state_dict(state | {key: value for key, value in unet.state_dict().items() if key in state})
    return control


def to_images(scribbles: torch.Tensor) -> torch.Tensor:
    """uint8 ``[B, 64, 64]`` → control images, 0 … 1, ``[B, 3, 64, 64]``."""
    return (scribbles.float() / 255)[:, None].expand(-1, 3, -1, -1)


def control_key(key: str) -> str:
    """The original name of a tensor of diffusers' ControlNet."""
    part, _, rest = key.partition(".")
    if part == "controlnet_cond_embedding":
        name, _, last = rest.rpartition(".")
        number = HINTS[name] if name in HINTS else 2 * int(name.removeprefix("blocks.")) + 2
        return f"{PREFIX}input_hint_block.{number}.{last}"
    if part == "controlnet_down_blocks":
        number, _, last = rest.partition(".")
        return f"{PREFIX}zero_convs.{number}.0.{last}"
    if part == "controlnet_mid_block":
        return f"{PREFIX}middle_block_out.0.{rest}"
    return PREFIX + unet_key(key)


def save_control(control: ControlNetModel, path: Path) -> None:
    """In half precision, under the original names."""
    tensors = {
        control_key(key): tensor.detach().cpu().half().contiguous() for key, tensor in control.state_dict().items()
    }
    title = {"modelspec.title": "Tiny ControlNet, scribbles", "modelspec.resolution": "64x64"}
    save_file(tensors, path, {"format": "pt", **title, "attention_heads": str(CONTROL["attention_head_dim"])})


def load_control(path: Path, device: str = "cpu") -> ControlNetModel:
    """A ControlNet that :func:`save_control` wrote, in single precision, not to be trained."""
    tensors, control = load_file(path), make_control()
    control.load_state_dict({key: tensors[control_key(key)].float() for key in control.state_dict()})
    return control.to(device).eval().requires_grad_(False)
