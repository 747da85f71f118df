"""A host lacks an option or a switch that another one has: the routes answer, the panel is built, the plan holds."""

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from tests.contract.walk import walk
from tests.double import KINDS, Host, Processing
from tests.webui.common import LORAS, ON, recorded

OPTIONS, SWITCHES = "modules.shared.opts.", "modules.shared.cmd_opts."
# All that the adapter asks a host for, by the doors of ``webui/options.py``.
NAMES = sorted(name for name, use in walk().uses.items() if use.optional and name.startswith((OPTIONS, SWITCHES)))


def remove(host, name):
    if name.startswith(OPTIONS):
        host.shared.opts.data.pop(name.removeprefix(OPTIONS), None)
    else:
        vars(host.shared.cmd_opts).pop(name.removeprefix(SWITCHES), None)


def test_there_are_such_names():
    assert {OPTIONS + "enable_prompt_comments", SWITCHES + "ckpt_dir", SWITCHES + "lora_dir"} <= set(NAMES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_nothing_fails_without_it(tmp_path, kind, name):
    host = Host(tmp_path, kind)
    host.install_loras(*LORAS)
    with host.as_modules():
        script = host.load_script()
        for one in NAMES if name == "all" else [name]:
            remove(host, one)
        client = TestClient(host.app(script), raise_server_exceptions=False)
        for method, path, payload in requests():
            answer = client.request(method, path, json=payload)
            assert answer.status_code < 500, (method, path, answer.text)
        with gr.Blocks():
            script.after_component(gr.Textbox(elem_id="txt2img_prompt"), elem_id="txt2img_prompt")
            assert len(script.ui(False)) == 10
        p = Processing(host)
        host.process_images(p, script, [ON])
        assert not p.comments and len(recorded(host)) == 8


def requests():
    """One of each route; the ids are of nothing, so that nothing is fetched."""
    from lib_hypersd.webui.api import ROUTES

    panel = {"alwayson_scripts": {"Hyper-SD": {"args": [ON]}}}
    payloads = {
        "/hypersd/v1/plan": panel,
        "/hypersd/v1/checkpoint": {"inside": ""},
        "/hypersd/v1/download": {"id": "x"},
    }
    return [(method, path.replace("{id}", "x"), payloads.get(path)) for method, path, _ in ROUTES]


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_knows_its_folder_without_any_switch(tmp_path, kind):
    host = Host(tmp_path, kind)
    with host.as_modules():
        host.load_script()
        for name in NAMES:
            remove(host, name)
        from lib_hypersd.recipes.catalog import published
        from lib_hypersd.webui import downloads

        folders = {recipe.is_lora: downloads.choose_folder(recipe) for recipe in published().recipes}
        assert folders == {True: tmp_path / "models" / "Lora", False: tmp_path / "Stable-diffusion"}


def test_folders_in_lists_are_taken_in_their_order(tmp_path):
    host = Host(tmp_path, "neo")
    with host.as_modules():
        host.load_script()
        from lib_hypersd.recipes.catalog import published
        from lib_hypersd.webui import downloads

        lora = next(recipe for recipe in published().recipes if recipe.is_lora)
        checkpoint = next(recipe for recipe in published().recipes if not recipe.is_lora)
        assert downloads.choose_folder(lora) == tmp_path / "Lora"
        host.shared.cmd_opts.lora_dirs = [str(tmp_path / "more loras")]
        host.shared.cmd_opts.ckpt_dirs = [str(tmp_path / "one"), str(tmp_path / "two")]
        assert (
            downloads.choose_folder(lora) == tmp_path / "Lora"
            and downloads.choose_folder(checkpoint) == tmp_path / "one"
        )
        host.shared.cmd_opts.lora_dir = None
        assert downloads.choose_folder(lora) == tmp_path / "more loras"
