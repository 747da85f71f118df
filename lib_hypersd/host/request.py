"""One request of the host: the plan is made, carried out whole, or taken back whole.

What belongs to a request lives on ``p._hypersd`` and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modules import paths, sd_samplers

from .. import settings as panel
from ..catalog import Catalog, load
from ..plan import Plan, Request, SecondPass, make_plan
from ..schedules import BY_IMAGE_SIZE
from . import guidance, loras, model, samplers, schedules, strength
from .options import EXACT_STRENGTH_INFOTEXT

NOTE = "Hyper-SD note"
# What a plan sets, by the host's name for it, as far as the host's request has it.
ATTRIBUTES = {
    "steps": "steps",
    "cfg_scale": "cfg",
    "distilled_cfg_scale": "distilled_cfg",
    "sampler_name": "sampler",
    "scheduler": "schedule",
    "eta": "eta",
    "hr_second_pass_steps": "hires_steps",
    "hr_cfg": "cfg",
    "hr_distilled_cfg": "distilled_cfg",
}
PROMPTS = ("all_prompts", "all_hr_prompts")
INFOTEXT_KEYS = panel.keys()
# The host writes these two where a schedule is set, and leaves them where none is.
SCHEDULE_INFOTEXTS = ("Schedule type", "Hires schedule type")
STALE = (*INFOTEXT_KEYS, *samplers.ETA_INFOTEXTS, *SCHEDULE_INFOTEXTS, EXACT_STRENGTH_INFOTEXT, NOTE)


@dataclass
class State:
    """What our X/Y/Z axes and the host's have fixed; the plan in force, what it set, and what was there before."""

    fixed: dict[str, Any] = field(default_factory=dict)
    fixed_by_host: frozenset[str] = frozenset()
    plan: Plan | None = None
    values: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)


def state(p) -> State:
    return getattr(p, "_hypersd", None) or State()


def recipes() -> Catalog:
    """The published recipes with the user's, from the folder where the host keeps its own settings."""
    return load(Path(paths.data_path) / "hypersd-recipes.json")


def begin(p, args: Sequence) -> None:
    """Make the plan and set the request up for it (hook ``process``: the model is the request's, prompts are final)."""
    # Cells of an X/Y/Z plot share this dict, so what the last one wrote is removed even where nothing is to be done.
    for key in STALE:
        p.extra_generation_params.pop(key, None)

    take_back(p)  # scripts such as Loopback run the same request several times
    now = state(p)
    fixed = {ATTRIBUTES[name]: getattr(p, name) for name in now.fixed_by_host}
    if p.eta is not None:
        fixed["eta"] = p.eta
    settings, problems, comments = panel.read(args, {**fixed, **now.fixed})
    if not settings.enabled:
        return
    for comment in comments:
        p.comment(comment)
    if problems:
        return refuse(p, " ".join(problems))

    catalog = recipes()
    for problem in catalog.problems:
        p.comment(problem)
    loaded = model.loaded()
    if loaded is None:
        return refuse(p, "No checkpoint is loaded.")
    standing = loras.standing_tag(catalog)
    prompts = [prompt + standing for name in PROMPTS for prompt in getattr(p, name, None) or []]
    refiner = getattr(p, "refiner_checkpoint_info", None)
    plan = make_plan(
        Request(settings, loaded, loras.files(catalog), prompts, second_pass(p), refiner and model.of_file(refiner)),
        catalog,
    )
    if plan.problem is not None:
        return refuse(p, plan.problem)
    if unknown := samplers.unknown(plan.sampler, plan.schedule):
        return refuse(p, unknown)
    if plan.file and p.disable_extra_networks:
        return refuse(p, "The request switches LoRAs off (disable_extra_networks).")
    carry_out(p, plan, panel.infotext(settings, plan.recipe))


def second_pass(p) -> SecondPass | None:
    """What the request says of its second pass, where it has one."""
    if not getattr(p, "enable_hr", False):
        return None
    return SecondPass(p.hr_second_pass_steps, p.hr_sampler_name, getattr(p, "hr_scheduler", None))


def refuse(p, problem: str) -> None:
    """Leave the request as the user made it, and say so in the UI and in the image."""
    p.comment(f"Hyper-SD was not applied, and your own settings were used. {problem}")
    p.extra_generation_params[NOTE] = f"not applied. {problem}"


def carry_out(p, plan: Plan, infotext: dict[str, str]) -> None:
    """Set everything the plan says on the request, remembering the user's own values."""
    # A host without schedules has no place for one, and our samplers look for it there all the same.
    names = [name for name in ATTRIBUTES if name == "scheduler" or hasattr(p, name)]
    values = {name: getattr(plan, ATTRIBUTES[name]) for name in names}
    values = {name: value for name, value in values.items() if value is not None}
    if values.get("eta") == samplers.default_eta(plan.sampler):
        values.pop("eta", None)  # left unset, a sampler of the user's for another pass keeps its own
    for name in PROMPTS:
        if getattr(p, name, None):
            values[name] = [plan.edit(prompt) for prompt in getattr(p, name)]
    values["main_prompt"] = plan.edit(p.main_prompt)

    p._hypersd = replace(state(p), plan=plan, values=values, own={name: getattr(p, name, None) for name in values})
    for name, value in values.items():
        setattr(p, name, value)
    for warning in plan.warnings:
        p.comment(warning)
    p.extra_generation_params.update(infotext)


def take_back(p) -> None:
    """Give the request its own values again, wherever it still has those of the plan."""
    loras.forget(p)
    now = state(p)
    for name, value in now.own.items():
        if getattr(p, name) == now.values[name]:
            setattr(p, name, value)
    if now.plan is not None:
        p._hypersd = replace(now, plan=None, values={}, own={})


def keep_tags(p) -> None:
    """Put the tag back where another extension has rewritten the prompts since (hook ``before_process_batch``)."""
    plan = state(p).plan
    if plan is not None:
        for name in ("prompts", *PROMPTS):
            prompts = getattr(p, name, None) or []
            prompts[:] = [plan.edit(prompt) for prompt in prompts]


def confirm(p) -> None:
    """Take the plan back if its LoRA is not in the model: never few steps without it (hook ``process_batch``)."""
    plan = state(p).plan
    if plan is None or plan.file is None:
        return
    loras.forget(p)
    if loras.is_loaded(plan.file, p.sd_model):
        if getattr(p, "refiner_checkpoint_info", None) is not None:
            loras.keep_loaded(plan.file, p)
        return
    # Some hosts load no LoRA at all if they miss one.
    missing = [name for name in loras.unknown(p.all_prompts) if name != plan.file]
    why = f" It has no LoRA called {' or '.join(missing)}." if missing else ""
    take_back(p)
    for key in INFOTEXT_KEYS:
        p.extra_generation_params.pop(key, None)
    if p.sampler is not None:  # img2img has made its sampler by now
        p.sampler = sd_samplers.create_sampler(p.sampler_name, p.sd_model)
    refuse(p, f"The WebUI could not load {plan.file}; its console says why.{why}")


def before_sampling(p, x) -> None:
    """Set this pass's sampler up (hook ``process_before_every_sampling``; some hosts call it twice)."""
    if schedules.in_force(p.sampler, p) == BY_IMAGE_SIZE:
        schedules.keep_size(p.sampler.model_wrap, x)
    if state(p).plan is None:
        return
    if not isinstance(p.sampler, samplers.FewStepSampler):  # which is exact by itself
        strength.make_exact(p.sampler)
    if p.cfg_scale == 1:
        guidance.positive_only(p.sampler.model_wrap_cfg, p)
