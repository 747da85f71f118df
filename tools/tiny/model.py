"""The small SD1.5: its networks, its text encoding, and its one file in the original key layout.

Everything is built as SD1.5 is and only narrower: a CLIP text encoder with CLIP's own vocabulary, an f8 VAE with four
latent channels scaled by 0.18215, a UNet of four levels with a transformer block after each of two residual blocks.
"""

import re
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from lib_hypersd.playground.layout import write_tokenizer

WIDTH = 64  # of the text encoding
TEXT = {
    "vocab_size": 49408,
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "projection_dim": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "quick_gelu",
    "bos_token_id": 49406,
    "eos_token_id": 49407,
}
VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "sample_size": 64,
    "layers_per_block": 1,
    "block_out_channels": (32, 32, 64, 64),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.18215,
}
# SD1.5 normalises in 32 groups. With one channel to a group every channel's mean, which is the colour, would be lost.
UNET = {
    "sample_size": 8,
    "layers_per_block": 2,
    "block_out_channels": (64, 64, 128, 128),
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,  # which is what diffusers calls the number of heads
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
SCALE = VAE["scaling_factor"]


def make_vae() -> AutoencoderKL:
    return AutoencoderKL(**VAE)


def make_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(**UNET)


def make_text_encoder() -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(**TEXT))


def make_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's tokenizer; its vocabulary is kept in ``folder``."""
    write_tokenizer(folder, TEXT["vocab_size"])
    return CLIPTokenizer.from_pretrained(folder)


def tokens_of(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token numbers, ``[N, 77]``, padded with the end mark as SD1.5 does."""
    return tokenizer(captions, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids


def to_pixels(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 ``[N, 64, 64, 3]`` → float −1 … 1 ``[N, 3, 64, 64]``."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(pixels: torch.Tensor) -> torch.Tensor:
    """Float −1 … 1 ``[N, 3, 64, 64]`` → uint8 ``[N, 64, 64, 3]``."""
    return ((pixels.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte()


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: torch.Tensor, batch: int = 64) -> torch.Tensor:
    """Scaled latents, ``[N, 4, 8, 8]``, of uint8 pictures ``[N, 64, 64, 3]``."""
    device = vae.device
    parts = [vae.encode(to_pixels(part.to(device))).latent_dist.mode() for part in pictures.split(batch)]
    return torch.cat(parts).contiguous() * SCALE


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: torch.Tensor, batch: int = 64) -> torch.Tensor:
    """uint8 pictures ``[N, 64, 64, 3]``, on the CPU, of scaled latents ``[N, 4, 8, 8]``."""
    return torch.cat([to_pictures(vae.decode(part / SCALE).sample).cpu() for part in latents.split(batch)])


# ---- the original key layout (CompVis' latent-diffusion) ----

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
UNET_ENDS = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
             "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2"}  # fmt: skip
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_key(key: str) -> str:
    """The original name of a tensor of diffusers' UNet."""
    for ours, theirs in UNET_ENDS.items():
        if key.startswith(ours + "."):
            return theirs + key.removeprefix(ours)
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", key):
        kind, number, rest = match.groups()
        place = f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}"
    else:
        way, block, kind, number, rest = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", key).groups()
        first = 3 * int(block) + (way == "down")
        if kind == "downsamplers":
            return f"input_blocks.{first + 2}.0.{rest.replace('conv', 'op')}"
        if kind == "upsamplers":
            return f"output_blocks.{first + 2}.{2 if int(block) else 1}.{rest}"  # the lowest level has no attention
        side = "input_blocks" if way == "down" else "output_blocks"
        place = f"{side}.{first + int(number)}.{int(kind == 'attentions')}"
    if kind == "resnets":
        name, _, last = rest.partition(".")
        rest = f"{RESNET[name]}.{last}"
    return f"{place}.{rest}"


def vae_key(key: str) -> str:
    """The original name of a tensor of diffusers' VAE."""
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if ".mid_block.attentions.0." in key:
        start, name = key.split(".mid_block.attentions.0.")
        name, _, last = name.rpartition(".")
        return f"{start}.mid.attn_1.{VAE_ATTENTION[name]}.{last}"
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{3 - int(m[1])}.block", key)
    key = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", key)
    return key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


NAMES = {  # the network's prefix in a checkpoint, and the name of each of its tensors below it
    "vae": lambda key: "first_stage_model." + vae_key(key),
    "unet": lambda key: "model.diffusion_model." + unet_key(key),
    # Newer versions of transformers have its tensors on the first level.
    "text_encoder": lambda key: "cond_stage_model.transformer.text_model." + key.removeprefix("text_model."),
}


def to_original(networks: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """All tensors of ``vae``, ``unet`` and ``text_encoder`` under their original names, in half precision."""
    tensors = {}
    for part, network in networks.items():
        for key, tensor in network.state_dict().items():
            # The VAE's attention was made of 1×1 convolutions.
            is_projection = part == "vae" and ".attentions." in key and tensor.ndim == 2
            tensor = tensor[..., None, None] if is_projection else tensor
            tensors[NAMES[part](key)] = tensor.detach().cpu().half().contiguous()
    return tensors


def from_original(tensors: dict[str, torch.Tensor], networks: dict[str, torch.nn.Module]) -> None:
    """Load the networks from tensors under their original names.

    Raises:
        KeyError: one is missing.
    """
    for part, network in networks.items():
        state = network.state_dict()
        network.load_state_dict({key: tensors[NAMES[part](key)].reshape(state[key].shape).float() for key in state})


def make_networks() -> dict[str, torch.nn.Module]:
    """The three networks, not yet trained."""
    return {"vae": make_vae(), "unet": make_unet(), "text_encoder": make_text_encoder()}


def save(networks: dict[str, torch.nn.Module], path: Path) -> None:
    title = {"modelspec.title": "Tiny SD1.5", "modelspec.resolution": "64x64", "modelspec.prediction_type": "epsilon"}
    heads = {"attention_heads": str(UNET["attention_head_dim"])}  # which no shape tells
    save_file(to_original(networks), path, {"format": "pt", **title, **heads})


def load(path: Path, device: str = "cpu") -> dict[str, torch.nn.Module]:
    """The networks of a checkpoint that :func:`save` wrote, in single precision, not to be trained."""
    networks = make_networks()
    from_original(load_file(path), networks)
    return {name: network.to(device).eval().requires_grad_(False) for name, network in networks.items()}
