"""The panel: gradio controls for the fields of ``settings``, and what they come to before anybody presses Generate.

It decides nothing: every change asks ``plan`` and shows the answer. What a host does differently (its accordion,
its model, its files) is passed in, so that the same panel serves every WebUI and the playground.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from ..download.downloads import Downloads
from ..download.transfer import CHECKING
from ..errors import HyperSDError
from ..plan import MORE_DETAIL, File, Memory, Model, Plan, Request, make_plan, point_out
from ..recipes.catalog import FAMILIES, Catalog, Recipe
from ..recipes.settings import ENABLED, FIELDS, RECOMMENDED, VARIANTS, Settings, pasted, read

__all__ = ["Backend", "Panel", "build", "describe", "file_choices", "show_downloads"]

HELP = {
    "variant": "Which kind of LoRA is taken.",
    "steps": "How many times the network is evaluated.",
    "weight": "A weight written in a prompt's tag comes first.",
    "cfg": "Above 1 the negative prompt counts, with a LoRA that was made for it.",
    "eta": "Fresh noise per step; lower keeps more detail.",
    "file": "Any few-step LoRA at hand that fits the checkpoint.",
    "schedule": "FLUX: “By image size” shifts as diffusers does, “Simple” always as for 1024×1024.",
}
MOST_SKIPPED = 3
# What may be said of the checkpoint, beside the makers' names; see plan.Memory.
INSIDE = {"As its name says": None, "Nothing: it is a plain checkpoint": ""}


@dataclass(frozen=True)
class Backend:
    """What the panel asks its host: the recipes, the loaded model (None while there is none), the LoRAs at hand, and
    the request that an image with these settings and this prompt would be.

    ``refresh`` lets the host look into its folders again; it is only called when the user presses the button.
    ``downloads`` fetch what is missing, likewise. ``remember`` keeps what the user says of the checkpoint. ``obstacle``
    says why the host would run no plan at all.
    """

    catalog: Callable[[], Catalog]
    model: Callable[[], Model | None]
    files: Callable[[Catalog, Model | None], Sequence[File]]
    request: Callable[[Settings, Model, Catalog, str], Request]
    refresh: Callable[[], None]
    downloads: Downloads
    remember: Callable[[Memory], object]
    obstacle: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Panel:
    """``controls`` in the order of the script's arguments, and what each becomes when an infotext is pasted."""

    controls: list
    paste: list[tuple]


def build(gr, accordion: Callable, tab: str, backend: Backend, prompt=None) -> Panel:
    """Create the panel inside the open gradio Blocks; without side effects, since hosts build it more than once.

    Args:
        gr: the host's gradio.
        accordion: makes the collapsed, labelled section whose value says whether Hyper-SD is on.
        tab: "txt2img" or "img2img", part of every element's id.
        prompt: the tab's prompt box, where it is known.
    """

    def elem_id(name):
        return f"hypersd_{tab}_{name}"

    def dropdown(field):
        choices = file_choices(backend) if field.name == "file" else [RECOMMENDED, *field.choices]
        return gr.Dropdown(
            choices,
            value=RECOMMENDED,
            label=field.label,
            info=HELP[field.name],
            allow_custom_value=field.name != "variant",
            elem_id=elem_id(field.name),
        )

    with accordion(False, label="Hyper-SD", elem_id=elem_id("enable")) as enabled:
        plan_html = gr.HTML(describe([False], backend, "")[0], elem_id=elem_id("status"))
        with gr.Row():
            detail = gr.Button(f"More detail (eta {MORE_DETAIL})", elem_id=elem_id("detail"), visible=False, size="sm")
            guided = gr.Button(
                "Make the negative prompt work", elem_id=elem_id("cfg_preserved"), visible=False, size="sm"
            )
            refresh = gr.Button("Refresh LoRA list", elem_id=elem_id("refresh"), size="sm")
            # Pressed by the page's script, when the prompt or the checkpoint has changed; hidden by the style sheet.
            look = gr.Button("Look again", elem_id=elem_id("look"), elem_classes=["hypersd-hidden"])
        coming = gr.HTML("", elem_id=elem_id("downloads"), visible=False)
        with gr.Row():
            fetch = gr.Button("Download", elem_id=elem_id("download"), visible=False, size="sm", variant="primary")
            cancel = gr.Button("Cancel download", elem_id=elem_id("cancel"), visible=False, size="sm")
        with gr.Row():
            by_name = {field.name: dropdown(field) for field in FIELDS[:2]}
        with gr.Row():
            by_name |= {field.name: dropdown(field) for field in FIELDS[2:5]}
        with gr.Row():
            by_name |= {field.name: dropdown(field) for field in FIELDS[5:]}
        with gr.Row():
            inside = gr.Dropdown(
                inside_choices(backend),
                value=inside_value(backend),
                label="In the checkpoint",
                info="Few-step models that are merged into it. What you choose is remembered for this checkpoint.",
                elem_id=elem_id("inside"),
            )
        with gr.Row():
            keep = gr.Button("Keep these values for this checkpoint", elem_id=elem_id("keep"), size="sm")
            forget = gr.Button("Forget this checkpoint", elem_id=elem_id("forget"), size="sm")

    controls = [enabled, *by_name.values()]

    def ask(values):
        *args, text = values if prompt is not None else (*values, "")
        return describe(args, backend, text)

    def show(*values):
        html, offers, missing = ask(values)
        html_of_files, wanted = show_downloads(backend.downloads, missing)
        return (
            html,
            gr.update(visible="detail" in offers),
            gr.update(visible="cfg" in offers),
            gr.update(value=html_of_files, visible=bool(html_of_files)),
            gr.update(value=wanted or "Download", visible=wanted is not None),
            gr.update(visible=bool(backend.downloads.active())),
        )

    def show_files(*values):
        return (
            *show(*values),
            gr.update(choices=file_choices(backend)),
            gr.update(choices=inside_choices(backend), value=inside_value(backend)),
        )

    def remembering(memory_of):
        """A handler that keeps what ``memory_of`` makes of the memory so far and of the values of the page."""

        def handle(*values):
            model = backend.model()
            if model is None:
                return show_files(*values[-len(asked) :])
            try:
                backend.remember(memory_of(model.memory, *values))
            except HyperSDError as error:
                return status("problem", str(error), model), *show_files(*values[-len(asked) :])[1:]
            return show_files(*values[-len(asked) :])

        return handle

    def show_afresh(*values):
        backend.refresh()
        return show_files(*values)

    def start(label, *values):
        # The page may have been left open while the checkpoint changed: only what the button names is fetched.
        missing = ask(values)[2]
        if missing is not None and label == show_downloads(backend.downloads, missing)[1]:
            backend.downloads.start(missing.id)
        return show_files(*values)

    def stop(*values):
        for download in backend.downloads.active():
            download.cancel()
        return show_files(*values)

    asked = [*controls, *([prompt] if prompt is not None else [])]
    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    shown = [plan_html, detail, guided, coming, fetch, cancel]
    for control in controls:
        control.change(show, asked, shown, **quick)
    shown_afresh = [*shown, by_name["file"], inside]
    for button, handler in (
        (look, show_files), (refresh, show_afresh), (cancel, stop),
        (keep, remembering(lambda memory, *values: replace(memory, settings=kept(values[: len(controls)])))),
        (forget, remembering(lambda memory, *values: Memory())),
    ):  # fmt: skip
        button.click(handler, asked, shown_afresh, **quick)
    fetch.click(start, [fetch, *asked], shown_afresh, **quick)
    inside.input(
        remembering(lambda memory, choice, *values: replace(memory, inside=INSIDE.get(choice, choice))),
        [inside, *asked], shown_afresh, **quick,
    )  # fmt: skip
    detail.click(lambda: str(MORE_DETAIL), outputs=[by_name["eta"]], **quick)
    guided.click(lambda: VARIANTS["cfg"], outputs=[by_name["variant"]], **quick)

    paste: list[tuple] = [(enabled, lambda params: ENABLED in params)]
    paste += [
        (by_name[field.name], lambda params, field=field: pasted(field, params, backend.catalog())) for field in FIELDS
    ]
    return Panel(controls, paste)


def file_choices(backend: Backend) -> list[str]:
    """The LoRAs that the loaded model could take."""
    model, catalog = backend.model(), backend.catalog()
    family = model.family if model else None
    files = backend.files(catalog, model)
    return [RECOMMENDED, *(f.name for f in files if f.recipe and family in (None, f.made_for))]


def inside_choices(backend: Backend) -> list[str]:
    """What may be in the checkpoint: the makers whose few-step models its family has recipes for."""
    model = backend.model()
    recipes = [r for r in backend.catalog().recipes if r.kind == "merged" and model and r.family == model.family]
    return [*INSIDE, *dict.fromkeys(recipe.maker for recipe in recipes)]


def inside_value(backend: Backend) -> str:
    """What the user has said is in the checkpoint."""
    model = backend.model()
    inside = model.memory.inside if model else None
    return next((label for label, value in INSIDE.items() if value == inside), inside or "")


def kept(args: Sequence) -> Settings:
    """The panel's values, to be remembered."""
    settings, _, _ = read(args)
    return replace(settings, enabled=False)


def describe(args: Sequence, backend: Backend, prompt: str) -> tuple[str, tuple[str, ...], Recipe | None]:
    """What the panel shows for its controls' values, as HTML; what it offers to change, and which recipe's file is
    missing (see :class:`plan.Plan`)."""
    model, catalog = backend.model(), backend.catalog()
    settings, problems, comments = read(args)
    if model is None:
        return status("loading", "The checkpoint is not loaded yet."), (), None
    request = backend.request(settings, model, catalog, prompt)
    if not settings.enabled:
        found = point_out(request, catalog)
        return status("tag" if found else "off", found or "Off. Your own settings are used.", model), (), None
    plan = make_plan(request, catalog)
    problems += filter(None, [backend.obstacle(), plan.problem])
    notes = [*plan.warnings, *comments, *catalog.problems, *skipped(request.files or (), model.family)]
    if problems or plan.problem is not None:
        sentence = f"{' '.join(problems)} Until then your own settings are used."
        return status("problem", sentence, model, notes), (), plan.missing
    if plan.cfg <= 1:
        notes.append("At CFG 1 the negative prompt has no effect.")
    return status("on", plan.sentence, model, notes, plan), plan.offers, None


def skipped(files: Sequence[File], family: str | None) -> list[str]:
    """Why files that look like few-step LoRAs for this family are not used; the first few of them."""
    problems = [f.problem for f in files if f.problem and (f.looks_like is None or f.looks_like.family == family)]
    more = [f"{len(problems) - MOST_SKIPPED} more files cannot be used."] if len(problems) > MOST_SKIPPED else []
    return problems[:MOST_SKIPPED] + more


def status(
    state: str, sentence: str, model: Model | None = None, notes: Sequence[str] = (), plan: Plan | None = None
) -> str:
    """The status as HTML, every text escaped; ``data-hypersd`` tells the page's script what is in force."""
    data: dict[str, Any] = {"state": state}
    heading = ""
    if model is not None:
        data["model"] = model.name
        heading = (
            f"{model.name}: {model.architecture or FAMILIES.get(model.family or '', 'of no family that is known')}"
        )
    if plan is not None:
        data["summary"] = f"{plan.steps} step{'s' if plan.steps > 1 else ''}, CFG {plan.cfg:g}"
        data["override"] = {
            "steps": str(plan.steps),
            "cfg_scale": f"{plan.cfg:g}",
            "sampling": plan.sampler,
            "scheduler": plan.schedule,
        }
        if plan.distilled_cfg is not None:
            data["override"]["distilled_cfg_scale"] = f"{plan.distilled_cfg:g}"
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<div class="hypersd-status hypersd-{state}" data-hypersd="{escape(json.dumps(data))}">'
        + (f'<p class="hypersd-heading">{escape(heading)}</p>' if heading else "")
        + f"<p>{escape(sentence)}</p>"
        + (f"<ul>{items}</ul>" if items else "")
        + "</div>"
    )


def show_downloads(downloads: Downloads, missing: Recipe | None) -> tuple[str, str | None]:
    """What is missing and what is coming in, as HTML; and the text of a button that fetches what is missing, if it can
    be fetched and is not on its way."""
    lines = [progress(download) for download in downloads.active()]
    recipe = missing and downloads.find(missing.id)
    last = recipe and downloads.get(recipe.id)
    wanted = None
    if recipe and not (last and last.is_active):
        size = f"{(recipe.bytes or 0) / 1e6:,.0f} MB"
        wanted = f"Download {recipe.file} ({size})"
        lines += [f"<p>{escape(last.problem)}</p>"] if last and last.problem else []
        where = (
            ("File", f"{recipe.file}, {size}"),
            ("From", downloads.place(recipe)),
            ("To", downloads.folder(recipe)),
        )
        lines += [f"<p>{name}: {escape(str(value))}</p>" for name, value in where]
    html = f'<div class="hypersd-status hypersd-downloads">{"".join(lines)}</div>' if lines else ""
    return html, wanted


def progress(download) -> str:
    """A download as a line and a bar; the page's script looks again as long as there is one."""
    file, done, total = escape(download.path.name), download.done, download.total
    if download.cancel_requested.is_set():
        text = f"{file} is being cancelled."
    elif download.state == CHECKING:
        text = f"{file} is being checked."
    else:
        text = f"{file}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
    return f'<p>{text}</p><progress max="{total}" value="{done}" aria-label="{file}" data-hypersd-coming></progress>'
