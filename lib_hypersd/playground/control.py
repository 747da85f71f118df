"""A ControlNet, from a file or a folder, and the control image that a picture follows.

A ControlNet (arXiv:2302.05543) is a copy of its UNet's first half, so that all of its configuration is the UNet's, but
for where it has transformers: that is in the names of its tensors.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.image_processor import VaeImageProcessor
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors.torch import load_file

from ..files.header import read_header
from ..files.lora import UNETS
from ..recipes.catalog import FAMILIES
from ..wording import shown
from . import layout
from .errors import Unloadable, refusing_unloadable
from .pipeline import LATENT_SIDE, LoadedPipeline

__all__ = ["Control", "ControlNet"]

PREFIX = "control_model."  # of the original names, in most files
# By a tensor that every ControlNet has in this layout: where the transformers are of a block of the UNet's, by its
# level and the number of its first block, and those of the middle.
TRANSFORMERS = {
    "zero_convs.0.0.weight": ("input_blocks.{block}.1.transformer_blocks.", "middle_block.1.transformer_blocks."),
    "controlnet_down_blocks.0.weight": (
        "down_blocks.{level}.attentions.0.transformer_blocks.",
        "mid_block.attentions.0.transformer_blocks.",
    ),
}
# SDXL's embedding of sizes and of the pooled prompt, which diffusers does not convert.
LABELS = {
    f"add_embedding.linear_{number}.{kind}": f"label_emb.0.{place}.{kind}"
    for number, place in ((1, 0), (2, 2))
    for kind in ("weight", "bias")
}
WORDS = "attn2.to_k.weight"  # what reads the encoded prompt, in both layouts


@dataclass(frozen=True)
class Control:
    """A ControlNet's network with the image that each picture follows: 0 … 1, ``[B, 3, H, W]`` in their size."""

    network: ControlNetModel
    images: torch.Tensor
    weight: float

    def residuals(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What joins these inputs of the UNet, under diffusers' names; negative and positive rows follow one image."""
        images = self.images.repeat(len(inputs["sample"]) // len(self.images), 1, 1, 1)
        down, middle = self.network(**inputs, controlnet_cond=images, conditioning_scale=self.weight, return_dict=False)
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


@dataclass
class ControlNet:
    """A ControlNet for a pipeline, from a safetensors file in either layout or a folder of diffusers.

    It is loaded when it is first needed.
    """

    path: Path
    pipeline: LoadedPipeline
    network: ControlNetModel | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".safetensors")

    def control(self, images: Sequence[Image.Image], weight: float, size: tuple[int, int]) -> Control:
        """Have pictures of this size follow an image each, which is resized to it as diffusers does."""
        network = self.load()
        processor = VaeImageProcessor(vae_scale_factor=LATENT_SIDE, do_convert_rgb=True, do_normalize=False)
        width, height = size
        pixels = torch.cat([processor.preprocess(image, height, width) for image in images])
        return Control(network, pixels.to(self.pipeline.device, self.pipeline.dtype), weight)

    def load(self) -> ControlNetModel:
        """The network, on the pipeline's device.

        Raises:
            Unloadable: a sentence that says why there is none.
        """
        if self.network is None:
            with refusing_unloadable(self.path.name):
                self.network = load_network(self.path, self.pipeline).to(self.pipeline.device)
        return self.network


def load_network(path: Path, pipeline: LoadedPipeline) -> ControlNetModel:
    if "unet" not in pipeline.pipe.components:
        raise Unloadable(f"{pipeline.model.name} takes no ControlNet here: those for SD1.5 and SDXL are carried out.")
    if not path.exists():
        raise Unloadable(f"{shown(str(path))} does not exist.")
    config = config_of_folder(path) if path.is_dir() else config_of_file(path, pipeline.network.config)
    width, own = config["cross_attention_dim"], pipeline.network.config.cross_attention_dim
    if width != own:
        other = FAMILIES.get(UNETS.get(width, ""), "another network")
        raise Unloadable(
            f"{shown(path.name)} is a ControlNet for {other}, which reads prompts encoded {width} wide; "
            f"those of {pipeline.model.name} are {own} wide."
        )
    if path.is_dir():
        return ControlNetModel.from_pretrained(
            str(path), local_files_only=True, use_safetensors=True, dtype=pipeline.dtype
        )
    tensors = {key.removeprefix(PREFIX): tensor for key, tensor in load_file(path).items()}
    with torch.device("meta"):
        network = ControlNetModel.from_config(config)
    count = len(network.state_dict())
    if len(tensors) != count:
        raise Unloadable(
            f"{shown(path.name)} is no plain ControlNet for {pipeline.model.name}: it has {len(tensors)} tensors, "
            f"where one has {count}."
        )
    labels = {name: tensors[original] for name, original in LABELS.items() if original in tensors}
    network.load_state_dict(convert_controlnet_checkpoint(tensors, config) | labels, assign=True)
    return network.to(pipeline.dtype).eval()


def config_of_folder(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if config.get("_class_name") != ControlNetModel.__name__:
        raise Unloadable(f"{shown(path.name)} is no folder of a ControlNet, as diffusers saves one.")
    return config


def config_of_file(path: Path, unet: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the ControlNet in a file, for a UNet of this configuration.

    Raises:
        Unloadable: there is no ControlNet in it.
    """
    try:
        shapes = layout.Shapes({key.removeprefix(PREFIX): shape for key, shape in read_header(path).shapes.items()})
    except ValueError as error:
        raise Unloadable(f"{error} A ControlNet is a safetensors file, or a folder of diffusers.") from None
    places = next((places for mark, places in TRANSFORMERS.items() if mark in shapes), None)
    if places is None:
        raise Unloadable(f"{shown(path.name)} holds no ControlNet.")
    blocks, middle = places
    config = {name: unet[name] for name in inspect.signature(ControlNetModel).parameters if name in unet}
    each = config["layers_per_block"] + 1  # of blocks on a level
    depths = [
        shapes.count(blocks.format(level=level, block=1 + each * level))
        for level in range(len(config["block_out_channels"]))
    ]
    deepest = shapes.count(middle)
    return config | {
        "cross_attention_dim": next(
            (shape[1] for key, shape in shapes.items() if key.endswith(WORDS)), config["cross_attention_dim"]
        ),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if deepest else "UNetMidBlock2D",
        # The middle's are as many as those of the last level, where that has any.
        "transformer_layers_per_block": [max(depth, 1) for depth in (*depths[:-1], deepest)],
    }
