"""Downloads as the host's settings and folders have them, and what the API says of them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from fastapi import HTTPException
from modules import paths, sd_models

from ..download.downloads import Downloads
from ..download.source import HUB, Failed, Folder, Server, Source
from ..download.transfer import Download
from ..recipes.catalog import Recipe
from . import loras
from .options import option, switch
from .settings_page import MIRROR, OFFLINE_FOLDER


def source() -> Source:
    """The offline folder if one is set, else the mirror that is set, else the one of huggingface_hub's convention."""
    folder, mirror = ((option(name) or "").strip() for name in (OFFLINE_FOLDER, MIRROR))
    return Folder(Path(folder)) if folder else Server(mirror or os.environ.get("HF_ENDPOINT") or HUB)


def folder(recipe: Recipe) -> Path:
    """Where the host looks for LoRAs, or for checkpoints: in the first folder of its command line that is there."""
    if recipe.is_lora:
        # Without its built-in LoRA extension a host has no such switch.
        return first([switch("lora_dir"), *switch("lora_dirs", ())]) or Path(paths.models_path) / "Lora"
    return first([switch("ckpt_dir"), *switch("ckpt_dirs", ())]) or Path(sd_models.model_path)


def first(folders: Iterable[str | None]) -> Path | None:
    return next((Path(folder) for folder in folders if folder), None)


def refresh(recipe: Recipe) -> None:
    """Let the host list what it has now."""
    if recipe.is_lora:
        loras.refresh()
    else:
        sd_models.list_models()


DOWNLOADS = Downloads(source, folder, refresh)


def start(asked: dict) -> dict:
    """``{"id": …}`` of a recipe in the catalog: begin to fetch its file, or say how far that has come."""
    return find(asked.get("id"), DOWNLOADS.start).as_json()


def tell() -> list[dict]:
    """All files that were asked for since the start."""
    return [download.as_json() for download in DOWNLOADS.all()]


def cancel(recipe_id: str) -> dict:
    """Stop fetching a recipe's file, and leave nothing of it behind."""
    download = find(recipe_id, DOWNLOADS.get)
    download.cancel()
    download.thread.join(timeout=5)
    return download.as_json()


def find(recipe_id: object, look: Callable[[str], Download | None]) -> Download:
    try:
        found = look(recipe_id) if isinstance(recipe_id, str) else None
    except Failed as failure:
        raise HTTPException(404, str(failure)) from None
    if found is None:
        raise HTTPException(404, "There is no download of that id.")
    return found
