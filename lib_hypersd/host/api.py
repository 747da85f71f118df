"""What other programs may ask: the catalog, the files, downloads, and the plan for a txt2img request that is not made.

The routes stand beside the host's own and have its authentication; a host without its API has none of them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modules import script_callbacks

from .. import settings as panel
from ..catalog import HYPER_SD
from ..library import as_json as known_as_json
from ..plan import Request, SecondPass, as_json, make_plan, point_out
from . import downloads, loras, model, samplers
from .request import recipes

HOSTS_ROUTE = "/sdapi/v1/txt2img"


def register(script: str | Path) -> None:
    """Have the routes added whenever the host has made its app; called again at every reload of the UI.

    ``script_callbacks.on_app_started`` would inspect the whole stack for the name of the script, 55 ms on v1.10.1; told
    that name, its inner function does not. Where it takes none, the entry is put into its list.
    """
    callbacks = script_callbacks.callback_map["callbacks_app_started"]
    try:
        script_callbacks.add_callback(callbacks, add_routes, category="app_started", filename=str(script))
    except TypeError:
        callbacks.append(script_callbacks.ScriptCallback(str(script), add_routes))


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
    known = loras.everything(recipes())
    listed = [one for one in known if every or one.identification.recipe or one.identification.refused]
    return {"files": [printable(known_as_json(one)) for one in listed], "unread": sum(one.unread for one in known)}


def catalog() -> dict[str, Any]:
    """All recipes, in the order in which they are preferred, and what is wrong with the user's own."""
    read = recipes()
    return {"recipes": [asdict(recipe) for recipe in read.recipes], "problems": list(read.problems)}


def plan(payload: dict) -> dict[str, Any]:
    """The plan for a payload of txt2img, which is not run; a ``problem`` in it says why none can be carried out.

    Read are the prompt, our arguments (where there are none, the panel is taken to be off), the checkpoint, eta and
    the second pass. Nothing is loaded or changed.
    """
    given, problems, comments = panel.read(
        arguments(payload), {} if payload.get("eta") is None else {"eta": payload["eta"]}
    )
    prompt = payload.get("prompt") or ""
    if not isinstance(prompt, str):
        problems.append("“prompt” must be a text.")
    overridden = payload.get("override_settings") or {}
    checkpoint = overridden.get("sd_model_checkpoint") if isinstance(overridden, Mapping) else None
    selected = model.selected(checkpoint if isinstance(checkpoint, str) else None)
    if selected is None:
        problems.append("The checkpoint is not loaded yet, and its file does not tell what it is.")
    if problems or selected is None:
        return {"enabled": given.enabled, "problem": " ".join(problems), "sentence": " ".join(problems)}

    read = recipes()
    prompts = (prompt + loras.standing_tag(read),)
    request = Request(given, selected, loras.files(read), prompts, second_pass(payload))
    if not given.enabled:
        found = point_out(request, read)
        return {"enabled": False, "problem": None, "sentence": found or "Off. The request's own settings are used."}
    made = make_plan(request, read)
    problem = samplers.unknown(made.sampler, made.schedule) if made.problem is None else None
    if problem:
        return {"enabled": True, "problem": problem, "sentence": problem}
    return printable({"enabled": True, **as_json(made, prompt), "comments": comments})


def arguments(payload: Mapping) -> list:
    """Our arguments of a payload, as the host finds them: by the script's title, in any case."""
    scripts = payload.get("alwayson_scripts")
    for title, given in scripts.items() if isinstance(scripts, Mapping) else ():
        if str(title).lower() == HYPER_SD.lower() and isinstance(given, Mapping):
            args = given.get("args")
            return args if isinstance(args, list) else []
    return []


def second_pass(payload: Mapping) -> SecondPass | None:
    if not payload.get("enable_hr"):
        return None
    steps = payload.get("hr_second_pass_steps")
    names = [payload.get(f"hr_{name}") for name in ("sampler_name", "scheduler")]
    return SecondPass(
        steps if isinstance(steps, int) and steps > 0 else 0, *(n if isinstance(n, str) and n else None for n in names)
    )


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
    ("POST", "/hypersd/v1/download", downloads.start),
    ("GET", "/hypersd/v1/downloads", downloads.tell),
    ("DELETE", "/hypersd/v1/downloads/{id}", downloads.cancel),
]
