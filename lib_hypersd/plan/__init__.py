"""From a request to one plan: which file, weight, steps, CFG, sampler, schedule and eta.

Every face of the extension (panel, prompt tag, API, X/Y/Z, command line) makes its plan here and decides nothing
itself. A plan is carried out as a whole, or there is none and a sentence says why. What the user has fixed always wins.

A request goes through four steps:

    resolve   look up every name in it, once
    choose    which recipe, which file
    settle    every field by its rule
    describe  the sentences
"""

from ..files.file import File
from ..recipes.catalog import Catalog
from ..recipes.memory import Memory
from . import describe
from .choose import Choice, choose, sort_tags
from .outcome import NoPlan, Plan, Refusal, plan_as_json
from .passes import remark_on_pass
from .request import Model, Request, SecondPass
from .resolve import Facts, resolve
from .settle import MORE_DETAIL, Settled, settle

__all__ = [
    "MORE_DETAIL", "File", "Memory", "Model", "NoPlan", "Plan", "Refusal", "Request", "SecondPass",
    "make_plan", "plan_as_json", "point_out", "remark_on_pass",
]  # fmt: skip


def make_plan(request: Request, catalog: Catalog) -> Plan | NoPlan:
    """The plan for a request, or why there is none. Pure."""
    facts = resolve(request, catalog)
    notes: tuple[str, ...] = ()
    try:
        tags = sort_tags(facts)
        notes = tags.notes
        choice = choose(facts, tags)
        return assemble(facts, notes, choice, settle(facts, choice))
    except Refusal as refusal:
        missing = refusal.missing if refusal.missing and refusal.missing.can_be_fetched else None
        return NoPlan(family=request.model.family, problem=str(refusal), warnings=notes, missing=missing)


def assemble(facts: Facts, notes: tuple[str, ...], choice: Choice, settled: Settled) -> Plan:
    file, values = choice.file, settled.values
    return Plan(
        family=facts.family,
        recipe=choice.recipe,
        file=file.name if file else None,
        **{name: value for name, value in values.items() if name in Plan.__dataclass_fields__},
        rename=dict(choice.rename),
        strip=facts.request.strip,
        warnings=(*notes, *choice.notes, *describe.remarks(facts, choice.recipe, file), *settled.notes),
        offers=settled.offers,
        sentence=describe.done(facts, choice.recipe, file, values),
    )


def point_out(request: Request, catalog: Catalog) -> str | None:
    """A hint while the panel is off: that the prompt has a few-step LoRA which it could serve; None without one."""
    facts = resolve(request, catalog)
    return next((describe.point_out(tag.name) for tag in facts.tags if facts.loras[tag.name].is_few_step), None)
