"""One request of the host, from Generate to its last step. What belongs to it lives on ``p._hypersd`` and nowhere else.

    OFF ───carry_out───▶ CARRIED_OUT ───confirm───▶ CONFIRMED ───prepare_pass───▶ the steps
     ▲                        │                      │     ▲
     │                        │                      └─────┘ confirm, for each further batch
     └────────take_back───────┴──────────────────────┘

``begin`` takes back what an earlier run has left, makes the plan and carries it out; where there is none, the request
stays OFF, with a sentence why. ``confirm`` takes it back when its LoRA is not in the model: all of it, or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from modules import sd_samplers

from ..plan import Plan, make_plan
from ..recipes import settings as panel
from ..sampling.names import BY_IMAGE_SIZE
from ..wording import OR, fill, join
from . import decoder, guidance, loading, loras, model, planning, samplers, schedules, second_pass, strength
from .notes import NOTE, note, refuse
from .settings_page import EXACT_STRENGTH_INFOTEXT

REFINER = "Refiner"  # the host's infotext key of a refiner that has taken over
# What a plan sets, by the host's name for it, as far as the host's request has it.
ATTRIBUTES = {
    "steps": "steps", "cfg_scale": "cfg", "distilled_cfg_scale": "distilled_cfg", "sampler_name": "sampler",
    "scheduler": "schedule", "eta": "eta", "hr_second_pass_steps": "hires_steps", "hr_cfg": "cfg",
    "hr_distilled_cfg": "distilled_cfg", "hr_scale": "hires_scale", "denoising_strength": "hires_strength",
    "hr_upscaler": "hires_upscaler",
}  # fmt: skip
PROMPTS = ("all_prompts", "all_hr_prompts")
TOO_LATE = fill("The refiner did not take over: none of these steps lies behind its switch. Have it switch earlier.")
INFOTEXT_KEYS = panel.list_keys()
# The host writes these two where a schedule is set, and leaves them where none is.
SCHEDULE_INFOTEXTS = ("Schedule type", "Hires schedule type")
STALE = (*INFOTEXT_KEYS, *samplers.ETA_INFOTEXTS, *SCHEDULE_INFOTEXTS, EXACT_STRENGTH_INFOTEXT, decoder.INFOTEXT, NOTE)


class Stage(Enum):
    OFF = auto()  # the request has the user's own values
    CARRIED_OUT = auto()  # it has the plan's
    CONFIRMED = auto()  # and the plan's LoRA is in the model


class State(NamedTuple):
    """What X/Y/Z axes have fixed, of ours and of the host's; the stage; the plan in force, with the values that it set
    and those that were there before. ``remarks`` are on passes that other extensions ran inside the request.

    It is replaced, never changed: cells of an X/Y/Z plot are shallow copies of one request.
    """

    fixed: Mapping[str, Any] = {}
    fixed_by_host: frozenset[str] = frozenset()
    stage: Stage = Stage.OFF
    plan: Plan | None = None
    values: Mapping[str, Any] = {}
    own: Mapping[str, Any] = {}
    remarks: tuple[str, ...] = ()


def get_state(p) -> State:
    return getattr(p, "_hypersd", None) or State()


def begin(p, args: Sequence) -> None:
    """Make the plan and set the request up for it (hook ``process``: the model is the request's, prompts are final)."""
    # Cells of an X/Y/Z plot share this dict, so what the last one wrote is removed even where nothing is to be done.
    for key in STALE:
        p.extra_generation_params.pop(key, None)

    take_back(p)  # scripts such as Loopback run the same request several times
    state = get_state(p)
    fixed = {ATTRIBUTES[name]: getattr(p, name) for name in state.fixed_by_host}
    settings, problems, comments = panel.read_settings(args, {**fixed, **state.fixed})
    if not settings.enabled:
        return note(p, comments)
    catalog = planning.load_recipes()
    comments = [*comments, *catalog.problems]
    checkpoint = model.find_loaded()
    if checkpoint is None:
        problems.append(fill("No checkpoint is loaded."))
    if problems or checkpoint is None:
        return refuse(p, join(problems), comments)

    settings = samplers.spell_as_host(settings)
    eta = None if "eta" in state.fixed_by_host else p.eta
    plan = make_plan(planning.read_processing(p, settings, checkpoint, catalog, eta), catalog)
    if plan.problem is not None:
        return refuse(p, plan.problem, comments)
    if problem := planning.find_obstacle_to(plan, p):
        return refuse(p, problem, comments)
    carry_out(p, plan, panel.make_infotext(settings, plan.recipe))
    # ADetailer has the hooks of a copy of the request run once more behind its own passes.
    note(p, [*comments, *plan.warnings, *state.remarks])


def carry_out(p, plan: Plan, infotext: dict[str, str]) -> None:
    """Set everything that the plan says on the request, and keep the user's own values."""
    # A host without schedules has no place for one, and our samplers read it there all the same.
    names = [name for name in ATTRIBUTES if name == "scheduler" or hasattr(p, name)]
    values = {name: getattr(plan, ATTRIBUTES[name]) for name in names}
    values = {name: value for name, value in values.items() if value is not None}
    if plan.adds_second_pass:
        values |= second_pass.list_values(p)
    if values.get("eta") == samplers.find_default_eta(plan.sampler):
        values["eta"] = None  # the sampler's own, and a sampler of the user's for another pass keeps that of its own
    for name in PROMPTS:
        prompts = values.get(name) or getattr(p, name, None)
        if prompts:
            values[name] = [plan.edit(prompt) for prompt in prompts]
    values["main_prompt"] = plan.edit(p.main_prompt)

    own = {name: getattr(p, name, None) for name in values}
    p._hypersd = get_state(p)._replace(stage=Stage.CARRIED_OUT, plan=plan, values=values, own=own)
    for name, value in values.items():
        setattr(p, name, value)
    p.extra_generation_params.update(infotext)


def take_back(p) -> None:
    """Give the request its own values again, wherever it has those of the plan."""
    loading.release(p)
    decoder.release(p)
    state = get_state(p)
    strip = state.plan.strip if state.plan else None
    for name, value in state.own.items():
        if getattr(p, name) == state.values[name]:
            setattr(p, name, value)
        elif strip and name in (*PROMPTS, "main_prompt") and getattr(p, name) == strip_each(strip, state.values[name]):
            setattr(p, name, strip_each(strip, value))  # the host has taken the comments out since
    if state.plan is not None:
        p._hypersd = state._replace(stage=Stage.OFF, plan=None, values={}, own={})


def strip_each(strip: Callable[[str], str], prompts):
    """A prompt or a list of them without comments."""
    return strip(prompts) if isinstance(prompts, str) else [strip(prompt) for prompt in prompts]


def keep_tags(p) -> None:
    """Put the tag back where another extension has rewritten the prompts since (hook ``before_process_batch``)."""
    state = get_state(p)
    if state.plan is None:
        return
    for name in ("prompts", *PROMPTS):
        prompts = getattr(p, name, None) or []
        edited = [state.plan.edit(prompt) for prompt in prompts]
        if edited != prompts:
            if name in state.own:
                own, values = {**state.own, name: [*prompts]}, {**state.values, name: edited}
                state = state._replace(own=own, values=values)
            prompts[:] = edited
    p._hypersd = state


def confirm(p) -> None:
    """Take the plan back if its LoRA is not in the model: never few steps without it (hook ``process_batch``)."""
    plan = get_state(p).plan
    if plan is None:
        return
    fit = None
    if plan.file is not None:
        loading.release(p)
        fit = loading.count_loaded(plan.file, p.sd_model)
        if fit is None or not fit.is_enough:
            return give_up(p, plan.file, fit)
        if planning.find_refiner(p):
            loading.keep_loaded(loading.name_for_refiner(plan.file), p)
    if plan.fast_decoding:
        decoder.release(p)
        decoder.use_in_second_pass(p)
    p._hypersd = get_state(p)._replace(stage=Stage.CONFIRMED)


def give_up(p, file: str, fit: loading.Fit | None) -> None:
    """Take the plan back, because of a LoRA that the host has loaded in part only or not at all."""
    # Some hosts load no LoRA at all if they miss one.
    missing = [name for name in loras.find_missing(p.all_prompts) if name != file]
    why = [fill("It has no LoRA called {names}.", names=join(missing, OR))] if missing else []
    why += [fill("It cannot read {tag}.", tag=str(tag)) for tag in loras.find_unreadable(p.all_prompts)]
    keys = list(INFOTEXT_KEYS)
    plan = get_state(p).plan
    if plan is not None and plan.adds_second_pass:
        keys += filter(second_pass.is_infotext, p.extra_generation_params)
    take_back(p)
    for key in keys:
        p.extra_generation_params.pop(key, None)
    if p.sampler is not None:  # img2img has made its sampler by now
        p.sampler = sd_samplers.create_sampler(p.sampler_name, p.sd_model)
    if fit is not None and fit.placed:
        partly = "The WebUI could load only {placed} of {layers} layers of {file}; its console says why."
        problem = fill(partly, placed=fit.placed, layers=fit.layers, file=file)
    else:
        problem = fill("The WebUI could not load {file}; its console says why.", file=file)
    refuse(p, join([problem, *why]))


def prepare_pass(p, x) -> None:
    """Set this pass's sampler up (hook ``process_before_every_sampling``; some hosts call it twice)."""
    if schedules.find_in_force(p.sampler, p) == BY_IMAGE_SIZE:
        schedules.keep_size(p.sampler.model_wrap, x)
    if get_state(p).stage is not Stage.CONFIRMED:
        return
    if not isinstance(p.sampler, samplers.FewStepSampler):  # which is exact by itself
        strength.make_exact(p.sampler)
    if p.cfg_scale == 1:
        guidance.skip_negative(p.sampler.model_wrap_cfg, p)


def decode(p, ps) -> None:
    """Decode the latents where the plan has a decoder for them (hook ``post_sample``)."""
    state = get_state(p)
    if state.stage is Stage.CONFIRMED and state.plan is not None and state.plan.fast_decoding:
        decoder.decode(p, ps)


def check_refiner(p) -> None:
    """Say that the refiner has not taken over, of which the host says nothing (hook ``postprocess_batch``).

    Of few steps none may lie behind the switch; Neo's goes by sigma (N:sd_samplers_common.py:221).
    """
    is_off = get_state(p).stage is not Stage.CONFIRMED
    if is_off or not planning.find_refiner(p) or REFINER in p.extra_generation_params:
        return
    if TOO_LATE not in p.extra_generation_params.get(NOTE, ""):
        note(p, [TOO_LATE])
