"""The panel under real gradio: what it shows, what it offers, and how it reads aloud and by keyboard."""

import html
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Server
from lib_hypersd.download.transfer import CHECKING, Download
from lib_hypersd.panel import Backend, build, render_downloads, render_status
from lib_hypersd.panel.backend import file_choices, inside_choices, inside_value
from lib_hypersd.plan import File, Memory, Model, Request
from lib_hypersd.recipes.catalog import HYPER_SD, Catalog, published
from lib_hypersd.recipes.memory import CannotRemember
from lib_hypersd.recipes.settings import FIELDS, RECOMMENDED, VARIANTS, Settings
from tests.accordion import InputAccordion
from tests.browser import page_of, requires_browser
from tests.server import CONTENT, Answer, Hub, recipe, wait_until

CATALOG = published()
LORAS = [
    File(r.file.removesuffix(".safetensors"), r)
    for r in CATALOG.recipes
    if r.is_lora and r.file and r.maker == HYPER_SD
]
MODEL = Model("sd15", "some model")
HOSTILE = '<img src=x onerror="document.title=1">\n"\'&\u202e💥'


class World:
    """A host's backend that a test can change."""

    def __init__(self, model=MODEL, files=LORAS, catalog=CATALOG, downloads=None):
        self.model, self.files, self.catalog, self.refreshed = model, files, catalog, 0
        self.memory_problem = None
        self.downloads = downloads or Downloads(Server, lambda recipe: Path("the folder"))

    def refresh(self):
        self.refreshed += 1

    @property
    def backend(self):
        return Backend(
            lambda: self.catalog,
            lambda: self.model,
            lambda catalog, model: self.listed(),
            self.request,
            self.refresh,
            self.downloads,
            self.remember,
        )

    def request(self, settings, model, catalog, prompt):
        return Request(settings, model, self.listed(), (prompt,))

    def remember(self, memory):
        if self.memory_problem:
            raise CannotRemember(self.memory_problem)
        self.model = replace(self.model, memory=memory)

    def listed(self):
        return self.files


def shown(args, prompt="", **world):
    text, offers, _ = render_status(args, World(**world).backend, prompt)
    data = json.loads(html.unescape(re.search('data-hypersd="([^"]*)"', text).group(1)))
    return data, re.sub(r"<[^>]*>", " ", text), offers


ON = [True]


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
    ("args", "world", "said"),
    [
        ([True, RECOMMENDED, "nine"], {}, "Steps must be a whole number from 1 to 150, not &#x27;nine&#x27;."),
        (ON, {"files": []}, "Hyper-SD15-8steps-lora.safetensors (269 MB) is not among the LoRAs"),
        (ON, {"model": Model(None, "v2-1")}, "and v2-1 is none of these."),
    ],
)
def test_a_problem_is_said_and_nothing_is_marked_as_overridden(args, world, said):
    data, text, offers = shown(args, **world)
    assert (
        data["state"] == "problem"
        and "override" not in data
        and said in text
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
    assert [c.value for c in panel.controls] == [False, *[RECOMMENDED] * 7]


def test_a_pasted_infotext_restores_it_and_a_foreign_one_switches_it_off():
    with gr.Blocks():
        panel = build(gr, InputAccordion, "txt2img", World().backend)
    values = [[read(params) for _, read in panel.paste] for params in (
        {"Hyper-SD": "hyper-sd15-8steps-cfg", "Hyper-SD variant": "cfg", "Hyper-SD CFG": "4.5", "Steps": "8"},
        {"Steps": "20", "Sampler": "Euler"},
    )]  # fmt: skip
    assert values[0] == [True, VARIANTS["cfg"], RECOMMENDED, RECOMMENDED, "4.5", *[RECOMMENDED] * 3]
    assert values[1] == [False, *[RECOMMENDED] * 7]


def host_like(world):
    """A page with the controls that the panel's script looks for, and the panel."""
    with gr.Blocks() as page:
        prompt = gr.Textbox(label="Prompt", elem_id="txt2img_prompt")
        gr.Slider(1, 150, 20, step=1, label="Sampling steps", elem_id="txt2img_steps")
        gr.Slider(1, 30, 7, label="CFG Scale", elem_id="txt2img_cfg_scale")
        gr.Dropdown(["Euler"], value="Euler", label="Sampling method", elem_id="txt2img_sampling")
        gr.Dropdown(["Automatic"], value="Automatic", label="Schedule type", elem_id="txt2img_scheduler")
        panel = build(gr, InputAccordion, "txt2img", world.backend, prompt)
        panel.controls[0].visible = True
    return page


@requires_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser(theme):
    world = World(Model("sd15", HOSTILE.replace("\n", " ")))
    with page_of(host_like(world), theme) as page:
        status = page.locator("#hypersd_txt2img_status").first
        assert status.get_attribute("role") == "status"
        page.wait_for_function("document.querySelector('#hypersd_txt2img_status').innerText.includes('Off.')")
        assert page.locator(".hypersd-badge").count() == 0

        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=Hyper-SD uses DDIM-Trailing")
        assert page.locator(".hypersd-badge").all_inner_texts() == [
            "Hyper-SD uses 8", "Hyper-SD uses 1", "Hyper-SD uses DDIM-Trailing", "Hyper-SD uses Trailing"
        ]  # fmt: skip
        slider = page.locator("#txt2img_steps input").first
        assert page.locator(f"#{slider.get_attribute('aria-describedby')}").inner_text() == "Hyper-SD uses 8"
        assert page.locator("#txt2img_steps input[type=number]").input_value() == "20", (
            "the user's own value stays where it is"
        )

        steps = page.get_by_label(re.compile("^Steps"))
        # By keyboard alone: open the list of steps, go to its fourth entry, take it.
        steps.focus()
        for key in ("ArrowDown",) * 4:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/^[1-4] steps? with/")

        page.get_by_role("button", name="Make the negative prompt work").click()
        page.wait_for_selector(
            "#hypersd_txt2img_status >> text=/No CFG-preserved Hyper-SD for SD1.5 serves [1-4] step/"
        )
        assert page.locator(".hypersd-badge").count() == 0, "a plan that is not carried out overrides nothing"
        steps.fill("12")
        page.keyboard.press("Enter")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/12 steps with Hyper-SD15-12steps-CFG-lora/")

        page.locator("#txt2img_prompt textarea").fill("a cat <lora:Hyper-SD15-2steps-lora:0.7>")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/12 steps with Hyper-SD15-2steps-lora at weight 0.7/")
        page.get_by_role("checkbox", name="Hyper-SD").uncheck()
        page.wait_for_selector("#hypersd_txt2img_status >> text=/The prompt has the few-step LoRA/")
        assert page.locator(".hypersd-badge").count() == 0 and page.locator(".hypersd-overridden").count() == 0

        world.model = Model("sdxl", "another")
        page.evaluate("opts.sd_model_checkpoint = 'another'")
        page.wait_for_selector("#hypersd_txt2img_status >> text=another: SDXL")
        assert world.refreshed == 0
        page.get_by_role("button", name="Refresh LoRA list").click()
        page.wait_for_function("document.title !== '1'")
        page.wait_for_timeout(200)
        assert world.refreshed == 1 and page.title() != "1", "no name became markup"


@requires_browser
def test_an_answer_that_comes_late_does_not_stay():
    world, hold, release = World(), threading.Event(), threading.Event()

    def listed():
        if hold.is_set():
            hold.clear()
            release.wait(60)
        return LORAS

    world.listed = listed
    with page_of(host_like(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=Off.")
        page.wait_for_timeout(1500)  # by now it has seen which checkpoint is selected
        hold.set()  # what is asked next, which is about the prompt
        page.locator("#txt2img_prompt textarea").fill("a cat <lora:Hyper-SD15-2steps-lora:0.7>")
        wait_until(lambda: not hold.is_set())
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("#hypersd_txt2img_status >> text=/2 steps with/")
        page.evaluate("""() => {
            const status = document.querySelector('#hypersd_txt2img_status');
            window.said = '';
            new MutationObserver(() => window.said += status.textContent).observe(status, {childList: true, subtree: true});
        }""")
        release.set()
        page.wait_for_function("window.said.includes('The prompt has the few-step LoRA')")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/2 steps with/")


@requires_browser
def test_it_waits_for_a_checkpoint_that_loads():
    world = World(model=None)
    with page_of(host_like(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=not loaded yet")
        world.model = Model("sd15", "slow to come")
        page.wait_for_selector("#hypersd_txt2img_status >> text=slow to come: SD1.5")


def page_with_a_checkpoint_list(world):
    """A page as of hosts whose list of checkpoints stands on it, and whose FLUX has a CFG of its own."""
    models = {"plain": Model("sd15", "plain"), "flux": Model("flux", "flux"), "odd": None}

    def select(name):
        world.model = models[name]

    with gr.Blocks() as page:
        names = gr.Dropdown(list(models), value="plain", label="Checkpoint", elem_classes=["model_selection"])
        names.change(select, names)
        prompt = gr.Textbox(label="Prompt", elem_id="txt2img_prompt")
        gr.Slider(0, 30, 2, label="Distilled CFG Scale", elem_id="txt2img_distilled_cfg_scale")
        panel = build(gr, InputAccordion, "txt2img", world.backend, prompt)
        panel.controls[0].visible = True
    return page


@requires_browser
def test_a_list_of_checkpoints_on_the_page_is_followed():
    world = World(plain := Model("sd15", "plain"))
    with page_of(page_with_a_checkpoint_list(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=plain: SD1.5")
        page.get_by_role("checkbox", name="Hyper-SD").check()

        def select(name):
            page.get_by_label("Checkpoint", exact=True).fill(name)
            page.keyboard.press("Enter")

        select("flux")
        page.wait_for_selector("#hypersd_txt2img_status >> text=flux: FLUX.1-dev")
        page.wait_for_selector("#txt2img_distilled_cfg_scale >> text=Hyper-SD uses 3.5")
        select("odd")
        page.wait_for_selector("#hypersd_txt2img_status >> text=not loaded yet")
        world.model = plain
        page.locator("#hypersd_txt2img_enable").hover()
        page.wait_for_selector("#hypersd_txt2img_status >> text=plain: SD1.5", timeout=1500)


def missing_file(folder, hub, content=CONTENT, finished=lambda recipe: None):
    """A world whose one LoRA is not at hand: a small file under a published id, on the hub."""
    small = recipe("hyper-sd15-8steps", content)
    catalog, server = Catalog((small,)), Server(hub.address, connect_s=2, stall_s=20)
    downloads = Downloads(lambda: server, lambda r: folder, finished, lambda: catalog, pause_s=0.01)
    return World(files=[], catalog=catalog, downloads=downloads)


def test_what_is_missing_is_shown_with_its_size_folder_and_address(tmp_path):
    folder = tmp_path / "<b>"
    with Hub() as hub:
        world = missing_file(folder, hub)
        _, _, missing = render_status(ON, world.backend, "")
        shown, label = render_downloads(world.downloads, missing)
        assert label == "Download Hyper-SD15-8steps-lora.safetensors (0 MB)"
        for line in (
            "File: Hyper-SD15-8steps-lora.safetensors, 0 MB",
            f"From: {hub.address}/ByteDance/Hyper-SD/resolve/main/Hyper-SD15-8steps-lora.safetensors",
            f"To: {html.escape(str(folder))}",
        ):
            assert f"<p>{line}</p>" in shown
        assert hub.requests == [] and not folder.exists(), "nothing is fetched without a click"
        assert render_downloads(world.downloads, None) == ("", None)


def test_a_file_that_nobody_published_has_no_button(tmp_path):
    mine = replace(CATALOG.recipes[0], id="mine", file="mine.safetensors")
    assert render_downloads(World().downloads, mine) == ("", None)


def test_a_download_is_shown_while_it_runs_and_when_it_fails(tmp_path):
    with Hub(Answer(stall=60, cut=50_000), otherwise=Answer(404)) as hub:
        world = missing_file(tmp_path, hub)
        missing = render_status(ON, world.backend, "")[2]
        download = world.downloads.start(missing.id)
        wait_until(lambda: download.done == 50_000)
        shown, label = render_downloads(world.downloads, missing)
        assert label is None and 'max="200000" value="50000"' in shown and "data-hypersd-coming" in shown
        assert render_downloads(world.downloads, None) == (shown, None), "also when another file is wanted meanwhile"
        hub.over.set()
        download.thread.join(10)
    shown, label = render_downloads(world.downloads, missing)
    assert label and "does not have the file (404)" in shown and "data-hypersd-coming" not in shown


def test_states_are_said(tmp_path):
    with Hub() as hub:
        world = missing_file(tmp_path, hub)
        download = world.downloads.by_id["x"] = Download(world.catalog.recipes[0], tmp_path / HOSTILE, Server)
        download.state = CHECKING
        shown, _ = render_downloads(world.downloads, None)
        assert "is being checked." in shown and "<img" not in shown
        download.cancel()
        assert "is being cancelled." in render_downloads(world.downloads, None)[0]


@requires_browser
def test_a_click_fetches_what_is_missing(tmp_path):
    with Hub(Answer(stall=60, cut=50_000)) as hub:

        def finished(recipe):
            world.files = [File(recipe.file.removesuffix(".safetensors"), recipe)]

        world = missing_file(tmp_path, hub, finished=finished)
        with page_of(host_like(world), "light") as page:
            button = page.get_by_role("button", name=re.compile("^Download Hyper-SD15-8steps-lora.safetensors"))
            cancel = page.get_by_role("button", name="Cancel download")
            page.wait_for_function("document.querySelector('#hypersd_txt2img_status').innerText.includes('Off.')")
            assert not button.is_visible() and not cancel.is_visible()
            page.get_by_role("checkbox", name="Hyper-SD").check()
            button.wait_for()
            page.wait_for_selector(f"#hypersd_txt2img_downloads >> text=To: {tmp_path}")
            assert hub.requests == []

            button.click()
            bar = page.get_by_role("progressbar", name="Hyper-SD15-8steps-lora.safetensors")
            bar.wait_for()
            button.wait_for(state="hidden")
            page.wait_for_selector("#hypersd_txt2img_downloads progress[value='50000']", state="attached")
            cancel.click()
            page.wait_for_selector("text=is being cancelled")
            hub.over.set()
            button.wait_for()
            assert list(tmp_path.iterdir()) == [] and not cancel.is_visible()

            hub.over.clear()
            button.click()
            page.wait_for_selector("#hypersd_txt2img_status >> text=8 steps with Hyper-SD15-8steps-lora")
            bar.wait_for(state="detached")
            assert not button.is_visible() and not cancel.is_visible()
    assert (tmp_path / "Hyper-SD15-8steps-lora.safetensors").read_bytes() == CONTENT


@requires_browser
def test_a_click_counts_only_for_the_file_that_the_button_names(tmp_path):
    with Hub() as hub:
        world = missing_file(tmp_path, hub)
        with page_of(host_like(world), "light") as page:
            page.get_by_role("checkbox", name="Hyper-SD").check()
            button = page.get_by_role("button", name=re.compile("^Download Hyper-SD15"))
            button.wait_for()
            other = replace(world.catalog.recipes[0], id="hyper-sd15-4steps", file="Hyper-SD15-4steps-lora.safetensors")
            world.catalog = Catalog((other,))
            world.downloads.catalog = lambda: world.catalog
            button.click()
            page.get_by_role("button", name=re.compile("^Download Hyper-SD15-4steps")).wait_for()
            assert world.downloads.all() == [] and hub.requests == []


# What is said of the checkpoint.


def test_what_is_in_the_checkpoint_can_be_chosen_among_what_has_recipes():
    backend = World(model=Model("sdxl", "x")).backend
    assert inside_choices(backend)[:2] == ["As its name says", "Nothing: it is a plain checkpoint"]
    assert {"Hyper-SD", "SDXL-Lightning", "DMD2"} <= set(inside_choices(backend))
    assert "SDXL-Lightning" not in inside_choices(World(model=Model("sd15", "x")).backend)
    assert inside_choices(World(model=None).backend) == inside_choices(backend)[:2]
    for memory, label in (
        (Memory(), "As its name says"), (Memory(""), "Nothing: it is a plain checkpoint"), (Memory("LCM"), "LCM")
    ):  # fmt: skip
        assert inside_value(World(model=replace(MODEL, memory=memory)).backend) == label


@requires_browser
def test_one_click_remembers_and_one_forgets():
    world = World(model=Model("sdxl", "dreamXL_Lightning"))
    with page_of(host_like(world), "light") as page:
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=SDXL-Lightning is already in the checkpoint, by its name.")
        inside = page.get_by_label(re.compile("^In the checkpoint"))
        inside.click()
        page.locator("#hypersd_txt2img_inside li", has_text="Nothing: it is a plain checkpoint").click()
        page.wait_for_function(
            "document.querySelector('.hypersd-status').innerText.includes('Hyper-SDXL-8steps-lora at weight')"
        )
        assert world.model.memory == Memory("")
        page.get_by_label(re.compile("^Steps")).fill("4")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=4 steps with")
        page.get_by_role("button", name="Keep these values for this checkpoint").click()
        wait_until(lambda: world.model.memory == Memory("", Settings(steps=4)))
        page.get_by_role("button", name="Forget this checkpoint").click()
        wait_until(lambda: world.model.memory == Memory())
        page.wait_for_selector("text=SDXL-Lightning is already in the checkpoint, by its name.")
        world.memory_problem = "The disk is full."
        page.get_by_role("button", name="Forget this checkpoint").click()
        page.wait_for_selector("text=The disk is full.")
