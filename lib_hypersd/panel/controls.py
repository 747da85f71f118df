"""The panel's controls: how they are laid out, and which handler each of them calls."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..plan import MORE_DETAIL
from ..recipes.settings import ENABLED, FIELDS, RECOMMENDED, VARIANTS, Field, read_pasted
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
    "two_pass": "A second pass over the enlarged image, with fewer artifacts; for SD1.5 and SDXL.",
    "fast_decoding": "By the WebUI's small decoder, TAESD: faster, and less exact.",
    "schedule": "FLUX: “By image size” shifts as diffusers does, “Simple” always as for 1024×1024.",
    "infotext": "Of any image, also of other programs; empty: the last one that was made here.",
}
CONTROLS = ("enable", *(field.name for field in FIELDS))
ROWS = (FIELDS[:2], FIELDS[2:5], FIELDS[5:7], FIELDS[7:])


class Panel(NamedTuple):
    """``controls`` in the order of the script's arguments, and what each becomes when an infotext is pasted."""

    controls: list[Any]
    paste: list[tuple[Any, Callable[[Mapping[str, str]], Any]]]


def build(gr: Any, accordion: Callable[..., Any], tab: str, backend: Backend, prompt: Any = None) -> Panel:
    """Create the panel inside the open gradio Blocks; without side effects, since hosts build it more than once.

    Args:
        gr: the host's gradio.
        accordion: makes the collapsed, labelled section whose value says whether Hyper-SD is on.
        tab: "txt2img" or "img2img", part of every element's id.
        prompt: the tab's prompt box, where it is known.
    """
    parts = lay_out(gr, accordion, tab, backend)
    connect(parts, Handlers(gr, backend, has_prompt=prompt is not None), prompt)
    readers: list[Callable[[Mapping[str, str]], Any]] = [lambda params: ENABLED in params]
    readers += [reader_of(field, backend) for field in FIELDS]
    controls = [parts[name] for name in CONTROLS]
    return Panel(controls, list(zip(controls, readers, strict=True)))


def reader_of(field: Field, backend: Backend) -> Callable[[Mapping[str, str]], str | bool]:
    return lambda params: read_pasted(field, params, backend.catalog())


def lay_out(gr: Any, accordion: Callable[..., Any], tab: str, backend: Backend) -> dict[str, Any]:
    """The panel's components by the names in their ids."""
    parts: dict[str, Any] = {}

    def put(component: Any, name: str, *args: Any, **options: Any) -> None:
        parts[name] = component(*args, elem_id=f"hypersd_{tab}_{name}", **options)

    with accordion(False, label="Hyper-SD", elem_id=f"hypersd_{tab}_enable") as parts["enable"]:
        put(gr.HTML, "status", render_status([False], backend, "").html)
        with gr.Row():
            put(gr.Button, "detail", f"More detail (eta {MORE_DETAIL})", visible=False, size="sm")
            put(gr.Button, "cfg_preserved", "Make the negative prompt work", visible=False, size="sm")
            put(gr.Button, "refresh", "Refresh LoRA list", size="sm")
            # Pressed by the page's script when the prompt or the checkpoint has changed; the style sheet hides it.
            put(gr.Button, "look", "Update", elem_classes=["hypersd-hidden"])
        put(gr.HTML, "downloads", "", visible=False)
        with gr.Row():
            put(gr.Button, "download", "Download", visible=False, size="sm", variant="primary")
            put(gr.Button, "cancel", "Cancel download", visible=False, size="sm")
        for row in ROWS:
            with gr.Row():
                for field in row:
                    texts = {"label": field.label, "info": HELP[field.name]}
                    if field.is_switch:
                        put(gr.Checkbox, field.name, False, visible=is_offered(field, tab, backend), **texts)
                        continue
                    choices = file_choices(backend) if field.name == "file" else [RECOMMENDED, *field.choices]
                    is_free = field.name != "variant"
                    put(gr.Dropdown, field.name, choices, value=RECOMMENDED, allow_custom_value=is_free, **texts)
        with gr.Row():
            help_text = "Few-step models that are merged into it. What you choose is remembered for this checkpoint."
            texts = {"label": "In the checkpoint", "info": help_text}
            put(gr.Dropdown, "inside", inside_choices(backend), value=inside_value(backend), **texts)
        with gr.Row():
            put(gr.Button, "keep", "Keep these values for this checkpoint", size="sm")
            put(gr.Button, "forget", "Forget this checkpoint", size="sm")
            put(gr.Button, "why", "Why is my picture bad?", size="sm")
        with gr.Column(visible=False) as parts["explaining"]:
            lay_out_explanation(gr, put)
    return parts


def is_offered(field: Field, tab: str, backend: Backend) -> bool:
    """Whether a switch does anything on this tab."""
    return backend.has_fast_decoder() if field.name == "fast_decoding" else tab != "img2img"


def lay_out_explanation(gr: Any, put: Callable[..., None]) -> None:
    """The part that says why a picture is bad; ``put`` makes a component and keeps it by its name."""
    put(gr.Textbox, "infotext", label="Infotext", info=HELP["infotext"], lines=3, max_lines=8)
    with gr.Row():
        put(gr.Button, "explain", "Explain", size="sm")
        put(gr.Button, "use", "Use what fits", visible=False, size="sm", variant="primary")
    put(gr.HTML, "explanation", "", visible=False)


def connect(parts: dict[str, Any], handlers: Handlers, prompt: Any) -> None:
    """Have the handlers called with the controls' values and the prompt, if there is one, and show what they return."""
    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    controls = [parts[name] for name in CONTROLS]
    values = [*controls, *([prompt] if prompt is not None else [])]
    shown = [parts[name] for name in ("status", "detail", "cfg_preserved", "downloads", "download", "cancel")]
    with_lists = [*shown, parts["file"], parts["inside"]]
    for name in CONTROLS:
        parts[name].change(handlers.show, values, shown, **quick)
    for name, handle in (
        ("look", handlers.show_with_lists), ("refresh", handlers.refresh), ("cancel", handlers.cancel),
        ("keep", handlers.keep), ("forget", handlers.forget),
    ):  # fmt: skip
        parts[name].click(handle, values, with_lists, **quick)
    parts["download"].click(handlers.download, [parts["download"], *values], with_lists, **quick)
    parts["inside"].input(handlers.set_inside, [parts["inside"], *values], with_lists, **quick)
    parts["why"].click(lambda: handlers.gr.update(visible=True), outputs=[parts["explaining"]], **quick)
    explained = [parts["explanation"], parts["use"]]
    parts["explain"].click(handlers.explain, [parts["infotext"]], explained, **quick)
    parts["use"].click(handlers.use_what_fits, [parts["infotext"]], [*explained, *controls], **quick)
    parts["detail"].click(lambda: str(MORE_DETAIL), outputs=[parts["eta"]], **quick)
    parts["cfg_preserved"].click(lambda: VARIANTS["cfg"], outputs=[parts["variant"]], **quick)
