"""The panel in the host's tabs."""

import gradio as gr
from modules.infotext_utils import PasteField
from modules.ui_components import InputAccordion

from ..panel import Surroundings, build as build_panel
from . import loras, model
from .request import recipes


def build(tab: str, prompt) -> tuple[list, list]:
    """The panel's controls, and what each becomes when an infotext is pasted."""
    panel = build_panel(gr, InputAccordion, tab, Surroundings(recipes, model.loaded, loras.files), prompt)
    return panel.controls, [PasteField(control, value) for control, value in panel.paste]
