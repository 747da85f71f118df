"""What AUTOMATIC1111 reads of the tiny checkpoints: a config file of its own, and what is changed in it."""

from pathlib import Path

import yaml

from tests.live.tokenizers import write_json

V1, V1_INPAINTING = "configs/v1-inference.yaml", "configs/v1-inpainting-inference.yaml"
XL = "repositories/generative-models/configs/inference/sd_xl_base.yaml"
SMALL_V1 = {
    "unet_config.params": {"model_channels": 32, "context_dim": 64, "num_heads": 4},
    "first_stage_config.params.ddconfig": {"ch": 32},
    "cond_stage_config": {"params": {"version": "hypersd/small-clip"}},
}
V_PREDICTION = {"": {"parameterization": "v"}}


def small_xl(middle: int) -> dict[str, dict]:
    sizes = {"model_channels": 32, "num_head_channels": 32, "adm_in_channels": 1792}
    return {
        "network_config.params": {**sizes, "transformer_depth": [1, 1, 1], "transformer_depth_middle": middle},
        "first_stage_config.params.ddconfig": {"ch": 32},
        "conditioner_config.params.emb_models.0.params": {"version": "hypersd/wide-clip", "layer": "last"},
        "conditioner_config.params.emb_models.1.params": {"arch": "ViT-S-32-alt"},
    }


CONFIGS = {
    "tiny-sd15": (V1, SMALL_V1),
    "tiny_4SHyper": (V1, SMALL_V1),
    "tiny-sd15-two": (V1, SMALL_V1),
    "tiny-sd15-v": (V1, SMALL_V1 | V_PREDICTION),
    "tiny-sd15-zero-snr": (V1, SMALL_V1 | V_PREDICTION),
    "tiny-sd15-inpainting": (V1_INPAINTING, SMALL_V1),
    "tiny-sdxl": (XL, small_xl(middle=10)),
    "tiny-sdxl-fp8": (XL, small_xl(middle=10)),
    "tiny-sdxl-pruned": (XL, small_xl(middle=1)),
}


def write_config(webui: Path, path: Path, base: str, changes: dict[str, dict]) -> None:
    config = yaml.safe_load((webui / base).read_text(encoding="utf-8"))
    for place, change in changes.items():
        node = config["model"]["params"]
        for step in filter(None, place.split(".")):
            node = node[int(step) if step.isdigit() else step]
        node.update(change)
    write_json(path, config)  # which is YAML, too
