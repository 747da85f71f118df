"""The extension's page in the host's settings."""

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
SECTION = {"section": ("hypersd", "Hyper-SD"), "category_id": "sd"}


def register() -> None:
    """Add the settings page; called again at every reload of the UI."""
    shared.opts.add_option(
        TCD_ETA,
        shared.OptionInfo(
            DEFAULT_ETA,
            "Eta of the sampler TCD where neither the panel nor a request sets one",
            gr.Slider,
            {"minimum": 0.0, "maximum": 1.0, "step": 0.01},
            infotext=TCD_ETA_INFOTEXT,
            **SECTION,
        ).info("0 adds no noise between steps, 1 restarts from the predicted image; lower keeps more detail"),
    )
    shared.opts.add_option(
        EXACT_STRENGTH,
        shared.OptionInfo(
            True,
            "In img2img and hires fix, start at exactly the strength and take as many steps as are set",
            infotext=EXACT_STRENGTH_INFOTEXT,
            **SECTION,
        ).info("with Hyper-SD, TCD and DDIM-Trailing; without it, the WebUI takes a part of few steps only"),
    )
    shared.opts.add_option(
        MIRROR,
        shared.OptionInfo(
            "", "Address of a mirror of huggingface.co to download LoRAs from", gr.Textbox, **SECTION
        ).info(
            "empty: the environment variable HF_ENDPOINT, else https://huggingface.co; each file's SHA-256 is checked"
        ),
    )
    shared.opts.add_option(
        OFFLINE_FOLDER,
        shared.OptionInfo("", "Folder to copy LoRAs from instead of downloading them", gr.Textbox, **SECTION).info(
            "with the published files under their own names; while it is set, nothing is fetched from the net"
        ),
    )
    shared.opts.add_option(
        memory.FORGET,
        shared.OptionInfo(
            [],
            "Checkpoints of which something is remembered; those that are ticked are forgotten",
            gr.CheckboxGroup,
            lambda: {"choices": list(memory.labels())},
            onchange=memory.forget_ticked,
            **SECTION,
        ).info("it stands in hypersd-checkpoints.json, beside the WebUI's own settings"),
    )
