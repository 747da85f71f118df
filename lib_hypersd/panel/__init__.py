"""The panel: gradio controls for the user's settings, and what they come to before anybody presses Generate.

It decides nothing: every change of a control makes a plan and shows it. What differs between a WebUI and the playground
(the accordion, the model, the files) is passed in, so that one panel serves both.
"""

from .backend import Backend
from .controls import HELP, Panel, build
from .status import render_downloads, render_sentence, render_status

__all__ = ["HELP", "Backend", "Panel", "build", "render_downloads", "render_sentence", "render_status"]
