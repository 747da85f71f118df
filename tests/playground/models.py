"""Random models in the published layouts, as small as these allow, and LoRAs for them under their published names."""

from pathlib import Path

import torch

from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.layout import write_tokenizer
from lib_hypersd.playground.loading import load_pipeline
from lib_hypersd.playground.loras import Loras
from lib_hypersd.recipes.catalog import HYPER_SD, published
from tests import loras
from tests.live.layouts import clip, open_clip
from tests.live.make_models import lora_values, sd15, sdxl, write
from tests.live.tokenizers import write_t5_tokenizer

RANK, WORDS = 4, 2000
UNET = {"width": 32, "context": 64}
TINY_SD15 = sd15(channels=32, context=64, inner=4, image=32, text=clip(64, 2, 128, vocabulary=WORDS))
TINY_SDXL = sdxl(
    channels=32, adm=192 + 1536, image=32, texts=(clip(1856, 1, 64, vocabulary=WORDS), open_clip(192, 2, WORDS)),
    depths=[0, 0, 1, 1, 10, 10], middle=10, out_depths=[10] * 3 + [1] * 3 + [0] * 3,
)  # fmt: skip


def write_sd15(folder: Path, metadata: dict | None = None) -> Path:
    write(folder / "sd15.safetensors", TINY_SD15, torch.float16, metadata=metadata)
    for recipe in published().recipes:
        if recipe.family == "sd15" and recipe.is_lora and recipe.maker == HYPER_SD:
            write_lora(folder / "loras" / recipe.file, loras.unet(**UNET))
    return folder


def write_lora(path: Path, network: dict, naming: str = "kohya") -> Path:
    shapes = loras.layers(network, naming, RANK, keep=lambda name: "to_q" in name or "to_k" in name)
    write(path, {key: tuple(shape) for key, shape in shapes.items()}, torch.float16, lora_values)
    return path


def write_sdxl(path: Path) -> Path:
    write(path, TINY_SDXL, torch.float16)
    return path


def write_flow(folder: Path, family: str) -> Path:
    """A folder of diffusers with an SD3, a FLUX.1-dev ("flux") or a FLUX.1-schnell of two blocks."""
    import diffusers
    import transformers

    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = transformers.CLIPTextConfig(**sizes, vocab_size=WORDS, projection_dim=32, eos_token_id=WORDS - 1)
    for name in ("tokenizer", "tokenizer_2"):
        write_tokenizer(folder / name, WORDS, None)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer")
    vae = diffusers.AutoencoderKL(
        latent_channels=16, block_out_channels=[32] * 4, down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4, scaling_factor=1.5, shift_factor=0.06,
        use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    t5 = {"vocab_size": 128, "d_model": 64, "d_ff": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16}
    encoder = transformers.T5EncoderModel(transformers.T5Config(**t5))
    write_t5_tokenizer(folder / "t5")
    reader = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "t5" / "tokenizer.json"), pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        model_max_length=64,
    )  # fmt: skip
    if family == "sd3":
        transformer = diffusers.SD3Transformer2DModel(
            sample_size=8, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=4,
            joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64, out_channels=16,
            pos_embed_max_size=16,
        )  # fmt: skip
        encoders = [transformers.CLIPTextModelWithProjection(text) for _ in range(2)]
        pipe = diffusers.StableDiffusion3Pipeline(
            transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), vae=vae,
            text_encoder=encoders[0], tokenizer=tokenizer, text_encoder_2=encoders[1], tokenizer_2=tokenizer,
            text_encoder_3=encoder, tokenizer_3=reader,
        )  # fmt: skip
    else:
        transformer = diffusers.FluxTransformer2DModel(
            patch_size=1, in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=64, pooled_projection_dim=32, guidance_embeds=family == "flux",
            axes_dims_rope=[4, 4, 8],
        )  # fmt: skip
        pipe = diffusers.FluxPipeline(
            transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=vae, text_encoder=transformers.CLIPTextModel(text), tokenizer=tokenizer, text_encoder_2=encoder,
            tokenizer_2=reader,
        )  # fmt: skip
    pipe.save_pretrained(folder / family)
    return folder / family


def playground_of(checkpoint: Path, *paths: Path) -> Playground:
    return Playground(load_pipeline(checkpoint, "cpu"), Loras(paths), published())


def relative_rms(a, b):
    """Root mean square of a − b over that of b."""
    return ((a - b).square().mean().sqrt() / b.square().mean().sqrt()).item()
