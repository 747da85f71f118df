"""The finished LoRA as WebUIs load it: kohya's naming, half precision, and metadata that say what it is."""

import json
from functools import cache
from pathlib import Path

import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_kohya

from ..files.declared import KEY, declaration, fingerprint
from ..files.library import hashes_of
from .base import Base
from .options import Options, recipe_of
from .stages import Stage
from .writing import save_tensors

__all__ = ["metadata_of", "result_path", "write_result"]


def result_path(options: Options, stage: Stage) -> Path:
    checkpoint = options.checkpoint
    name = checkpoint.name if checkpoint.is_dir() else checkpoint.stem
    return options.out / f"{name}-Hyper-{stage.name}.safetensors"


def write_result(state: dict[str, torch.Tensor], options: Options, base: Base, stage: Stage) -> Path:
    """Write the LoRA of a finished stage from an adapter's tensors by peft's names; its path."""
    tensors = convert_state_dict_to_kohya({f"unet.{name}": tensor for name, tensor in state.items()})
    path = result_path(options, stage)
    halves = {name: tensor.detach().half().cpu() for name, tensor in tensors.items()}
    save_tensors(halves, path, metadata_of(options, base, stage, path.stem))
    return path


@cache
def sha256_of(checkpoint: Path) -> str:
    return hashes_of(str(checkpoint))[0]


def metadata_of(options: Options, base: Base, stage: Stage, title: str) -> dict[str, str]:
    """What trainers write of a LoRA, what our files.declared reads, and how it was distilled."""
    checkpoint = options.checkpoint
    is_file = checkpoint.is_file()
    steps = {"steps_min": 1 if stage.kind == "unified" else stage.most_steps, "steps_max": stage.most_steps}
    return {
        "format": "pt",
        "modelspec.title": title,
        "ss_sd_model_name": checkpoint.name,
        **({"ss_new_sd_model_hash": sha256_of(checkpoint)} if is_file else {}),
        "ss_network_dim": str(options.rank),
        "ss_network_alpha": str(options.rank),
        "ss_network_module": "networks.lora",
        KEY: declaration(base.family, stage.kind, **steps, base=fingerprint(str(checkpoint)) if is_file else ""),
        "hypersd.distilled": json.dumps(recipe_of(options)),
    }
