"""The live page's pictures on a host: its own requests, only while nothing else is made, and nothing saved by itself."""

import base64
import io
import time
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from tests import double
from tests.webui.common import LORAS

CAT = {"prompt": "a cat", "seed": "1", "width": "64", "height": "64", "steps": "1", "strength": "0.5", "drawing": None}


@pytest.fixture(params=double.KINDS)
def host(request, tmp_path):
    with double.running(tmp_path, request.param, *LORAS) as host:
        host.load_script()
        yield host


@pytest.fixture
def pictures(host):
    from lib_hypersd.webui import live_pictures

    return live_pictures


@pytest.fixture
def tab(host):
    from lib_hypersd.webui import live

    return live


def scribble(size=(32, 32)):
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def evaluations(host):
    return len(host.network.timesteps)


def options(host):
    return dict(vars(host.shared.opts)), dict(host.shared.opts.data), dict(vars(host.shared.cmd_opts))


def test_a_picture_by_the_plan_and_the_host_is_as_it_was(host, pictures):
    before = options(host)
    answer = pictures.draw(CAT)
    assert (answer["state"], answer["steps"], answer["guided"]) == ("picture", 1, False)
    assert host.loras_used == [["Hyper-SD15-1step-lora"]] and evaluations(host) == 1
    assert "<lora:Hyper-SD15-1step-lora:1> a cat\nSteps: 1, Seed: 1" in answer["infotext"]
    image = Image.open(io.BytesIO(base64.b64decode(answer["image"].partition(",")[2])))
    assert image.size == (64, 64)
    assert options(host) == before and host.shared.state.job == ""
    assert host.call_queue.queue_lock.acquire(blocking=False), "the queue is free again"


def test_the_models_own_thread_makes_it_where_the_host_has_one(host, pictures):
    pictures.draw(CAT)
    assert host.threads == ([] if host.kind == "a1111" else ["make"])


def test_the_time_is_told_by_what_it_went_into(host, pictures, monkeypatch):
    setup = double.Processing.setup_conds
    monkeypatch.setattr(double.Processing, "setup_conds", lambda p: (time.sleep(0.05), setup(p)))
    times = pictures.draw(CAT)["times"]
    assert list(times)[:2] == ["WebUI", "plan"] and times["text"] >= 50
    assert {"LoRA", "start image", "decoder"} <= times.keys()


def test_while_the_host_makes_another_image_nothing_reaches_the_network(host, pictures):
    queue = host.call_queue.queue_lock
    queue.acquire()
    assert pictures.draw(CAT) == {"state": "waiting", "sentence": "Waiting: another image is being made."}
    assert evaluations(host) == 0 and not queue.acquire(blocking=False), "nor is the other image's turn over"
    queue.release()
    assert pictures.draw(CAT)["state"] == "picture"


def test_after_a_failure_the_queue_is_free(host, pictures):
    host.failure = RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        pictures.draw(CAT)
    host.failure = None
    assert pictures.draw(CAT)["state"] == "picture"


def test_where_the_hosts_thread_tells_nothing_there_is_a_sentence(host, pictures, monkeypatch):
    if host.kind != "a1111":
        monkeypatch.setattr(pictures.main_thread, "run_and_wait_result", lambda *_: None)
        assert pictures.draw(CAT) == {
            "state": "refused",
            "sentence": "The WebUI could not make this picture; its console says why.",
        }


def test_without_a_plan_its_sentence_is_the_answer_and_the_network_is_not_asked(host, pictures):
    answer = pictures.draw({**CAT, "prompt": "a cat <lora:Hyper-SD15-1step-lora:nan>"})
    sentence = "The weight in <lora:Hyper-SD15-1step-lora:nan> is no number."
    assert answer == {"state": "refused", "sentence": sentence} and evaluations(host) == 0
    assert pictures.draw(CAT)["state"] == "picture"


def test_with_guidance_the_negative_prompt_counts(host, pictures):
    answer = pictures.draw({**CAT, "prompt": "a cat <lora:Hyper-SD15-8steps-CFG-lora:1>"})
    assert answer["state"] == "picture" and answer["guided"]


def test_a_lora_that_does_not_load_ends_the_picture(host, pictures):
    host.placed["Hyper-SD15-1step-lora"] = 0
    answer = pictures.draw(CAT)
    assert answer["state"] == "refused" and "could not load" in answer["sentence"]
    assert evaluations(host) == 0


def test_values_that_are_off_are_sentences(host, pictures):
    answer = pictures.draw({**CAT, "seed": "-3", "width": "100", "drawing": "nonsense", "steps": "9"})
    assert answer["state"] == "refused"
    for name in ("Seed", "Width", "Drawing", "Steps"):
        assert f"{name} must be" in answer["sentence"]
    assert pictures.draw({"prompt": "\ud800"})["state"] == "refused"
    assert evaluations(host) == 0


def test_a_drawing_is_what_the_picture_starts_from(host, pictures):
    plain = pictures.draw(CAT)
    drawn = pictures.draw({**CAT, "drawing": scribble()})
    assert drawn["state"] == "picture" and drawn["image"] != plain["image"]
    broken = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode()
    answer = pictures.draw({**CAT, "drawing": broken})
    assert answer == {"state": "refused", "sentence": "The drawing is no image that can be read."}
    assert host.call_queue.queue_lock.acquire(blocking=False) and host.shared.state.job == ""


class ControlNet:
    """ControlNet's script among the others, with one unit; where ``fails`` is set it does nothing, as on an error."""

    fails = False

    def __init__(self, runner):
        self.args_from, self.args_to = len(runner.inputs), len(runner.inputs) + 1
        runner.inputs.append(SimpleNamespace(value=SimpleNamespace(enabled=False, weight=1.0)))
        runner.alwayson_scripts.append(self)

    def title(self):
        return "ControlNet"

    def process(self, p, unit, *args):
        self.unit = unit
        if not self.fails and unit["enabled"]:
            p.extra_generation_params["ControlNet 0"] = unit["model"]

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def test_a_controlnet_follows_the_drawing(host, pictures):
    extension = ControlNet(host.scripts.scripts_txt2img)
    drawn = {**CAT, "drawing": scribble(), "control": "lines", "control_weight": "0.4"}
    answer = pictures.draw(drawn)
    assert answer["state"] == "picture" and "ControlNet 0: lines" in answer["infotext"]
    unit = extension.unit
    assert unit == {"enabled": True, "model": "lines", "weight": 0.4, "image": drawn["drawing"]}
    extension.fails = True
    expected = "The WebUI's ControlNet could not follow the scribble with lines; its console says why."
    assert pictures.draw(drawn) == {"state": "refused", "sentence": expected}
    assert pictures.draw({**drawn, "drawing": None})["state"] == "picture", "there is nothing to follow"


def test_without_a_controlnet_its_picture_is_refused(host, pictures):
    answer = pictures.draw({**CAT, "drawing": scribble(), "control": "lines"})
    assert answer == {"state": "refused", "sentence": "The WebUI has no ControlNet."} and not evaluations(host)


def test_interrupt_ends_the_pages_picture_and_no_other(host, pictures):
    host.shared.state.begin(job="txt2img")
    assert pictures.interrupt({}) == {"state": "message", "sentence": "Interrupted."}
    assert not host.shared.state.interrupted

    def interrupt_at_the_second(*_):
        if evaluations(host):
            pictures.interrupt({})

    host.network.register_forward_pre_hook(interrupt_at_the_second)
    assert pictures.draw({**CAT, "steps": 4}) == {"state": "message", "sentence": "Interrupted."}
    assert evaluations(host) == 1, "it ended at the next evaluation"


def test_taesd_decodes_where_its_file_is_and_is_never_fetched(host, pictures):
    answer = pictures.draw({**CAT, "taesd": True})
    assert host.decoders == ["Full"] and "no taesd_decoder.pth in" in answer["notes"][-1]
    folder = host.folder / "models" / "VAE-taesd"
    folder.mkdir(parents=True)
    (folder / "taesd_decoder.pth").touch()
    assert pictures.draw({**CAT, "taesd": True})["notes"] == [] and host.decoders == ["Full", "TAESD"]
    assert host.shared.opts.sd_vae_decode_method == "Full"


def test_keep_saves_by_the_hosts_own_function(host, pictures):
    answer = pictures.draw(CAT)
    before = set(host.folder.rglob("*.png"))
    answer_to_keep = pictures.keep({**CAT, "image": answer["image"], "infotext": answer["infotext"]})
    (file,) = set(host.folder.rglob("*.png")) - before
    assert answer_to_keep == {"state": "message", "sentence": f"Kept as {file}."} and file.name == "txt2img 1.png"
    with Image.open(file) as image:
        assert image.info["parameters"] == answer["infotext"]
    drawn = pictures.keep({**CAT, "drawing": scribble(), "image": answer["image"]})
    assert "img2img 1.png" in drawn["sentence"]
    assert pictures.keep({**CAT, "image": "nonsense"})["state"] == "refused"


def test_the_tab_and_where_its_pictures_go(host, tab):
    ((blocks, title, name),) = tab.build_tab()
    html = next(one.value for one in blocks.blocks.values() if isinstance(one, gr.HTML))
    assert (
        (title, name) == ("Hyper-SD Live", "hypersd_live") and 'id="hypersd_live"' in html and "Send to img2img" in html
    )
    assert [binding._given[0] for binding in host.bindings] == ["txt2img", "img2img"]
    assert all(one.do_not_save_to_config for one in blocks.blocks.values() if isinstance(one, gr.Textbox | gr.Button))


def test_without_the_tab_there_is_nothing(host, tab):
    host.shared.opts.data["hypersd_live_tab"] = False
    app = FastAPI()
    tab.answer_page(None, app)
    assert tab.build_tab() == [] and not [r for r in app.routes if "live" in r.path]


def test_who_may_see_the_page_may_ask(host, tab):
    with gr.Blocks() as page:
        gr.HTML("page")
    app, _, _ = page.launch(prevent_thread_lock=True, quiet=True, auth=("me", "secret"), server_name="127.0.0.1")
    try:
        tab.answer_page(page, app)
        client = TestClient(app)
        assert client.post("/hypersd/v1/live", json=CAT).status_code == 401 and evaluations(host) == 0
        client.post("/login", data={"username": "me", "password": "secret"})
        assert client.post("/hypersd/v1/live", json=CAT).json()["state"] == "picture"
        assert client.post("/hypersd/v1/live/interrupt", json={}).json()["sentence"] == "Interrupted."
    finally:
        page.close()


def test_it_is_registered_by_name(host):
    names = [one.script for one in host.script_callbacks.callback_map["callbacks_ui_tabs"]]
    assert len(names) == 1 and names[0].endswith("hypersd.py")
