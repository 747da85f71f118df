"""The panel's controls: how they are laid out, and which handler each of them calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..plan import MORE_DETAIL
from ..recipes.settings import ENABLED, FIELDS, RECOMMENDED, VARIANTS, Field, pasted
from .backend import Backend, file_choices, inside_choices, inside_value
from .handlers import Handlers
from .status import render_status

HELP = {
    "variant": "Which kind of LoRA is taken.",
    "steps": "How many times the network is evaluated.",
    "weight": "A weight written in a prompt's tag comes first.",
    "cfg": "Above 1 the negative prompt counts, with a LoRA that was made for it.",
    "eta": "Fresh noise per step; lower keeps more detail.",
    "file": "Any few-step LoRA at hand that fits the checkpoint.",
    "schedule": "FLUX: “By image size” shifts as diffusers does, “Simple” always as for 1024×1024.",
}
ROWS = (FIELDS[:2], FIELDS[2:5], FIELDS[5:])


@dataclass(frozen=True)
class Panel:
    """``controls`` in the order of the script's arguments, and what each becomes when an infotext is pasted."""

    controls: list[Any]
    paste: list[tuple[Any, Callable[[Mapping[str, str]], Any]]]


@dataclass(frozen=True)
class Controls:
    """The components of gradio; ``fields`` by the names of the settings."""

    enabled: Any
    fields: dict[str, Any]
    inside: Any
    status: Any
    downloads: Any
    buttons: dict[str, Any]


def build(gr: Any, accordion: Callable[..., Any], tab: str, backend: Backend, prompt: Any = None) -> Panel:
    """Create the panel inside the open gradio Blocks; without side effects, since hosts build it more than once.

    Args:
        gr: the host's gradio.
        accordion: makes the collapsed, labelled section whose value says whether Hyper-SD is on.
        tab: "txt2img" or "img2img", part of every element's id.
        prompt: the tab's prompt box, where it is known.
    """
    controls = lay_out(gr, accordion, tab, backend)
    connect(controls, Handlers(gr, backend, has_prompt=prompt is not None), prompt)
    paste: list[tuple[Any, Callable[[Mapping[str, str]], Any]]] = [(controls.enabled, lambda params: ENABLED in params)]
    paste += [(controls.fields[field.name], reader_of(field, backend)) for field in FIELDS]
    return Panel([controls.enabled, *controls.fields.values()], paste)


def reader_of(field: Field, backend: Backend) -> Callable[[Mapping[str, str]], str]:
    return lambda params: pasted(field, params, backend.catalog())


def lay_out(gr: Any, accordion: Callable[..., Any], tab: str, backend: Backend) -> Controls:
    buttons = {}

    def elem_id(name: str) -> str:
        return f"hypersd_{tab}_{name}"

    def button(name: str, text: str, **options: Any) -> None:
        buttons[name] = gr.Button(text, elem_id=elem_id(name), size="sm", **options)

    with accordion(False, label="Hyper-SD", elem_id=elem_id("enable")) as enabled:
        status = gr.HTML(render_status([False], backend, "").html, elem_id=elem_id("status"))
        with gr.Row():
            button("detail", f"More detail (eta {MORE_DETAIL})", visible=False)
            button("cfg_preserved", "Make the negative prompt work", visible=False)
            button("refresh", "Refresh LoRA list")
            # Pressed by the page's script when the prompt or the checkpoint has changed; the style sheet hides it.
            button("look", "Update", elem_classes=["hypersd-hidden"])
        downloads = gr.HTML("", elem_id=elem_id("downloads"), visible=False)
        with gr.Row():
            button("download", "Download", visible=False, variant="primary")
            button("cancel", "Cancel download", visible=False)
        fields: dict[str, Any] = {}
        for row in ROWS:
            with gr.Row():
                fields |= {field.name: dropdown(gr, field, backend, elem_id(field.name)) for field in row}
        with gr.Row():
            inside = gr.Dropdown(
                inside_choices(backend),
                value=inside_value(backend),
                label="In the checkpoint",
                info="Few-step models that are merged into it. What you choose is remembered for this checkpoint.",
                elem_id=elem_id("inside"),
            )
        with gr.Row():
            button("keep", "Keep these values for this checkpoint")
            button("forget", "Forget this checkpoint")
    return Controls(enabled, fields, inside, status, downloads, buttons)


def dropdown(gr: Any, field: Field, backend: Backend, elem_id: str) -> Any:
    return gr.Dropdown(
        file_choices(backend) if field.name == "file" else [RECOMMENDED, *field.choices],
        value=RECOMMENDED,
        label=field.label,
        info=HELP[field.name],
        allow_custom_value=field.name != "variant",
        elem_id=elem_id,
    )


def connect(controls: Controls, handlers: Handlers, prompt: Any) -> None:
    """Have the handlers called with the controls' values and the prompt, if it is known, and show what they return."""
    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    buttons, fields = controls.buttons, controls.fields
    values = [controls.enabled, *fields.values(), *([prompt] if prompt is not None else [])]
    shown = [
        controls.status, buttons["detail"], buttons["cfg_preserved"], controls.downloads, buttons["download"],
        buttons["cancel"],
    ]  # fmt: skip
    shown_with_lists = [*shown, fields["file"], controls.inside]
    for control in (controls.enabled, *fields.values()):
        control.change(handlers.show, values, shown, **quick)
    for name, handle in (
        ("look", handlers.show_with_lists), ("refresh", handlers.refresh), ("cancel", handlers.cancel),
        ("keep", handlers.keep), ("forget", handlers.forget),
    ):  # fmt: skip
        buttons[name].click(handle, values, shown_with_lists, **quick)
    buttons["download"].click(handlers.download, [buttons["download"], *values], shown_with_lists, **quick)
    controls.inside.input(handlers.set_inside, [controls.inside, *values], shown_with_lists, **quick)
    buttons["detail"].click(lambda: str(MORE_DETAIL), outputs=[fields["eta"]], **quick)
    buttons["cfg_preserved"].click(lambda: VARIANTS["cfg"], outputs=[fields["variant"]], **quick)
