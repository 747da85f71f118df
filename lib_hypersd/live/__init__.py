"""The live page: its markup, what it asks for with every change, and what it is answered.

The page's script is ``javascript/hypersd_live.js``. Who serves the page makes the pictures: a WebUI or the playground.
"""

from .answers import INTERRUPTED, Picture, in_language, refuse, say, show, wait
from .markup import Page, render
from .redraw import Redraw, Unreadable, read_redraw
from .routes import add_routes

__all__ = [
    "INTERRUPTED",
    "Page",
    "Picture",
    "Redraw",
    "Unreadable",
    "add_routes",
    "in_language",
    "read_redraw",
    "refuse",
    "render",
    "say",
    "show",
    "wait",
]
