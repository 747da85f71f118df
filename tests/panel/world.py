"""A backend that a test can change, and pages with the panel."""

import html
import json
import re
from pathlib import Path

import gradio as gr

from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Server
from lib_hypersd.panel import Backend, build, render_status
from lib_hypersd.plan import File, Model, Request
from lib_hypersd.recipes.catalog import HYPER_SD, Catalog, published
from lib_hypersd.recipes.memory import CannotRemember
from tests.accordion import InputAccordion
from tests.server import CONTENT, recipe

CATALOG = published()
LORAS = [
    File(r.file.removesuffix(".safetensors"), r)
    for r in CATALOG.recipes
    if r.is_lora and r.file and r.maker == HYPER_SD
]
MODEL = Model("sd15", "some model")
HOSTILE = '<img src=x onerror="document.title=1">\n"\'&\u202e💥'
ON = [True]


class World:
    """A host's backend that a test can change."""

    def __init__(self, model=MODEL, files=LORAS, catalog=CATALOG, downloads=None):
        self.model, self.files, self.catalog, self.refreshed = model, files, catalog, 0
        self.memory_problem, self.infotext, self.language = None, "", None
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
            last_infotext=lambda: self.infotext,
            language=lambda: self.language,
        )

    def request(self, settings, model, catalog, prompt):
        return Request(settings, model, self.listed(), (prompt,))

    def remember(self, memory):
        if self.memory_problem:
            raise CannotRemember(self.memory_problem)
        self.model = self.model._replace(memory=memory)

    def listed(self):
        return self.files


def shown(args, prompt="", **world):
    text, offers, _ = render_status(args, World(**world).backend, prompt)
    data = json.loads(html.unescape(re.search('data-hypersd="([^"]*)"', text).group(1)))
    return data, re.sub(r"<[^>]*>", " ", text), offers


def host_like(world):
    """A page with the controls that the panel's script looks for, and the panel."""
    with gr.Blocks() as page:
        prompt = gr.Textbox(label="Prompt", elem_id="txt2img_prompt")
        gr.Slider(1, 150, 20, step=1, label="Sampling steps", elem_id="txt2img_steps")
        gr.Slider(1, 30, 7, label="CFG Scale", elem_id="txt2img_cfg_scale")
        gr.Dropdown(["Euler"], value="Euler", label="Sampling method", elem_id="txt2img_sampling")
        gr.Dropdown(["Automatic"], value="Automatic", label="Schedule type", elem_id="txt2img_scheduler")
        unit = "txt2img_controlnet_ControlNet-0_controlnet"
        gr.Checkbox(label="Enable unit", interactive=True, elem_id=f"{unit}_enable_checkbox")
        gr.Slider(0, 2, 1, label="Control Weight", interactive=True, elem_id=f"{unit}_control_weight_slider")
        panel = build(gr, InputAccordion, "txt2img", world.backend, prompt)
        panel.controls[0].visible = True
    return page


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


def missing_file(folder, hub, content=CONTENT, finished=lambda recipe: None):
    """A world whose one LoRA is not at hand: a small file under a published id, on the hub."""
    small = recipe("hyper-sd15-8steps", content)
    catalog, server = Catalog((small,)), Server(hub.address, connect_s=2, stall_s=20)
    downloads = Downloads(lambda: server, lambda r: folder, finished, lambda: catalog, pause_s=0.01)
    return World(files=[], catalog=catalog, downloads=downloads)
