"""One request of the host: the plan is made, carried out whole, or taken back whole.

What belongs to a request lives on ``p._hypersd`` and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modules import paths, sd_samplers

from ..plan import Model, Plan, Request, SecondPass, make_plan
from ..recipes import settings as panel
from ..recipes.catalog import Catalog, load_catalog
from ..sampling.names import BY_IMAGE_SIZE
from . import guidance, loading, loras, model, samplers, schedules, strength
from .settings_page import EXACT_STRENGTH_INFOTEXT
from .surroundings import request_of

NOTE = "Hyper-SD note"
REFINER = "Refiner"  # the host's infotext key of a refiner that has taken over
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
    """What our X/Y/Z axes and the host's have fixed; the plan in force, what it set, and what was there before.

    ``remarks`` are on passes that others ran inside the request.
    """

    fixed: dict[str, Any] = field(default_factory=dict)
    fixed_by_host: frozenset[str] = frozenset()
    plan: Plan | None = None
    values: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def state(p) -> State:
    return getattr(p, "_hypersd", None) or State()


def recipes() -> Catalog:
    """The published recipes with the user's, from the folder where the host keeps its own settings."""
    return load_catalog(Path(paths.data_path) / "hypersd-recipes.json")


def begin(p, args: Sequence) -> None:
    """Make the plan and set the request up for it (hook ``process``: the model is the request's, prompts are final)."""
    # Cells of an X/Y/Z plot share this dict, so what the last one wrote is removed even where nothing is to be done.
    for key in STALE:
        p.extra_generation_params.pop(key, None)

    take_back(p)  # scripts such as Loopback run the same request several times
    now = state(p)
    fixed = {ATTRIBUTES[name]: getattr(p, name) for name in now.fixed_by_host}
    settings, problems, comments = panel.read(args, {**fixed, **now.fixed})
    if not settings.enabled:
        return note(p, comments)
    catalog = recipes()
    comments = [*comments, *catalog.problems]
    loaded = model.loaded()
    if loaded is None:
        problems.append("No checkpoint is loaded.")
    if problems or loaded is None:
        return refuse(p, " ".join(problems), comments)

    settings = samplers.in_hosts_words(settings)
    plan = make_plan(describe(p, settings, loaded, catalog, "eta" in now.fixed_by_host), catalog)
    if plan.problem is not None:
        return refuse(p, plan.problem, comments)
    if problem := obstacle(p, plan):
        return refuse(p, problem, comments)
    carry_out(p, plan, panel.infotext(settings, plan.recipe))
    # ADetailer has the hooks of a copy of the request run once more behind its own passes.
    note(p, [*comments, *plan.warnings, *now.remarks])


def obstacle(p, plan: Plan) -> str | None:
    """What keeps this host or this request from carrying a plan out, as a sentence."""
    if plan.file and p.disable_extra_networks:
        return "The request switches LoRAs off (disable_extra_networks)."
    if plan.file and refiner_of(p):
        name = loading.name_for_refiner(plan.file)
        if name not in loras.names():
            return f"For the refiner, the option “Lora Replacements” asks for {name}, and the WebUI has no such LoRA."
    return samplers.unknown(plan.sampler, plan.schedule)


def refiner_of(p):
    """What the host has listed of the checkpoint that takes over in the middle, None without one."""
    return getattr(p, "refiner_checkpoint_info", None)


def describe(p, settings: panel.Settings, loaded: Model, catalog: Catalog, eta_is_fixed: bool) -> Request:
    """The host's request as a plan wants to know it."""
    refiner = refiner_of(p)
    return request_of(
        settings,
        loaded,
        catalog,
        [prompt for name in PROMPTS for prompt in getattr(p, name, None) or []],
        second_pass(p),
        model.of_file(refiner) if refiner else None,
        None if eta_is_fixed else p.eta,
    )


def second_pass(p) -> SecondPass | None:
    """What the request says of its second pass, where it has one."""
    if not getattr(p, "enable_hr", False):
        return None
    other = model.named(getattr(p, "hr_checkpoint_name", None))
    return SecondPass(p.hr_second_pass_steps, p.hr_sampler_name, getattr(p, "hr_scheduler", None), other)


def note(p, sentences: Sequence[str]) -> None:
    """Say something of the request: on the page, and in the image, since clients of the API get no more than that."""
    for sentence in sentences:
        p.comment(sentence)
    if sentences:
        before = p.extra_generation_params.get(NOTE)
        p.extra_generation_params[NOTE] = " ".join(filter(None, (before, *sentences)))


def refuse(p, problem: str, sentences: Sequence[str] = ()) -> None:
    """Leave the request as the user made it, and say so in the UI and in the image."""
    p.comment(f"Hyper-SD was not applied, and your own settings were used. {problem}")
    p.extra_generation_params[NOTE] = f"not applied. {problem}"
    note(p, sentences)


def carry_out(p, plan: Plan, infotext: dict[str, str]) -> None:
    """Set everything the plan says on the request, remembering the user's own values."""
    # A host without schedules has no place for one, and our samplers look for it there all the same.
    names = [name for name in ATTRIBUTES if name == "scheduler" or hasattr(p, name)]
    values = {name: getattr(plan, ATTRIBUTES[name]) for name in names}
    values = {name: value for name, value in values.items() if value is not None}
    if values.get("eta") == samplers.default_eta(plan.sampler):
        values["eta"] = None  # the sampler's own, and a sampler of the user's for another pass keeps that of its own
    for name in PROMPTS:
        if getattr(p, name, None):
            values[name] = [plan.edit(prompt) for prompt in getattr(p, name)]
    values["main_prompt"] = plan.edit(p.main_prompt)

    p._hypersd = replace(state(p), plan=plan, values=values, own={name: getattr(p, name, None) for name in values})
    for name, value in values.items():
        setattr(p, name, value)
    p.extra_generation_params.update(infotext)


def take_back(p) -> None:
    """Give the request its own values again, wherever it still has those of the plan."""
    loading.forget(p)
    now = state(p)
    strip = now.plan.strip if now.plan else None
    for name, value in now.own.items():
        if getattr(p, name) == now.values[name]:
            setattr(p, name, value)
        elif strip and name in (*PROMPTS, "main_prompt") and getattr(p, name) == visible(now.values[name], strip):
            setattr(p, name, visible(value, strip))  # the host has stripped them since
    if now.plan is not None:
        p._hypersd = replace(now, plan=None, values={}, own={})


def visible(prompts, strip: Callable[[str], str]):
    """A prompt or a list of them without comments."""
    return strip(prompts) if isinstance(prompts, str) else [strip(prompt) for prompt in prompts]


def keep_tags(p) -> None:
    """Put the tag back where another extension has rewritten the prompts since (hook ``before_process_batch``)."""
    now = state(p)
    if now.plan is None:
        return
    for name in ("prompts", *PROMPTS):
        prompts = getattr(p, name, None) or []
        edited = [now.plan.edit(prompt) for prompt in prompts]
        if edited != prompts:
            if name in now.own:
                now = replace(now, own={**now.own, name: [*prompts]}, values={**now.values, name: edited})
            prompts[:] = edited
    p._hypersd = now


def confirm(p) -> None:
    """Take the plan back if its LoRA is not in the model: never few steps without it (hook ``process_batch``)."""
    plan = state(p).plan
    if plan is None or plan.file is None:
        return
    loading.forget(p)
    fit = loading.loaded_layers(plan.file, p.sd_model)
    if loading.is_enough(fit):
        if refiner_of(p):
            loading.keep_loaded(loading.name_for_refiner(plan.file), p)
        return
    # Some hosts load no LoRA at all if they miss one.
    missing = [name for name in loras.unknown(p.all_prompts) if name != plan.file]
    why = f" It has no LoRA called {' or '.join(missing)}." if missing else ""
    why += "".join(f" It cannot read {tag}." for tag in loras.unreadable(p.all_prompts))
    take_back(p)
    for key in INFOTEXT_KEYS:
        p.extra_generation_params.pop(key, None)
    if p.sampler is not None:  # img2img has made its sampler by now
        p.sampler = sd_samplers.create_sampler(p.sampler_name, p.sd_model)
    if fit is not None and fit.placed:
        share = f"{fit.placed} of {fit.layers}"
        return refuse(p, f"The WebUI could load only {share} layers of {plan.file}; its console says why.{why}")
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


def after_sampling(p) -> None:
    """Say that the refiner has not come to work, of which the host says nothing (hook ``postprocess_batch``).

    Of few steps none may lie behind the switch; Neo's goes by sigma (N:sd_samplers_common.py:221).
    """
    if state(p).plan is None or not refiner_of(p) or REFINER in p.extra_generation_params:
        return
    sentence = "The refiner did not take over: none of these steps lies behind its switch. Have it switch earlier."
    if sentence not in p.extra_generation_params.get(NOTE, ""):
        note(p, [sentence])
