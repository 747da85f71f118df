"""Routes beside the host's own, where it has an API, and as well guarded."""

from collections.abc import Callable

from fastapi import HTTPException
from modules import script_callbacks

from ..source import Failed
from .downloads import DOWNLOADS

HOSTS_ROUTE = "/sdapi/v1/options"


def start_download(asked: dict) -> dict:
    """``{"id": …}`` of a recipe in the catalog: begin to fetch its file, or say how far that has come."""
    return find(asked.get("id"), DOWNLOADS.start).as_json()


def list_downloads() -> list[dict]:
    """All files that were asked for since the start."""
    return [download.as_json() for download in DOWNLOADS.all()]


def cancel_download(id: str) -> dict:
    """Stop fetching a recipe's file, and leave nothing of it behind."""
    download = find(id, DOWNLOADS.get)
    download.cancel()
    download.thread.join(timeout=5)
    return download.as_json()


def find(id, look: Callable):
    try:
        found = look(id) if isinstance(id, str) else None
    except Failed as failure:
        raise HTTPException(404, str(failure)) from None
    if found is None:
        raise HTTPException(404, "There is no download of that id.")
    return found


ROUTES = [
    ("POST", "/hypersd/v1/download", start_download),
    ("GET", "/hypersd/v1/downloads", list_downloads),
    ("DELETE", "/hypersd/v1/downloads/{id}", cancel_download),
]


def register() -> None:
    """Have the routes added once the host's server has started.

    The host's own functions for that look at the whole stack for the caller's name (55 ms on v1.10.1).
    """
    callback = script_callbacks.ScriptCallback(__file__, add_routes)
    if hasattr(callback, "name"):
        callback.name = "hypersd/api"  # by which such hosts sort
    script_callbacks.callback_map["callbacks_app_started"].append(callback)


def add_routes(demo, app) -> None:
    """Add the routes if the host has an API, behind whatever guards the host's own."""
    guarded = next((route for route in app.routes if getattr(route, "path", None) == HOSTS_ROUTE), None)
    if guarded is None:
        return
    for method, path, answer in ROUTES:
        app.add_api_route(path, answer, methods=[method], dependencies=guarded.dependencies)
