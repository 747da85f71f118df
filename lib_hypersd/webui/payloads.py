"""A payload of txt2img, read as the host reads it, without a request: for the panel, and for dry runs."""

from collections.abc import Mapping

from ..plan import Model, Request, SecondPass
from ..recipes.catalog import HYPER_SD, Catalog
from ..recipes.settings import Settings
from . import controlnet, model
from .planning import complete


def read_payload(payload: Mapping, prompt: str, given: Settings, selected: Model, catalog: Catalog) -> Request:
    """A payload as the planner reads it."""
    eta, refiner = payload.get("eta"), model.find_named(find_text(payload, "refiner_checkpoint"))
    eta = float(eta) if isinstance(eta, int | float) else None
    control = find_arguments(payload, controlnet.TITLE)[0]
    own = Request(
        given, selected, (), [prompt], second_pass=read_second_pass(payload), refiner=refiner, eta=eta,
        control_weights=controlnet.read_weights(control),
    )  # fmt: skip
    return complete(own, catalog)


def find_arguments(payload: Mapping, title: str = HYPER_SD) -> tuple[list, str | None]:
    """A script's arguments of a payload, ours by default, as the host finds them: by the title, in any case; and a
    sentence where the host would fail on them."""
    scripts = payload.get("alwayson_scripts")
    for name, given in scripts.items() if isinstance(scripts, Mapping) else ():
        if str(name).lower() == title.lower() and isinstance(given, Mapping) and "args" in given:
            args = given["args"]
            return (args, None) if isinstance(args, list) else ([], "“args” must be a list.")
    return [], None


def find_checkpoint_name(payload: Mapping) -> str | None:
    """The checkpoint that a payload names."""
    overridden = payload.get("override_settings")
    return find_text(overridden, "sd_model_checkpoint") if isinstance(overridden, Mapping) else None


def find_text(payload: Mapping, key: str) -> str | None:
    value = payload.get(key)
    return value if isinstance(value, str) and value else None


def read_second_pass(payload: Mapping) -> SecondPass | None:
    if not payload.get("enable_hr"):
        return None
    steps = payload.get("hr_second_pass_steps")
    return SecondPass(
        steps if isinstance(steps, int) and steps > 0 else 0,
        find_text(payload, "hr_sampler_name"),
        find_text(payload, "hr_scheduler"),
        model.find_named(find_text(payload, "hr_checkpoint_name")),
        *(payload.get(name) for name in ("hr_scale", "denoising_strength", "hr_upscaler")),
    )
