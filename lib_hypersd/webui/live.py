"""The tab with the live page, beside the host's own."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr
from modules import infotext_utils, script_callbacks

from ..live.markup import Page, render
from ..live.routes import add_routes
from . import callbacks, controlnet
from .api import make_printable
from .options import find_users_language, get_option
from .settings_page import LIVE_TAB

TARGETS = ("txt2img", "img2img")
HIDDEN = ["hypersd-hidden"]


def register(script: str | Path) -> None:
    """Have the tab built with the host's page, and answered; called again at every reload of the UI."""
    lists = script_callbacks.callback_map
    callbacks.add(lists["callbacks_ui_tabs"], "ui_tabs", build_tab, script)
    callbacks.add(lists["callbacks_app_started"], "app_started", answer_page, script)


def answer_page(demo, app) -> None:
    if get_option(LIVE_TAB, True):
        add_routes(app, *map(answer_with, ("draw", "interrupt", "keep")))


def answer_with(name: str) -> Callable[[dict], dict]:
    """What this function of ``live_pictures`` answers, in the language of who reads it.

    It is imported with the first picture: a WebUI's start does not pay for it.
    """

    def answer(payload: dict) -> dict:
        from ..live.answers import in_language
        from . import live_pictures

        return make_printable(in_language(getattr(live_pictures, name)(payload), find_users_language()))

    return answer


def build_tab() -> list[tuple]:
    """The tab with its title and id; none where the user does not want it."""
    if not get_option(LIVE_TAB, True):
        return []
    with gr.Blocks(analytics_enabled=False) as tab:
        gr.HTML(render(Page(targets=TARGETS, taesd=True, control_list=controlnet.LIST)))
        # The page's script puts a picture into these, and presses the button that has the host paste it.
        infotext, image = (
            gr.Textbox(lines=2, elem_id=f"hypersd_live_{name}", elem_classes=HIDDEN) for name in ("infotext", "image")
        )
        buttons = {name: gr.Button(name, elem_id=f"hypersd_live_{name}", elem_classes=HIDDEN) for name in TARGETS}
        for component in (infotext, image, *buttons.values()):
            component.do_not_save_to_config = True
        for name, button in buttons.items():
            infotext_utils.register_paste_params_button(
                infotext_utils.ParamBinding(
                    paste_button=button, tabname=name, source_text_component=infotext, source_image_component=image
                )
            )
    return [(tab, "Hyper-SD Live", "hypersd_live")]
