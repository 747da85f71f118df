"""Where the page's script asks."""

from collections.abc import Callable
from typing import Any

__all__ = ["add_routes"]

ROUTE = "/hypersd/v1/live"  # javascript/hypersd_live.js has it too
GRADIOS_ROUTE = "/config"  # what gradio's page is built from: who may see the page may ask here

Answer = Callable[[dict], dict]


def add_routes(app: Any, draw: Answer, interrupt: Answer, keep: Answer) -> None:
    """Let a gradio app answer the page, behind the same door as the page itself; without gradio there is none."""
    page = next((route for route in app.routes if getattr(route, "path", None) == GRADIOS_ROUTE), None)
    if page is None:
        return
    for path, answer in (("", draw), ("/interrupt", interrupt), ("/keep", keep)):
        app.add_api_route(ROUTE + path, answer, methods=["POST"], dependencies=page.dependencies)
