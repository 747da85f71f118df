"""The finished model as others load it: one folder of safetensors, diffusers' configuration, a WebUI's yaml.

python -m tools.tiny.export --model assets/tiny --webui DIR       puts it all into an AUTOMATIC1111
python -m tools.tiny.export --model assets/tiny --diffusers DIR   what from_single_file(…, config=DIR) asks for
"""

import argparse
import json
import shutil
from pathlib import Path

from transformers import CLIPTextConfig

from lib_hypersd.files.header import read_header
from lib_hypersd.playground.layout import write_config

from . import control, model, train
from .distil import lora_path
from .stage import once

CHECKPOINT = "tiny-sd15.safetensors"
# The names of the LoRAs that are published, by the stage that made them.
LORAS = {name: f"Hyper-SD15-{name}-lora-tiny" for name in ("1step", "2steps", "4steps", "8steps", "8steps-CFG")}


def publish(out: Path, device: str) -> None:
    """The checkpoint and its LoRAs under their published names, in ``out/model``."""
    folder = out / "model"
    folder.mkdir(exist_ok=True)
    once(shutil.copyfile, out / CHECKPOINT, folder / CHECKPOINT)
    for stage, name in LORAS.items():
        once(shutil.copyfile, lora_path(out, stage), folder / f"{name}.safetensors")


def webui_config(clip: Path) -> dict:
    """The model as CompVis' configuration describes it; ``clip`` holds the text encoder's configuration."""
    unet, vae = model.UNET, model.VAE

    def multiples(widths):
        return [width // widths[0] for width in widths]

    params = {
        "linear_start": train.BETAS[0],
        "linear_end": train.BETAS[1],
        "timesteps": train.TIMESTEPS,
        "num_timesteps_cond": 1,
        "first_stage_key": "jpg",
        "cond_stage_key": "txt",
        "image_size": unet["sample_size"],
        "channels": 4,
        "cond_stage_trainable": False,
        "conditioning_key": "crossattn",
        "scale_factor": model.SCALE,
        "use_ema": False,
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": {
                "image_size": 32,
                "in_channels": 4,
                "out_channels": 4,
                "model_channels": unet["block_out_channels"][0],
                "channel_mult": multiples(unet["block_out_channels"]),
                "num_res_blocks": unet["layers_per_block"],
                "attention_resolutions": [4, 2, 1],
                "num_heads": unet["attention_head_dim"],  # diffusers calls the number of heads so
                "use_spatial_transformer": True,
                "transformer_depth": 1,
                "context_dim": unet["cross_attention_dim"],
                "use_checkpoint": False,
                "legacy": False,
            },
        },
        "first_stage_config": {
            "target": "ldm.models.autoencoder.AutoencoderKL",
            "params": {
                "embed_dim": 4,
                "lossconfig": {"target": "torch.nn.Identity"},
                "ddconfig": {
                    "double_z": True,
                    "z_channels": 4,
                    "resolution": vae["sample_size"],
                    "in_channels": 3,
                    "out_ch": 3,
                    "ch": vae["block_out_channels"][0],
                    "ch_mult": multiples(vae["block_out_channels"]),
                    "num_res_blocks": vae["layers_per_block"],
                    "attn_resolutions": [],
                    "dropout": 0.0,
                },
            },
        },
        "cond_stage_config": {
            "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
            "params": {"version": str(clip)},
        },
    }
    return {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params}}


def install(source: Path, webui: Path) -> None:
    """Put checkpoint, its configurations, LoRAs and ControlNet where AUTOMATIC1111 and its ControlNet want them."""
    models = webui.resolve() / "models"
    checkpoints, loras, controlnets = models / "Stable-diffusion", models / "Lora", models / "ControlNet"
    clip = checkpoints / "tiny-clip"
    for folder in (clip, loras, controlnets):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / CHECKPOINT, checkpoints / CHECKPOINT)
    # JSON is YAML.
    (checkpoints / "tiny-sd15.yaml").write_text(json.dumps(webui_config(clip), indent=1))
    model.make_tokenizer(clip).save_pretrained(clip)
    CLIPTextConfig(**model.TEXT, architectures=["CLIPTextModel"]).save_pretrained(clip)
    for name in LORAS.values():
        shutil.copyfile(source / f"{name}.safetensors", loras / f"{name}.safetensors")
    shutil.copyfile(source / control.FILE, controlnets / control.FILE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny.export", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--webui", type=Path)
    parser.add_argument("--diffusers", type=Path)
    options = parser.parse_args()
    if options.webui:
        install(options.model, options.webui)
    if options.diffusers:
        write_config(options.diffusers, read_header(options.model / CHECKPOINT), "sd15")


if __name__ == "__main__":
    main()
