"""What the panel shows as HTML: the plan for its controls' values, and the downloads. Every text is escaped."""

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from ..download.downloads import Downloads
from ..download.transfer import CHECKING, Download
from ..plan import File, Model, Plan, make_plan, point_out
from ..recipes.catalog import FAMILIES, Recipe
from ..recipes.settings import read_settings
from .backend import Backend

if TYPE_CHECKING:
    from ..explain import Explanation

MOST_SKIPPED = 3


class Status(NamedTuple):
    """``offers`` and ``missing`` are those of the plan: what one click could change, whose file could be fetched."""

    html: str
    offers: tuple[str, ...] = ()
    missing: Recipe | None = None


def render_status(args: Sequence[Any], backend: Backend, prompt: str) -> Status:
    """The status for the values of the panel's controls, in their order."""
    model, catalog = backend.model(), backend.catalog()
    settings, problems, comments = read_settings(args)
    if model is None:
        return Status(render_sentence("loading", "The checkpoint is not loaded yet."))
    request = backend.request(settings, model, catalog, prompt)
    if not settings.enabled:
        hint = point_out(request, catalog)
        return Status(render_sentence("tag" if hint else "off", hint or "Off. Your own settings are used.", model))
    plan = make_plan(request, catalog)
    problems += filter(None, [backend.obstacle(), plan.problem])
    notes = [*plan.warnings, *comments, *catalog.problems, *explain_skipped(request.files or (), model.family)]
    if problems or plan.problem is not None:
        sentence = f"{' '.join(problems)} Until then your own settings are used."
        return Status(render_sentence("problem", sentence, model, notes), missing=plan.missing)
    if plan.cfg <= 1:
        notes.append("At CFG 1 the negative prompt has no effect.")
    return Status(render_sentence("on", plan.sentence, model, notes, plan), plan.offers)


def explain_skipped(files: Sequence[File], family: str | None) -> list[str]:
    """Why files that look like few-step LoRAs for this family are not used; the first few of them."""
    problems = [f.problem for f in files if f.problem and (f.looks_like is None or f.looks_like.family == family)]
    more = [f"{len(problems) - MOST_SKIPPED} more files cannot be used."] if len(problems) > MOST_SKIPPED else []
    return problems[:MOST_SKIPPED] + more


def render_sentence(
    state: str, sentence: str, model: Model | None = None, notes: Sequence[str] = (), plan: Plan | None = None
) -> str:
    """A sentence with its notes; ``data-hypersd`` tells the page's script which values of the plan are in force."""
    data: dict[str, Any] = {"state": state}
    heading = ""
    if model is not None:
        data["model"] = model.name
        family = model.architecture or FAMILIES.get(model.family or "", "of no family that is known")
        heading = f'<p class="hypersd-heading">{escape(f"{model.name}: {family}")}</p>'
    if plan is not None:
        data["summary"] = f"{plan.steps} step{'s' if plan.steps > 1 else ''}, CFG {plan.cfg:g}"
        data["override"] = {
            "steps": str(plan.steps), "cfg_scale": f"{plan.cfg:g}", "sampling": plan.sampler, "scheduler": plan.schedule
        }  # fmt: skip
        if plan.adds_second_pass:
            data["override"] |= {
                "hr_scale": f"{plan.hires_scale:g}", "denoising_strength": f"{plan.hires_strength:g}",
                "hr_upscaler": plan.hires_upscaler,
            }  # fmt: skip
        if plan.recipe is not None and plan.recipe.control_weight is not None:
            data["control_weight"] = f"{plan.recipe.control_weight:g}"
        if plan.distilled_cfg is not None:
            data["override"]["distilled_cfg_scale"] = f"{plan.distilled_cfg:g}"
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<div class="hypersd-status hypersd-{state}" data-hypersd="{escape(json.dumps(data))}">'
        f"{heading}<p>{escape(sentence)}</p>{f'<ul>{items}</ul>' if items else ''}</div>"
    )


def render_explanation(found: "Explanation") -> str:
    """What does not fit in an image, the worst first, and what does."""
    state = "problem" if found.causes else "on"
    causes = "".join(f"<li>{escape(str(cause))}</li>" for cause in found.causes)
    return (
        f'<div class="hypersd-status hypersd-{state}"><p>{escape(found.sentence)}</p>'
        f"{f'<ul>{causes}</ul>' if causes else ''}<p>{escape(found.advice)}</p></div>"
    )


def render_downloads(downloads: Downloads, missing: Recipe | None) -> tuple[str, str | None]:
    """What is being fetched and what is missing; and the text of the button that fetches what is missing, None if it
    cannot be fetched or is being fetched."""
    lines = [render_progress(download) for download in downloads.active()]
    recipe = missing and downloads.find(missing.id)
    last = recipe and downloads.get(recipe.id)
    label = None
    if recipe and not (last and last.is_active):
        size = f"{(recipe.bytes or 0) / 1e6:,.0f} MB"
        label = f"Download {recipe.file} ({size})"
        lines += [f"<p>{escape(last.problem)}</p>"] if last and last.problem else []
        where = {"File": f"{recipe.file}, {size}", "From": downloads.place(recipe), "To": downloads.folder(recipe)}
        lines += [f"<p>{name}: {escape(str(value))}</p>" for name, value in where.items()]
    html = f'<div class="hypersd-status hypersd-downloads">{"".join(lines)}</div>' if lines else ""
    return html, label


def render_progress(download: Download) -> str:
    """A download as a line and a bar; the page's script updates the panel as long as there is one."""
    file, done, total = escape(download.path.name), download.done, download.total
    if download.cancel_requested.is_set():
        text = f"{file} is being cancelled."
    elif download.state == CHECKING:
        text = f"{file} is being checked."
    else:
        text = f"{file}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
    return f'<p>{text}</p><progress max="{total}" value="{done}" aria-label="{file}" data-hypersd-coming></progress>'
