"""What other programs may ask: the catalog, the files, downloads, and the plan for a txt2img request that is not made.

The routes stand beside the host's own and have its authentication; a host without its API has none of them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from modules import script_callbacks

from ..files.library import as_json as file_as_json
from ..plan import as_json, make_plan, point_out
from ..recipes import settings as panel
from ..recipes.memory import CannotRemember, read_memory
from ..recipes.memory import as_json as entry_as_json
from . import callbacks, downloads, loras, memory, model, payloads, planning, samplers

HOSTS_ROUTE = "/sdapi/v1/txt2img"


def register(script: str | Path) -> None:
    """Have the routes added whenever the host has built its app; called again at every reload of the UI."""
    callbacks.add(script_callbacks.callback_map["callbacks_app_started"], "app_started", add_routes, script)


def add_routes(demo, app) -> None:
    """Put the routes into the host's app, behind the same door as its own; none where it has no API."""
    host = next((route for route in app.routes if getattr(route, "path", None) == HOSTS_ROUTE), None)
    if host is None:
        return
    for method, path, answer in ROUTES:
        app.add_api_route(path, answer, methods=[method], dependencies=host.dependencies)


def files(every: bool = False) -> dict[str, Any]:
    """The few-step LoRAs that the host has listed, and those that look like one and cannot be used.

    Args:
        every: all LoRAs, with what is known of them so far.
    """
    known = loras.list_all(planning.load_recipes())
    listed = [one for one in known if every or one.identification.recipe or one.identification.refused]
    return {"files": [printable(file_as_json(one)) for one in listed], "unread": sum(one.unread for one in known)}


def catalog() -> dict[str, Any]:
    """All recipes, in the order in which they are preferred, and what is wrong with the user's own."""
    read = planning.load_recipes()
    return {"recipes": [asdict(recipe) for recipe in read.recipes], "problems": list(read.problems)}


def plan(payload: dict) -> dict[str, Any]:
    """The plan for a payload of txt2img, which is not run; a ``problem`` in it says why none can be carried out.

    Read are the prompt, our arguments (where there are none, the panel is taken to be off), the checkpoint, eta, the
    refiner and the second pass. Nothing is loaded or changed.
    """
    args, problem = payloads.arguments(payload)
    given, problems, comments = panel.read(args)
    problems += [problem] if problem else []
    prompt = payload.get("prompt") or ""
    if not isinstance(prompt, str):
        problems.append("“prompt” must be a text.")
    selected = model.find_selected(payloads.checkpoint(payload))
    if selected is None:
        problems.append("The checkpoint is not loaded yet, and its file does not tell what it is.")
    if problems or selected is None:
        return {"enabled": given.enabled, "problem": " ".join(problems), "sentence": " ".join(problems)}

    read = planning.load_recipes()
    given = samplers.spell_as_host(given)
    request = payloads.read_payload(payload, prompt, given, selected, read)
    if not given.enabled:
        found = point_out(request, read)
        off = "Off. The request's own settings are used."
        return {"enabled": False, "problem": None, "sentence": " ".join([found or off, *comments])}
    made = make_plan(request, read)
    problem = planning.find_obstacle()
    if problem is None and made.problem is None:
        problem = samplers.find_unknown(made.sampler, made.schedule)
    if problem:
        return {"enabled": True, "problem": problem, "sentence": problem}
    return printable({"enabled": True, **as_json(made, prompt), "comments": comments})


def checkpoints() -> dict[str, Any]:
    """What is remembered of checkpoints, and what is wrong with the file in which it stands."""
    content = memory.store().read()
    return printable({"checkpoints": list(map(entry_as_json, content.entries)), "problem": content.problem})


def remember(payload: dict) -> dict[str, Any]:
    """Remember ``inside`` (a maker, "" for a plain checkpoint) and ``settings`` of ``checkpoint``, or of the selected
    one; what is left out is forgotten."""
    try:
        return printable(entry_as_json(memory.remember(read_memory(payload), payloads.text_in(payload, "checkpoint"))))
    except CannotRemember as error:
        raise HTTPException(422, str(error)) from None


def printable(value):
    """The same with every text in UTF-8: file names may hold bytes that are in no alphabet."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {printable(key): printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list | tuple) else value


ROUTES = [
    ("GET", "/hypersd/v1/files", files),
    ("GET", "/hypersd/v1/catalog", catalog),
    ("POST", "/hypersd/v1/plan", plan),
    ("GET", "/hypersd/v1/checkpoints", checkpoints),
    ("POST", "/hypersd/v1/checkpoint", remember),
    ("POST", "/hypersd/v1/download", downloads.start),
    ("GET", "/hypersd/v1/downloads", downloads.tell),
    ("DELETE", "/hypersd/v1/downloads/{recipe_id}", downloads.cancel),
]
