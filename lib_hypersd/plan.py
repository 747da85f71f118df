"""From what is asked and what is at hand to one plan: which file, weight, steps, CFG, sampler, schedule and eta.

Every face of the extension (panel, prompt tag, API, X/Y/Z, command line) makes its plan here and decides nothing
itself. A plan is carried out whole or there is none, and a sentence why. What the user has fixed always wins.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from . import tags
from .catalog import FAMILIES, HYPER_SD, LOOKALIKES, Catalog, Recipe
from .identify import called, identify, named_family
from .names import distillation_of
from .settings import BY_IMAGE_SIZE, VARIANTS, Settings
from .wording import done, in_range, in_steps, missing, spans

__all__ = [
    "MORE_DETAIL",
    "File",
    "Model",
    "NoPlan",
    "Plan",
    "Request",
    "SecondPass",
    "as_json",
    "make_plan",
    "point_out",
]

FAVOURITE_STEPS = 8
MORE_DETAIL = 0.3
VARIANT_KINDS = {
    "fixed": ("fixed", "distilled-cfg"),
    "unified": ("unified",),
    "cfg": ("cfg",),
    "merged": ("merged", "unet"),
}
IN_WORDS = {"cfg": "CFG-preserved ", "unified": "unified ", "fixed": "fixed-step "}


@dataclass(frozen=True)
class File:
    """A LoRA at hand: the name and other names a prompt may call it by, and its recipe where that is known.

    ``superseded``: it is an edition that its authors have replaced since. ``family`` is the one that its layers are
    made for, of ``catalog.FAMILIES`` or ``LOOKALIKES``, where they tell. ``problem`` says, as a sentence, why the file
    cannot be used (then it has no recipe); ``looks_like`` is the recipe that it would have had.
    """

    name: str
    recipe: Recipe | None
    aliases: tuple[str, ...] = ()
    superseded: bool = False
    family: str | None = None
    problem: str | None = None
    looks_like: Recipe | None = None

    @property
    def made_for(self) -> str | None:
        """The family of checkpoints that the file fits; what its layers say comes before its recipe."""
        return self.family or (self.recipe.family if self.recipe else None)


@dataclass(frozen=True)
class Model:
    """The loaded checkpoint: its family (one of ``catalog.FAMILIES`` or ``LOOKALIKES``, else None) and file name.

    ``coarse`` are weights of so few bits (nf4, fp8, GGUF) that a LoRA merged into them is rounded away.
    """

    family: str | None
    name: str = "the loaded checkpoint"
    prediction: str = "epsilon"
    coarse: bool = False


@dataclass(frozen=True)
class SecondPass:
    """What the host's controls of a second pass (hires fix) say; 0 steps and no sampler or schedule: as the first."""

    steps: int = 0
    sampler: str | None = None
    schedule: str | None = None


@dataclass(frozen=True)
class Request:
    """All that a plan depends on.

    ``files`` is None where every published file is taken to be at hand. The first prompt decides, tags are put right
    in all of them. ``refiner`` takes over in the middle, where the host has one and its file tells what it is.
    """

    settings: Settings
    model: Model
    files: Sequence[File] | None = None
    prompts: Sequence[str] = ("",)
    second_pass: SecondPass | None = None
    refiner: Model | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, and one sentence that says so.

    ``recipe`` is None for a plan without Hyper-SD. ``file`` and ``weight`` are None where no LoRA is added.
    ``hires_steps`` are those of a second pass, 0 for as many as in the first; None without one.

    ``rename`` and ``file`` are carried out by :meth:`edit`. ``offers`` name what one click could change:
    "cfg" (the CFG-preserved variant) and "detail" (a lower eta).
    """

    family: str | None
    problem: None = None
    recipe: Recipe | None = None
    file: str | None = None
    weight: float | None = None
    steps: int
    hires_steps: int | None = None
    cfg: float
    distilled_cfg: float | None = None
    sampler: str
    schedule: str
    eta: float | None = None
    rename: dict[str, str | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    sentence: str
    missing: None = None

    def edit(self, prompt: str) -> str:
        """The prompt with the plan's LoRA tag in it, once, and without tags that the plan drops."""
        if self.file is None or self.weight is None:
            return prompt
        return tags.edit(prompt, self.file, self.weight, self.rename)


@dataclass(frozen=True, kw_only=True)
class NoPlan:
    """Why nothing will be done, as a sentence.

    ``missing`` is the recipe whose file would solve the problem, where it is that no such file is at hand and that it
    can be fetched.
    """

    family: str | None
    problem: str
    warnings: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    missing: Recipe | None = None

    @property
    def sentence(self) -> str:
        return self.problem

    def edit(self, prompt: str) -> str:
        """The prompt as it is."""
        return prompt


class Refusal(Exception):
    """Why no plan can be carried out, as a sentence; and the recipe whose file is missing, if that is why."""

    def __init__(self, sentence: str, missing: Recipe | None = None):
        super().__init__(sentence)
        self.missing = missing


def make_plan(request: Request, catalog: Catalog) -> Plan | NoPlan:
    """The plan for a request, or why there is none; pure, and the only place where anything is decided."""
    warnings: list[str] = []
    try:
        return decide(request, catalog, warnings)
    except Refusal as refusal:
        return NoPlan(
            family=request.model.family,
            problem=str(refusal),
            warnings=tuple(warnings),
            missing=refusal.missing if refusal.missing and refusal.missing.can_be_fetched else None,
        )


def decide(request: Request, catalog: Catalog, warnings: list[str]) -> Plan:
    asked, family = request.settings, request.model.family
    if family in LOOKALIKES:
        raise Refusal(f"{request.model.name} is {LOOKALIKES[family]}.{misfit(request, catalog)}")
    if family not in FAMILIES:
        made_for = ", ".join(FAMILIES.values())
        raise Refusal(f"Hyper-SD was made for {made_for}, and {request.model.name} is none of these.")

    files = at_hand(request, catalog)
    few_step, wrong = read_tags(request, catalog, files)
    for name, made_for in wrong.items():
        warnings.append(
            f"{name} was made for {called(made_for)} and the loaded checkpoint is {FAMILIES[family]}: "
            "its tag is not applied."
        )
    tag = few_step[0] if few_step and few_step[0] in tags.find(request.prompts[0]) else None
    inside = built_in(request, catalog)
    by_hand = tag is not None or asked.file is not None
    if inside and not by_hand and asked.variant in (None, "merged"):
        recipe, file = inside, None
        if asked.variant is None and recipe.kind == "merged":
            warnings.append(
                "This goes by the checkpoint's name; if Hyper-SD is not in it, fix a LoRA file or a variant."
            )
    else:
        if inside:
            warnings.append("The checkpoint's name says that Hyper-SD is already in it; with a LoRA it acts twice.")
        recipe, file = choose(request, family, catalog, files, tag, warnings)

    steps = asked.steps or recipe.steps
    hires_steps = choose_hires_steps(request, recipe, warnings)
    cfg = asked.cfg or recipe.cfg
    weight = choose_weight(recipe, file, tag, asked, warnings)
    rename = dict.fromkeys(wrong) | rename_tags(few_step, tag, file, files, warnings)
    sampler, schedule = asked.sampler or recipe.sampler, asked.schedule or recipe.schedule
    if schedule == BY_IMAGE_SIZE and schedule != recipe.also_schedule:
        raise Refusal(f"The schedule “{schedule}” is for FLUX, and the loaded checkpoint is {FAMILIES[family]}.")
    eta = asked.eta if asked.eta is not None else (recipe.eta if sampler == recipe.sampler else None)
    if file and file.superseded:
        warnings.append(f"{file.name} is an edition that its authors have replaced under the same name; get it again.")
    warn(request, recipe, steps, cfg, sampler, schedule, warnings)

    lora = file.name if file else None
    return Plan(
        family=family,
        recipe=recipe,
        file=lora,
        weight=weight,
        steps=steps,
        hires_steps=hires_steps,
        cfg=cfg,
        distilled_cfg=recipe.distilled_cfg and (asked.distilled_cfg or recipe.distilled_cfg),
        sampler=sampler,
        schedule=schedule,
        eta=eta,
        rename=rename,
        warnings=tuple(warnings),
        offers=offers(recipe, family, steps, cfg, eta, catalog),
        sentence=done(recipe, lora, weight, steps, cfg, sampler, schedule, eta),
    )


def as_json(plan: Plan | NoPlan, prompt: str) -> dict:
    """A plan for programs: its recipes by their ids, and what becomes of the prompt; where there is none, nulls."""
    values = {f.name: getattr(plan, f.name, None) for f in fields(Plan) if f.name != "rename"}
    for name in ("recipe", "missing"):
        recipe = values[name]
        values[name] = recipe.id if recipe else None
    return values | {"prompt": plan.edit(prompt)}


def point_out(request: Request, catalog: Catalog) -> str | None:
    """What to say while the panel is off: that the prompt has a few-step LoRA which the panel could serve."""
    by_name = at_hand(request, catalog)
    for prompt in request.prompts:
        for tag in tags.find(prompt):
            if tag.name in by_name or identify(catalog, tag.name) or named_family(tag.name):
                return f"The prompt has the few-step LoRA {tag.name}. Switched on, Hyper-SD gives it its settings."
    return None


def at_hand(request: Request, catalog: Catalog) -> dict[str, File]:
    """The files at hand by every name that a prompt may call them by."""
    files = request.files
    if files is None:
        files = [File(r.file.removesuffix(".safetensors"), r) for r in catalog.recipes if r.is_lora and r.file]
    return {name: file for file in files for name in (*file.aliases, file.name)}


def read_tags(request: Request, catalog: Catalog, files: Mapping[str, File]) -> tuple[list[tags.Tag], dict[str, str]]:
    """The tags of few-step LoRAs in all prompts: those that fit the model, and the family of each that does not."""
    fitting, wrong = [], {}
    for tag in (tag for prompt in request.prompts for tag in tags.find(prompt)):
        file = files.get(tag.name) or File(tag.name, identify(catalog, tag.name))
        family = file.made_for or named_family(tag.name)
        if file.recipe is None and file.problem is None and named_family(tag.name) is None:
            continue  # some other LoRA
        if family in (None, request.model.family):  # where nothing tells the family, the file has a problem to say
            fitting.append(tag)
        else:
            wrong[tag.name] = family
    return fitting, wrong


def misfit(request: Request, catalog: Catalog) -> str:
    """For a checkpoint that nothing fits: the few-step LoRA that the user has asked for, and what that was made for."""
    files = at_hand(request, catalog)
    asked = [tag.name for tag in tags.find(request.prompts[0])] + [request.settings.file or ""]
    for name in asked:
        made_for = files[name].made_for if name in files else getattr(identify(catalog, name), "family", None)
        if made_for in FAMILIES:
            return f" {name} was made for {FAMILIES[made_for]}."
    return ""


def rename_tags(
    few_step: Sequence[tags.Tag],
    tag: tags.Tag | None,
    file: File | None,
    files: Mapping[str, File],
    warnings: list[str],
) -> dict[str, str | None]:
    """What becomes of each few-step LoRA's tag: the plan's file under its own name, or (None) a second LoRA dropped."""
    rename: dict[str, str | None] = {}
    for name in dict.fromkeys(t.name for t in few_step):
        alias = name not in files and named_family(name) is not None
        if file is not None and (alias or files.get(name) is file or (tag is not None and name == tag.name)):
            rename[name] = file.name
        else:
            rename[name] = None
            warnings.append(f"{name} would be a second few-step LoRA: its tag is not applied.")
    return {old: new for old, new in rename.items() if old != new}


def built_in(request: Request, catalog: Catalog) -> Recipe | None:
    """The recipe of a checkpoint that needs no LoRA: by its name, or because the user says so."""
    named = identify(catalog, request.model.name)
    if named and named.kind == "unet" and named.family == request.model.family:
        return named
    inside = distillation_of(request.model.name)
    if request.settings.variant == "merged" or (inside and inside.maker == HYPER_SD):
        merged = [r for r in catalog.recipes if (r.kind, r.maker) == ("merged", HYPER_SD)]
        return next((r for r in merged if r.family == request.model.family), None)
    return None


def choose(
    request: Request,
    family: str,
    catalog: Catalog,
    files: Mapping[str, File],
    tag: tags.Tag | None,
    warnings: list[str],
) -> tuple[Recipe, File]:
    """The LoRA: the one that the prompt names, else the one fixed in the panel, else the best at hand."""
    asked = request.settings
    alias = tag is not None and tag.name not in files and named_family(tag.name) is not None
    name = asked.file if tag is None or alias else tag.name
    if asked.file not in (None, name):
        warnings.append(f"The prompt's tag {name} comes before the file {asked.file} that the panel has fixed.")
    if name:
        file = files.get(name)
        recipe = file.recipe if file else identify(catalog, name)
        if file and file.problem:
            raise Refusal(file.problem)
        if recipe is None:
            raise Refusal(f"{name} is no LoRA whose recipe is known; give it the name under which it was published.")
        if not recipe.is_lora:
            form = "a checkpoint" if recipe.kind == "unet" else "a UNet in a form that no WebUI loads"
            raise Refusal(f"{name} is {form}, not a LoRA.")
        made_for = recipe.family if file is None else file.made_for
        if made_for != family:
            raise Refusal(f"{name} was made for {called(made_for)}, and the loaded checkpoint is {FAMILIES[family]}.")
        file = file or next((f for f in files.values() if f.recipe is not None and f.recipe.id == recipe.id), None)
        if file is None:
            raise Refusal(missing(recipe, installed(files)), recipe)
        return recipe, file

    # Other makers' LoRAs serve where the user holds them; what is missing is only ever asked for of Hyper-SD.
    wanted = [r for r in catalog.recipes if r.family == family and r.is_lora]
    if alias or request.files is None:
        wanted = [r for r in wanted if r.maker == HYPER_SD]
    if asked.variant:
        wanted = [r for r in wanted if r.kind in VARIANT_KINDS[asked.variant]]
    served = [r for r in wanted if not asked.steps or r.serves(asked.steps)]
    order = preference(asked)
    found = [(f.recipe, f) for f in files.values() if f.recipe in served and f.made_for == family]
    if found:
        return min(found, key=lambda pair: order(pair[0]))

    ours = [r for r in wanted if r.maker == HYPER_SD]
    if not ours:
        kind = f" of the kind “{VARIANTS[asked.variant]}”" if asked.variant else ""
        raise Refusal(f"For {FAMILIES[family]} no Hyper-SD{kind} was published.")
    serving = [r for r in ours if r in served]
    if asked.steps and not serving:
        kind = IN_WORDS.get(asked.variant or "", "")
        raise Refusal(f"No {kind}Hyper-SD for {FAMILIES[family]} serves {in_steps(asked.steps)}; {spans(ours)} do.")
    best = min(serving, key=order)
    broken = next((f.problem for f in files.values() if f.problem and f.looks_like == best), None)
    raise Refusal(" ".join(filter(None, (broken, missing(best, installed(files))))), best)


def installed(files: Mapping[str, File]) -> list[tuple[str, Recipe]]:
    return [(name, f.recipe) for name, f in files.items() if name == f.name and f.recipe is not None]


def preference(asked: Settings) -> Callable[[Recipe], tuple]:
    """The order in which LoRAs are taken: those that fit a CFG that is set, Hyper-SD's, those that need no other CFG
    than 1, those nearest to 8 steps, the most specific.
    """

    def key(recipe):
        return (
            bool(asked.cfg) and not recipe.cfg_min <= asked.cfg <= recipe.cfg_max,
            recipe.maker != HYPER_SD,
            not asked.cfg and recipe.kind == "cfg",
            abs(recipe.steps - FAVOURITE_STEPS) if not asked.steps else 0,
            recipe.steps_max - recipe.steps_min,
        )

    return key


def choose_weight(
    recipe: Recipe, file: File | None, tag: tags.Tag | None, asked: Settings, warnings: list[str]
) -> float | None:
    """The tag's weight, else the one fixed in the panel, else the recipe's; None where no LoRA is added."""
    if file is None:
        if asked.weight is not None:
            warnings.append("No LoRA is added, so the fixed LoRA weight has no effect.")
        return None
    recommended = asked.weight if asked.weight is not None else recipe.weight
    if tag is None or (not tag.arguments and named_family(tag.name)):
        return recommended
    if not math.isfinite(tag.weight):
        raise Refusal(f"The weight in <lora:{tag.name}{tag.arguments}> is no number.")
    if asked.weight is not None and asked.weight != tag.weight:
        warnings.append(f"The tag's weight {tag.weight:g} comes before the {asked.weight:g} that the panel has fixed.")
    return tag.weight


def choose_hires_steps(request: Request, recipe: Recipe, warnings: list[str]) -> int | None:
    """Steps of the second pass: those that are fixed, else those of the host's control where the LoRA serves them."""
    host, fixed = request.second_pass, request.settings.hires_steps
    if host is None:
        return None
    if fixed is not None or not host.steps or recipe.serves(host.steps):
        return host.steps if fixed is None else fixed
    warnings.append(f"{in_range(recipe)} is what this is made for, so the second pass takes as many as the first.")
    return 0


def warn(request: Request, recipe: Recipe, steps, cfg, sampler, schedule, warnings: list[str]) -> None:
    """A sentence for everything that is done as asked, but not as the recipe's authors mean it."""
    asked = request.settings
    if asked.variant and recipe.kind not in VARIANT_KINDS[asked.variant]:
        warnings.append(f"The LoRA is not of the kind “{VARIANTS[asked.variant]}” that the panel has fixed.")
    if not recipe.serves(steps):
        warnings.append(f"{in_steps(steps)} are set, and this is made for {in_range(recipe)}.")
    if not recipe.cfg_min <= cfg <= recipe.cfg_max:
        span = (
            f"{recipe.cfg_min:g}" if recipe.cfg_min == recipe.cfg_max else f"{recipe.cfg_min:g} to {recipe.cfg_max:g}"
        )
        warnings.append(f"CFG {cfg:g} is set, and this is made for {span}.")
    if sampler != recipe.sampler or schedule not in (recipe.schedule, recipe.also_schedule):
        made_for = f"{recipe.sampler} on the schedule {recipe.schedule}"
        warnings.append(f"{sampler} on the schedule {schedule} is set, and this is made for {made_for}.")
    second = request.second_pass or SecondPass()
    for name, ours in ((second.sampler, sampler), (second.schedule, schedule)):
        if name not in (None, ours, "Automatic"):
            warnings.append(f"{name} is set for the second pass, and this is made for {ours}.")
    refiner = request.refiner
    if refiner is not None and refiner.family not in (None, request.model.family):
        is_what = (LOOKALIKES | FAMILIES)[refiner.family]
        warnings.append(
            f"The refiner {refiner.name} is {is_what}: the LoRA has no effect on its part. Take the refiner out."
        )
    if asked.eta is not None and recipe.eta is None:
        warnings.append(f"{recipe.sampler} has no eta, so the fixed eta has no effect.")
    if request.model.coarse and recipe.is_lora:
        warnings.append(
            "The checkpoint's weights are of few bits, in which a LoRA is rounded away: "
            "set “Diffusion in Low Bits” to “Automatic (fp16 LoRA)”."
        )
    if request.model.prediction == "v_prediction":
        warnings.append(f"The checkpoint predicts v; {recipe.maker} was distilled from models that predict noise.")


def offers(recipe: Recipe, family: str, steps: int, cfg: float, eta: float | None, catalog: Catalog) -> tuple[str, ...]:
    """What one click could change: see :class:`Plan`. At one step there is no eta to lower."""
    offered = []
    ours = [r for r in catalog.recipes if r.maker == HYPER_SD]
    if cfg <= 1 and recipe.is_lora and any(r.family == family and r.kind == "cfg" for r in ours):
        offered.append("cfg")
    if recipe.kind == "unified" and steps > 1 and eta is not None and eta > MORE_DETAIL:
        offered.append("detail")
    return tuple(offered)
