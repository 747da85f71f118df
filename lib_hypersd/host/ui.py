"""The panel in the host's tabs."""

import gradio as gr
from modules.infotext_utils import PasteField
from modules.ui_components import InputAccordion

from .. import panel
from . import loras, model
from .downloads import DOWNLOADS
from .request import recipes


def build(tab: str, prompt) -> tuple[list, list]:
    """The panel's controls, and what each becomes when an infotext is pasted."""
    surroundings = panel.Surroundings(recipes, model.selected, loras.files, loras.refresh, DOWNLOADS)
    built = panel.build(gr, InputAccordion, tab, surroundings, prompt)
    return built.controls, [PasteField(control, value) for control, value in built.paste]
