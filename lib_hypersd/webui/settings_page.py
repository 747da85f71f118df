"""The extension's page in the host's settings."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from modules import shared

from . import memory

TCD_ETA = "hypersd_tcd_eta"
TCD_ETA_INFOTEXT = "Eta TCD"
DEFAULT_ETA = 0.3
EXACT_STRENGTH = "hypersd_exact_strength"
EXACT_STRENGTH_INFOTEXT = "Exact strength"
MIRROR = "hypersd_mirror"
OFFLINE_FOLDER = "hypersd_offline_folder"
LIVE_TAB = "hypersd_live_tab"
SECTION = {"section": ("hypersd", "Hyper-SD"), "category_id": "sd"}


def register() -> None:
    """Add the settings page; called again at every reload of the UI."""
    add(
        TCD_ETA, DEFAULT_ETA, "Eta of the sampler TCD where neither the panel nor a request sets one",
        "0 adds no noise between steps, 1 restarts from the predicted image; lower keeps more detail",
        gr.Slider, {"minimum": 0.0, "maximum": 1.0, "step": 0.01}, infotext=TCD_ETA_INFOTEXT,
    )  # fmt: skip
    add(
        EXACT_STRENGTH, True,
        "In img2img and hires fix, start at exactly the strength and take as many steps as are set",
        "with Hyper-SD, TCD and DDIM-Trailing; without it, the WebUI takes a part of few steps only",
        infotext=EXACT_STRENGTH_INFOTEXT,
    )  # fmt: skip
    add(
        MIRROR, "", "Address of a mirror of huggingface.co to download LoRAs from",
        "empty: the environment variable HF_ENDPOINT, else https://huggingface.co; each file's SHA-256 is checked",
        gr.Textbox,
    )  # fmt: skip
    add(
        OFFLINE_FOLDER, "", "Folder to copy LoRAs from instead of downloading them",
        "with the published files under their own names; while it is set, nothing is fetched from the net", gr.Textbox,
    )  # fmt: skip
    add(LIVE_TAB, True, "The tab Hyper-SD Live", "counts from the next reload of the UI")
    add(
        memory.FORGET, [], "Checkpoints of which something is remembered; those that are ticked are forgotten",
        "it stands in hypersd-checkpoints.json, beside the WebUI's own settings",
        gr.CheckboxGroup, lambda: {"choices": list(memory.label_entries())}, onchange=memory.forget_ticked,
    )  # fmt: skip


def add(
    name: str, default: Any, label: str, info: str, component: Any = None, component_args: Any = None,
    onchange: Callable[[], None] | None = None, infotext: str | None = None,
) -> None:  # fmt: skip
    """Add an option with its explanation; without a component the host takes one by the default's type."""
    option = shared.OptionInfo(
        default, label, component, component_args, onchange=onchange, infotext=infotext, **SECTION
    )
    shared.opts.add_option(name, option.info(info))
