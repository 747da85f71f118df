"""Downloads as the host's settings and folders have them."""

import os
from pathlib import Path

from modules import paths, sd_models, shared

from ..catalog import Recipe
from ..download import Downloads
from ..source import HUB, Folder, Server, Source
from . import loras
from .options import MIRROR, OFFLINE_FOLDER


def source() -> Source:
    """The offline folder if one is set, else the mirror that is set, else the one of huggingface_hub's convention."""
    folder, mirror = ((getattr(shared.opts, name) or "").strip() for name in (OFFLINE_FOLDER, MIRROR))
    return Folder(Path(folder)) if folder else Server(mirror or os.environ.get("HF_ENDPOINT") or HUB)


def folder(recipe: Recipe) -> Path:
    """Where the host looks for LoRAs, or for checkpoints."""
    if recipe.is_lora:
        # Without its built-in LoRA extension a host has no such option.
        return Path(getattr(shared.cmd_opts, "lora_dir", None) or Path(paths.models_path) / "Lora")
    return Path(shared.cmd_opts.ckpt_dir or sd_models.model_path)


def refresh(recipe: Recipe) -> None:
    """Let the host list what it has now."""
    if recipe.is_lora:
        loras.refresh()
    else:
        sd_models.list_models()


DOWNLOADS = Downloads(source, folder, refresh)
