"""Pipelines of the published shapes with random weights, made on the device, and LoRAs of rank 64 for them."""

import contextlib
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from lib_hypersd.plan import Model
from lib_hypersd.playground.layout import WORDS, write_tokenizer
from lib_hypersd.playground.loading import prepare
from lib_hypersd.playground.pipeline import LoadedPipeline
from tests import loras

FEW_WORDS = 2000
SMALL = {"width": 32, "context": 64}
SMALL_CLIP = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZE = {"sd15": 512, "sdxl": 1024, "flux": 1024}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
OPEN_CLIP = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
T5 = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128}
UNETS = {
    "sd15": {"sample_size": 64, "cross_attention_dim": 768},
    "sdxl": {
        "sample_size": 128, "cross_attention_dim": 2048, "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": (5, 10, 20), "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}  # fmt: skip
SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
    "set_alpha_to_one": False, "steps_offset": 1,
}  # fmt: skip


def random_pipeline(family: str, dtype: torch.dtype, device: str, small: bool = False) -> diffusers.DiffusionPipeline:
    """A diffusers pipeline in the shapes of its family; ``small`` has a narrow SD1.5 and is for trying a script out."""
    torch.manual_seed(1)
    with torch.device(device), default_dtype(dtype):
        parts = {"flux": flux_parts, "sdxl": sdxl_parts, "sd15": sd15_parts}[family](small)
    kind = {"flux": "FluxPipeline", "sdxl": "StableDiffusionXLPipeline", "sd15": "StableDiffusionPipeline"}[family]
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.to(dtype).eval().requires_grad_(False)
    return getattr(diffusers, kind)(**parts)


def loaded(pipe: diffusers.DiffusionPipeline, family: str, device: str, **arguments) -> LoadedPipeline:
    """The playground's pipeline over one of diffusers."""
    side = pipe.vae.config.sample_size
    return prepare(pipe, Model(family, f"random {family}"), (side, side), device, **arguments)


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def sd15_parts(small: bool) -> dict:
    width = {"block_out_channels": (32, 64, 128, 128), "cross_attention_dim": 64} if small else {}
    words = FEW_WORDS if small else WORDS
    return {
        "unet": diffusers.UNet2DConditionModel(**UNETS["sd15"] | width),
        "vae": vae(64 if small else SIZE["sd15"], width=32 if small else 128),
        "text_encoder": clip(transformers.CLIPTextModel, SMALL_CLIP if small else CLIP_L, words),
        "tokenizer": tokenizer(words),
        "scheduler": diffusers.DDIMScheduler(**SCHEDULER), "safety_checker": None, "feature_extractor": None,
        "requires_safety_checker": False,
    }  # fmt: skip


def sdxl_parts(small: bool) -> dict:
    if small:
        raise ValueError("There is no small SDXL.")
    return {
        "unet": diffusers.UNet2DConditionModel(**UNETS["sdxl"]), "vae": vae(SIZE["sdxl"], scaling_factor=0.13025),
        "text_encoder": clip(transformers.CLIPTextModel, CLIP_L, WORDS), "tokenizer": tokenizer(),
        "text_encoder_2": clip(transformers.CLIPTextModelWithProjection, OPEN_CLIP, WORDS),
        "tokenizer_2": tokenizer(), "scheduler": diffusers.DDIMScheduler(**SCHEDULER),
    }  # fmt: skip


def flux_parts(small: bool) -> dict:
    """FLUX.1-dev; its T5 reads CLIP's words here, as many as it has room for."""
    if small:
        raise ValueError("There is no small FLUX.")
    return {
        "transformer": diffusers.FluxTransformer2DModel(guidance_embeds=True),
        "vae": vae(SIZE["flux"], latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159),
        "text_encoder": clip(transformers.CLIPTextModel, CLIP_L, WORDS), "tokenizer": tokenizer(),
        "text_encoder_2": transformers.T5EncoderModel(transformers.T5Config(**T5, feed_forward_proj="gated-gelu")),
        "tokenizer_2": tokenizer(FEW_WORDS, most=512),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    }  # fmt: skip


def vae(side: int, width: int = 128, **config) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        sample_size=side, block_out_channels=[width, 2 * width, 4 * width, 4 * width], layers_per_block=2,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        **{"scaling_factor": 0.18215, "latent_channels": 4} | config,
    )  # fmt: skip


def clip(kind, config: dict, words: int) -> transformers.PreTrainedModel:
    return kind(transformers.CLIPTextConfig(**{"projection_dim": 768} | config, vocab_size=words, eos_token_id=2))


def tokenizer(words: int = WORDS, most: int = 77) -> transformers.CLIPTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), words)
        return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=most)


def write_lora(path: Path, family: str, device: str, small: bool = False) -> Path:
    """A LoRA with a part in every layer, as large as Hyper-SD's and of no visible effect."""
    layers = loras.unet(**SMALL) if small else loras.NETWORKS[family]()
    tensors = {}
    for key, shape in loras.layers(layers, "peft" if family == "flux" else "kohya").items():
        value = torch.randn(shape, device=device) * 0.01 if shape else torch.tensor(float(loras.RANK))
        tensors[key] = value.to("cpu", torch.float16).contiguous()
    save_file(tensors, path)
    return path
