"""The routes for other programs: the catalog, the files, downloads, and the plan for a txt2img request that is not run.

The routes stand beside the host's own and have its authentication; a host without its API has none of them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from modules import script_callbacks

from ..files.library import lora_as_json
from ..plan import make_plan, plan_as_json, point_out
from ..recipes import settings as panel
from ..recipes.memory import CannotRemember, entry_as_json, read_memory
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


def list_files(every: bool = False) -> dict[str, Any]:
    """The few-step LoRAs that the host has listed, and those that look like one and cannot be used.

    Args:
        every: all LoRAs, as far as they have been read.
    """
    everything = loras.list_all(planning.load_recipes())
    few_step = [lora for lora in everything if lora.identification.recipe or lora.identification.refused]
    listed = [make_printable(lora_as_json(lora)) for lora in (everything if every else few_step)]
    return {"files": listed, "unread": sum(lora.unread for lora in everything)}


def list_recipes() -> dict[str, Any]:
    """All recipes, in the order in which they are preferred, and what is wrong with the user's own."""
    catalog = planning.load_recipes()
    return {"recipes": [asdict(recipe) for recipe in catalog.recipes], "problems": list(catalog.problems)}


def plan_payload(payload: dict) -> dict[str, Any]:
    """The plan for a payload of txt2img, which is not run; its ``problem`` is why none can be carried out.

    Read are the prompt, our arguments (where there are none, the panel is taken to be off), the checkpoint, eta, the
    refiner and the second pass. Nothing is loaded or changed.
    """
    args, problem = payloads.find_arguments(payload)
    given, problems, comments = panel.read_settings(args)
    problems += [problem] if problem else []
    prompt = payload.get("prompt") or ""
    if not isinstance(prompt, str):
        problems.append("“prompt” must be a text.")
    selected = model.find_selected(payloads.find_checkpoint_name(payload))
    if selected is None:
        problems.append("The checkpoint is not loaded yet, and its file does not tell what it is.")
    if problems or selected is None:
        return {"enabled": given.enabled, "problem": " ".join(problems), "sentence": " ".join(problems)}

    catalog = planning.load_recipes()
    given = samplers.spell_as_host(given)
    request = payloads.read_payload(payload, prompt, given, selected, catalog)
    if not given.enabled:
        sentence = point_out(request, catalog) or "Off. The request's own settings are used."
        return {"enabled": False, "problem": None, "sentence": " ".join([sentence, *comments])}
    plan = make_plan(request, catalog)
    problem = planning.find_obstacle()
    if problem is None and plan.problem is None:
        problem = samplers.find_unknown(plan.sampler, plan.schedule)
    if problem:
        return {"enabled": True, "problem": problem, "sentence": problem}
    return make_printable({"enabled": True, **plan_as_json(plan, prompt), "comments": comments})


def list_checkpoints() -> dict[str, Any]:
    """What is remembered of checkpoints, and what is wrong with the file in which it stands."""
    content = memory.get_store().read()
    return make_printable({"checkpoints": list(map(entry_as_json, content.entries)), "problem": content.problem})


def remember(payload: dict) -> dict[str, Any]:
    """Remember ``inside`` (a maker, "" for a plain checkpoint) and ``settings`` of ``checkpoint``, or of the selected
    one; what is left out is forgotten."""
    try:
        entry = memory.remember(read_memory(payload), payloads.find_text(payload, "checkpoint"))
    except CannotRemember as error:
        raise HTTPException(422, str(error)) from None
    return make_printable(entry_as_json(entry))


def make_printable(value):
    """The same with every text in UTF-8: file names may hold bytes that are in no alphabet."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {make_printable(key): make_printable(item) for key, item in value.items()}
    return [make_printable(item) for item in value] if isinstance(value, list | tuple) else value


ROUTES = [
    ("GET", "/hypersd/v1/files", list_files),
    ("GET", "/hypersd/v1/catalog", list_recipes),
    ("POST", "/hypersd/v1/plan", plan_payload),
    ("GET", "/hypersd/v1/checkpoints", list_checkpoints),
    ("POST", "/hypersd/v1/checkpoint", remember),
    ("POST", "/hypersd/v1/download", downloads.start),
    ("GET", "/hypersd/v1/downloads", downloads.list_all),
    ("DELETE", "/hypersd/v1/downloads/{recipe_id}", downloads.cancel),
]
