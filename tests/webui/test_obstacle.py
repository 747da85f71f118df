"""A mode in which the host runs no extension."""

import gradio as gr
from fastapi.testclient import TestClient

from tests.webui.common import ON


def panel_text(host, values):
    from lib_hypersd.panel import render_status
    from lib_hypersd.webui import ui

    return render_status(values, ui.make_backend(), "")[0]


def test_a_mode_in_which_the_host_runs_no_script_is_said(neo):
    script = neo.load_script()
    neo.shared.opts.data["forge_model_mode"] = "api"
    payload = {"alwayson_scripts": {"Hyper-SD": {"args": [ON]}}}
    answer = TestClient(neo.app(script)).post("/hypersd/v1/plan", json=payload).json()
    assert "images made by a service" in answer["problem"] and answer["enabled"]
    with gr.Blocks():
        script.after_component(gr.Textbox(elem_id="txt2img_prompt"), elem_id="txt2img_prompt")
        panel = script.ui(False)
    assert panel and "images made by a service" in panel_text(neo, [True])
