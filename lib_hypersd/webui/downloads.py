"""Downloads as the host's settings and folders have them, and what the API says of them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import HTTPException
from modules import paths, sd_models

from ..download.downloads import Downloads
from ..errors import HyperSDError
from ..recipes.catalog import Recipe
from . import loras
from .options import get_option, get_switch
from .settings_page import MIRROR, OFFLINE_FOLDER

if TYPE_CHECKING:
    from ..download.source import Source
    from ..download.transfer import Download


def choose_source() -> "Source":
    """The offline folder if one is set, else the mirror that is set, else the one of huggingface_hub's convention."""
    from ..download.source import HUB, Folder, Server

    folder, mirror = ((get_option(name) or "").strip() for name in (OFFLINE_FOLDER, MIRROR))
    return Folder(Path(folder)) if folder else Server(mirror or os.environ.get("HF_ENDPOINT") or HUB)


def choose_folder(recipe: Recipe) -> Path:
    """Where the host looks for LoRAs, or for checkpoints: in the first folder of its command line that is there."""
    if recipe.is_lora:
        # Without its built-in LoRA extension a host has no such switch.
        return choose_first([get_switch("lora_dir"), *get_switch("lora_dirs", ())]) or Path(paths.models_path) / "Lora"
    return choose_first([get_switch("ckpt_dir"), *get_switch("ckpt_dirs", ())]) or Path(sd_models.model_path)


def choose_first(folders: Iterable[str | None]) -> Path | None:
    return next((Path(folder) for folder in folders if folder), None)


def refresh(recipe: Recipe) -> None:
    """Let the host list what it has now."""
    if recipe.is_lora:
        loras.refresh()
    else:
        sd_models.list_models()


DOWNLOADS = Downloads(choose_source, choose_folder, refresh)


def start(wanted: dict) -> dict:
    """``{"id": …}`` of a recipe in the catalog: begin to fetch its file, or say how far that has come."""
    return find(wanted.get("id"), DOWNLOADS.start).as_json()


def list_all() -> list[dict]:
    """All that were requested since the start."""
    return [download.as_json() for download in DOWNLOADS.all()]


def cancel(recipe_id: str) -> dict:
    """Stop fetching a recipe's file, and leave nothing of it behind."""
    download = find(recipe_id, DOWNLOADS.get)
    download.cancel()
    download.thread.join(timeout=5)
    return download.as_json()


def find(recipe_id: object, find_download: "Callable[[str], Download | None]") -> "Download":
    try:
        found = find_download(recipe_id) if isinstance(recipe_id, str) else None
    except HyperSDError as failure:
        raise HTTPException(404, str(failure)) from None
    if found is None:
        raise HTTPException(404, "There is no download of that id.")
    return found
