"""The panel under real gradio: what it shows, what it offers, and what is pasted into it."""

import gradio as gr
import pytest

from lib_hypersd.panel import build, render_downloads, render_status
from lib_hypersd.panel.backend import file_choices, inside_choices, inside_value
from lib_hypersd.panel.handlers import Handlers
from lib_hypersd.plan import File, Memory, Model
from lib_hypersd.recipes.catalog import Catalog
from lib_hypersd.recipes.settings import FIELDS, RECOMMENDED, VARIANTS
from tests.accordion import InputAccordion
from tests.panel.world import CATALOG, HOSTILE, LORAS, MODEL, ON, World, shown


def test_the_family_and_the_plan_are_shown_before_anybody_generates():
    data, text, offers = shown([True, RECOMMENDED, "4"])
    assert "some model: SD1.5" in text and "4 steps with Hyper-SD15-4steps-lora at weight 1: DDIM-Trailing" in text
    assert data == {
        "state": "on", "model": "some model", "summary": "4 steps, CFG 1",
        "override": {"steps": "4", "cfg_scale": "1", "sampling": "DDIM-Trailing", "scheduler": "Trailing"},
    }  # fmt: skip
    assert offers == ("cfg",) and "At CFG 1 the negative prompt has no effect." in text


def test_files_that_cannot_be_used_are_named_and_never_markup():
    recipe = next(r for r in CATALOG.recipes if r.id == "hyper-sd15-8steps")
    broken = [File(f"{HOSTILE} {i}", None, problem=f"{HOSTILE} {i} is broken.", looks_like=recipe) for i in range(5)]
    text, *_ = render_status(ON, World(files=[*LORAS, *broken]).backend, "")
    assert "<img" not in text and text.count(" is broken.") == 3 and "2 more files cannot be used." in text
    assert "is broken" not in render_status(ON, World(model=Model("sdxl", "xl"), files=broken).backend, "")[0]
    assert "is broken" not in render_status([False], World(files=broken).backend, "")[0]
    assert not [c for c in file_choices(World(files=broken).backend) if "img" in c]


def test_above_cfg_1_nothing_is_said_of_the_negative_prompt():
    data, text, offers = shown([True, VARIANTS["cfg"]])
    assert "negative prompt has no effect" not in text and offers == () and data["summary"] == "8 steps, CFG 5"


def test_off_loading_and_a_tag_in_the_prompt():
    assert shown([False])[0] == {"state": "off", "model": "some model"}
    assert shown([False], model=None)[0] == shown(ON, model=None)[0] == {"state": "loading"}
    data, text, _ = shown([False], "a <lora:Hyper-SD15-4steps-lora:1>")
    assert data["state"] == "tag" and "The prompt has the few-step LoRA Hyper-SD15-4steps-lora." in text


@pytest.mark.parametrize(
    ("args", "world", "sentence"),
    [
        ([True, RECOMMENDED, "nine"], {}, "Steps must be a whole number from 1 to 150, not &#x27;nine&#x27;."),
        (ON, {"files": []}, "Hyper-SD15-8steps-lora.safetensors (269 MB) is not among the LoRAs"),
        (ON, {"model": Model(None, "v2-1")}, "and v2-1 is none of these."),
    ],
)
def test_a_problem_is_said_and_nothing_is_marked_as_overridden(args, world, sentence):
    data, text, offers = shown(args, **world)
    assert (
        data["state"] == "problem"
        and "override" not in data
        and sentence in text
        and "Until then your own settings are used." in text
        and offers == ()
    )


def test_warnings_and_faults_of_the_users_recipes_are_listed():
    catalog = Catalog(CATALOG.recipes, ("mine.json, line 3: no.",))
    _, text, _ = shown([True, RECOMMENDED, "6", "", "", "", "Hyper-SD15-4steps-lora"], catalog=catalog)
    assert "6 steps are set, and this is made for 4 steps." in text and "mine.json, line 3: no." in text


def test_everything_shown_is_escaped():
    named = World(Model("sd15", HOSTILE), [File(HOSTILE, LORAS[0].recipe)])
    for args in ([False], ON, [True, HOSTILE], [{"enabled": True, HOSTILE: 1}], [True, "", "", "", "", "", HOSTILE]):
        text, *_ = render_status(args, named.backend, f"<lora:{HOSTILE}:1>")
        assert "<img" not in text and text.count("<div") == 1
    assert HOSTILE in file_choices(named.backend), "a choice is a value, which gradio shows as text"


def test_the_file_list_is_of_the_models_family():
    names = file_choices(World().backend)
    assert names[0] == RECOMMENDED and len(names) == 7 and all("SD15" in name for name in names[1:])
    assert len(file_choices(World(model=None).backend)) == 1 + len(LORAS)


def test_it_is_built_in_the_order_of_the_arguments_and_off():
    with gr.Blocks():
        panel = build(gr, InputAccordion, "img2img", World().backend)
    assert [c.elem_id for c in panel.controls] == [
        "hypersd_img2img_enable-checkbox",
        *(f"hypersd_img2img_{f.name}" for f in FIELDS),
    ]
    assert [c.value for c in panel.controls] == [False, *[RECOMMENDED] * 7, False, False]


def test_a_pasted_infotext_restores_it_and_a_foreign_one_switches_it_off():
    with gr.Blocks():
        panel = build(gr, InputAccordion, "txt2img", World().backend)
    values = [[read(params) for _, read in panel.paste] for params in (
        {"Hyper-SD": "hyper-sd15-8steps-cfg", "Hyper-SD variant": "cfg", "Hyper-SD CFG": "4.5", "Steps": "8"},
        {"Steps": "20", "Sampler": "Euler"},
    )]  # fmt: skip
    assert values[0] == [True, VARIANTS["cfg"], RECOMMENDED, RECOMMENDED, "4.5", *[RECOMMENDED] * 3, False, False]
    assert values[1] == [False, *[RECOMMENDED] * 7, False, False]


def test_what_is_in_the_checkpoint_can_be_chosen_among_what_has_recipes():
    backend = World(model=Model("sdxl", "x")).backend
    assert inside_choices(backend)[:2] == ["As its name says", "Nothing: it is a plain checkpoint"]
    assert {"Hyper-SD", "SDXL-Lightning", "DMD2"} <= set(inside_choices(backend))
    assert "SDXL-Lightning" not in inside_choices(World(model=Model("sd15", "x")).backend)
    assert inside_choices(World(model=None).backend) == inside_choices(backend)[:2]
    for memory, label in (
        (Memory(), "As its name says"), (Memory(""), "Nothing: it is a plain checkpoint"), (Memory("LCM"), "LCM")
    ):  # fmt: skip
        assert inside_value(World(model=MODEL._replace(memory=memory)).backend) == label


def test_fast_decoding_is_offered_where_the_weights_are():
    for there in (False, True):
        backend = World().backend._replace(has_fast_decoder=lambda there=there: there)
        for tab in ("txt2img", "img2img"):
            with gr.Blocks():
                controls = build(gr, InputAccordion, tab, backend).controls
            two_pass, fast = controls[-2:]
            assert (fast.label, fast.visible) == ("Fast decoding", there)
            assert two_pass.visible == (tab == "txt2img")


def test_what_fits_is_used_only_where_the_infotext_can_be_read():
    world = World(Model("sdxl", "some SDXL"))
    handlers = Handlers(gr, world.backend, has_prompt=False)
    good = "a cat <lora:Hyper-SDXL-4steps-lora:1>\nSteps: 4, CFG scale: 7, Model: sd_xl_base"
    html, use, enabled, *values = handlers.use_what_fits(good)
    assert html == use == gr.update() and enabled is True
    assert dict(zip((field.name for field in FIELDS), values, strict=True))["file"] == "Hyper-SDXL-4steps-lora"
    html, use, *values = handlers.use_what_fits("no infotext")
    assert (html, use) == handlers.explain("no infotext") and "This is no infotext" in html["value"]
    assert use == gr.update(visible=False) and values == [gr.update()] * (1 + len(FIELDS))


def test_everything_is_said_in_the_users_language():
    world = World(Model("sd15", "some model"))
    world.language = "de_DE"
    text, *_ = render_status([True, RECOMMENDED, "4"], world.backend, "")
    assert "4 Schritte, Hyper-SD15-4steps-lora mit Gewicht 1: DDIM-Trailing mit dem Zeitplan Trailing" in text
    assert "4 Schritte, CFG 1" in text and "Bei CFG 1 hat der negative Prompt keine Wirkung." in text
    text, *_ = render_status([True, RECOMMENDED, "nine"], world.backend, "")
    assert "Schritte: erwartet wird eine ganze Zahl von 1 bis 150, nicht" in text
    world.files = []
    status = render_status(ON, world.backend, "")
    assert "Hyper-SD15-8steps-lora.safetensors (269 MB) ist nicht unter den LoRAs" in status.html
    html, label = render_downloads(world.downloads, status.missing, "de_DE")
    assert label == "Hyper-SD15-8steps-lora.safetensors (269 MB) herunterladen" and "Datei: Hyper" in html
    handlers = Handlers(gr, world.backend, has_prompt=False)
    explained, _ = handlers.explain("a cat <lora:Hyper-SDXL-4steps-lora:1>\nSteps: 4, CFG scale: 7, Model: sd_xl_base")
    assert "CFG: 7 → 1. CFG 7 ist eingestellt" in explained["value"] and "Es passt: 4 Schritte" in explained["value"]
