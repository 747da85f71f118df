"""What the panel shows as HTML: the plan for its controls' values, and the downloads.

Every text is in the user's language, which is None for English, and escaped.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from ..download.downloads import Downloads
from ..plan import File, Model, Plan, make_plan, point_out
from ..recipes.catalog import FAMILIES, Recipe
from ..recipes.settings import read_settings
from ..translation import translate
from ..wording import fill, join
from .backend import Backend

if TYPE_CHECKING:
    from ..download.transfer import Download
    from ..explain import Explanation

MOST_SKIPPED = 3
OFF = fill("Off. Your own settings are used.")
NOT_LOADED = fill("The checkpoint is not loaded yet.")
CFG_1 = fill("At CFG 1 the negative prompt has no effect.")
NO_FAMILY = fill("of no family that is known")
UNTIL_THEN = fill("Until then your own settings are used.")


class Status(NamedTuple):
    """``offers`` and ``missing`` are those of the plan: what one click could change, whose file could be fetched."""

    html: str
    offers: tuple[str, ...] = ()
    missing: Recipe | None = None


def write(text: str, language: str | None) -> str:
    return escape(translate(text, language))


def render_status(args: Sequence[Any], backend: Backend, prompt: str) -> Status:
    """The status for the values of the panel's controls, in their order."""
    model, catalog, language = backend.model(), backend.catalog(), backend.language()
    settings, problems, comments = read_settings(args)
    if model is None:
        return Status(render_sentence("loading", NOT_LOADED, language=language))
    request = backend.request(settings, model, catalog, prompt)
    if not settings.enabled:
        hint = point_out(request, catalog)
        return Status(render_sentence("tag" if hint else "off", hint or OFF, model, language=language))
    plan = make_plan(request, catalog)
    problems += filter(None, [backend.obstacle(), plan.problem])
    notes = [*plan.warnings, *comments, *catalog.problems, *explain_skipped(request.files or (), model.family)]
    if problems or plan.problem is not None:
        sentence = join([*problems, UNTIL_THEN])
        return Status(render_sentence("problem", sentence, model, notes, language=language), missing=plan.missing)
    if plan.cfg <= 1:
        notes.append(CFG_1)
    return Status(render_sentence("on", plan.sentence, model, notes, plan, language), plan.offers)


def explain_skipped(files: Sequence[File], family: str | None) -> list[str]:
    """Why files that look like few-step LoRAs for this family are not used; the first few of them."""
    problems = [f.problem for f in files if f.problem and (f.looks_like is None or f.looks_like.family == family)]
    more = len(problems) - MOST_SKIPPED
    if more <= 0:
        return problems
    further = fill("{count} more files cannot be used.", "{count} more file cannot be used.", count=more)
    return [*problems[:MOST_SKIPPED], further]


def render_sentence(
    state: str, sentence: str, model: Model | None = None, notes: Sequence[str] = (), plan: Plan | None = None,
    language: str | None = None,
) -> str:  # fmt: skip
    """A sentence with its notes; ``data-hypersd`` tells the page's script which values of the plan are in force."""
    data: dict[str, Any] = {"state": state}
    heading = ""
    if model is not None:
        data["model"] = model.name
        family = model.architecture or FAMILIES.get(model.family or "", NO_FAMILY)
        what = fill("{model}: {family}", model=model.name, family=family)
        heading = f'<p class="hypersd-heading">{write(what, language)}</p>'
    if plan is not None:
        data |= list_values_in_force(plan, language)
    items = "".join(f"<li>{write(note, language)}</li>" for note in notes)
    return (
        f'<div class="hypersd-status hypersd-{state}" data-hypersd="{escape(json.dumps(data))}">'
        f"{heading}<p>{write(sentence, language)}</p>{f'<ul>{items}</ul>' if items else ''}</div>"
    )


def list_values_in_force(plan: Plan, language: str | None) -> dict[str, Any]:
    """What the page's script shows of a plan, beside the panel's title and at the page's own controls."""
    summary = fill("{count} steps, CFG {cfg:g}", "{count} step, CFG {cfg:g}", count=plan.steps, cfg=plan.cfg)
    override = {
        "steps": str(plan.steps), "cfg_scale": f"{plan.cfg:g}", "sampling": plan.sampler, "scheduler": plan.schedule
    }  # fmt: skip
    if plan.adds_second_pass:
        override |= {
            "hr_scale": f"{plan.hires_scale:g}", "denoising_strength": f"{plan.hires_strength:g}",
            "hr_upscaler": plan.hires_upscaler or "",
        }  # fmt: skip
    if plan.distilled_cfg is not None:
        override["distilled_cfg_scale"] = f"{plan.distilled_cfg:g}"
    data: dict[str, Any] = {"summary": translate(summary, language), "override": override}
    if plan.recipe is not None and plan.recipe.control_weight is not None:
        data["control_weight"] = f"{plan.recipe.control_weight:g}"
    return data


def render_explanation(found: "Explanation", language: str | None) -> str:
    """What does not fit in an image, the worst first, and what does."""
    state = "problem" if found.causes else "on"
    causes = "".join(f"<li>{write(str(cause), language)}</li>" for cause in found.causes)
    return (
        f'<div class="hypersd-status hypersd-{state}"><p>{write(found.sentence, language)}</p>'
        f"{f'<ul>{causes}</ul>' if causes else ''}<p>{write(found.advice, language)}</p></div>"
    )


def render_downloads(
    downloads: Downloads, missing: Recipe | None, language: str | None = None
) -> tuple[str, str | None]:
    """What is being fetched and what is missing; and the text of the button that fetches what is missing, None if it
    cannot be fetched or is being fetched."""
    lines = [render_progress(download, language) for download in downloads.active()]
    recipe = missing and downloads.find(missing.id)
    last = recipe and downloads.get(recipe.id)
    label = None
    if recipe and not (last and last.is_active):
        file = fill("{file} ({size:,.0f} MB)", file=recipe.file, size=(recipe.bytes or 0) / 1e6)
        label = translate(fill("Download {file}", file=file), language)
        texts = [last.problem] if last and last.problem else []
        texts += [
            fill("File: {file}", file=file),
            fill("From: {place}", place=downloads.place(recipe)),
            fill("To: {folder}", folder=downloads.folder(recipe)),
        ]
        lines += [f"<p>{write(text, language)}</p>" for text in texts]
    html = f'<div class="hypersd-status hypersd-downloads">{"".join(lines)}</div>' if lines else ""
    return html, label


def render_progress(download: "Download", language: str | None) -> str:
    """A download as a line and a bar; the page's script updates the panel as long as there is one."""
    file, done, total = download.path.name, download.done, download.total
    if download.cancel_requested.is_set():
        text = fill("{file} is being cancelled.", file=file)
    elif download.is_checking:
        text = fill("{file} is being checked.", file=file)
    else:
        text = fill("{file}: {done:,.0f} of {total:,.0f} MB", file=file, done=done / 1e6, total=total / 1e6)
    bar = f'<progress max="{total}" value="{done}" aria-label="{escape(file)}" data-hypersd-coming></progress>'
    return f"<p>{write(text, language)}</p>{bar}"
