"""X/Y/Z axes of our own, and room for the host's."""

from collections.abc import Callable
from pathlib import Path

from modules import scripts

from ..recipes.settings import RECOMMENDED, VARIANTS
from .request import get_state

OFF, SWITCH = "Off", ["True", "False"]
# The host's axes whose values a plan would replace, and the attribute of the request that they set.
HOST_AXES = {
    "Steps": "steps", "CFG Scale": "cfg_scale", "Distilled CFG Scale": "distilled_cfg_scale",
    "Shift": "distilled_cfg_scale", "Sampler": "sampler_name", "Schedule type": "scheduler",
    "Hires steps": "hr_second_pass_steps", "Hires upscaler": "hr_upscaler", "Denoising": "denoising_strength",
    "Eta": "eta",
}  # fmt: skip


def register() -> None:
    """Add the axes to the host's X/Y/Z script, once per label; metadata.ini has that script loaded before ours."""
    module = next((s.module for s in scripts.scripts_data if Path(s.path).name == "xyz_grid.py"), None)
    if module is None:
        return
    options = module.axis_options
    present = {option.label for option in options}
    ours = (
        module.AxisOption("[Hyper-SD] Steps", int, fix("steps")),
        module.AxisOption("[Hyper-SD] Eta", float, fix("eta")),
        module.AxisOption("[Hyper-SD] Weight", float, fix("weight")),
        module.AxisOption("[Hyper-SD] Variant", str, fix("variant"), choices=lambda: [RECOMMENDED, *VARIANTS, OFF]),
        module.AxisOption("[Hyper-SD] Two passes", str, fix("two_pass"), choices=lambda: SWITCH),
        module.AxisOption("[Hyper-SD] Fast decoding", str, fix("fast_decoding"), choices=lambda: SWITCH),
    )
    options.extend(option for option in ours if option.label not in present)
    for option in options:
        name = HOST_AXES.get(option.label)
        if name and not hasattr(option.apply, "hypersd"):
            option.apply = wrap_axis(option.apply, name)


def fix(name: str) -> Callable:
    """An axis that fixes one of the panel's values and so switches Hyper-SD on for the cell, or off."""

    def apply(p, x, xs):
        fixed = get_state(p).fixed
        on = x != OFF and fixed.get("enabled", True)
        p._hypersd = get_state(p)._replace(fixed={**fixed, "enabled": on, **({name: x} if on else {})})

    return apply


def wrap_axis(apply: Callable, name: str) -> Callable:
    """The host's own axis, whose value is the user's from then on, so that no plan replaces it."""

    def apply_and_fix(p, x, xs):
        apply(p, x, xs)
        p._hypersd = get_state(p)._replace(fixed_by_host=get_state(p).fixed_by_host | {name})

    vars(apply_and_fix)["hypersd"] = True
    return apply_and_fix
