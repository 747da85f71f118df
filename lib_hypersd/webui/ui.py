"""The panel in the host's tabs."""

from pathlib import Path

import gradio as gr
from modules import paths
from modules.infotext_utils import PasteField
from modules.ui_components import InputAccordion

from ..panel import Backend
from ..panel import build as build_panel
from ..plan import File, Model, Request
from ..recipes.catalog import Catalog
from ..recipes.settings import Settings
from . import decoder, loras, memory, model, payloads, samplers
from .downloads import DOWNLOADS
from .options import find_users_language
from .planning import find_obstacle, load_recipes


def build(tab: str, prompt) -> tuple[list, list]:
    """The panel's controls, and what each becomes when an infotext is pasted."""
    built = build_panel(gr, InputAccordion, tab, make_backend(), prompt)
    return built.controls, [PasteField(control, value) for control, value in built.paste]


def make_backend() -> Backend:
    """The host behind the panel."""
    return Backend(
        load_recipes, model.find_selected, list_files, make_request, loras.refresh, DOWNLOADS,
        memory.remember, find_obstacle, read_last_infotext, decoder.has_any, find_users_language,
    )  # fmt: skip


def read_last_infotext() -> str:
    """The infotext of the last image, which the host keeps (A:processing.py:975); "" where it does not."""
    try:
        return (Path(paths.data_path) / "params.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def list_files(catalog: Catalog, checkpoint: Model | None) -> list[File]:
    """The LoRAs that the panel may offer."""
    return loras.find_at_hand(catalog, checkpoint).files


def make_request(settings: Settings, selected: Model, catalog: Catalog, prompt: str) -> Request:
    """The request that an image with these settings and this prompt would be."""
    return payloads.read_payload({}, prompt, samplers.spell_as_host(settings), selected, catalog)
