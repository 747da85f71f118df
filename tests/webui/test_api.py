"""The API: beside the host's own routes and behind its door; a plan for a request that is not made."""

import json
import sys

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.testclient import TestClient

from lib_hypersd.recipes.catalog import published
from tests import loras as lora_files
from tests.double import Host
from tests.webui.common import LORAS

NAME, PASSWORD = "me", "secret"


@pytest.fixture(params=["a1111", "forge", "classic"])
def host(request, tmp_path):
    host = Host(tmp_path, request.param)
    host.install_loras(*LORAS, "sdxl_lightning_4step_lora", "some-style")
    with host.as_modules():
        host.load_script()
        yield host


def started(host, api=True, auth=False):
    """The host's app after its start, as it calls what was registered."""

    def door(credentials: HTTPBasicCredentials = Depends(HTTPBasic())):  # noqa: B008 (as FastAPI has it)
        if (credentials.username, credentials.password) != (NAME, PASSWORD):
            raise HTTPException(status_code=401)

    app = FastAPI()
    if api:
        app.add_api_route(
            "/sdapi/v1/txt2img", lambda: None, methods=["POST"], dependencies=[Depends(door)] if auth else []
        )
    for callback in host.script_callbacks.callback_map["callbacks_app_started"]:
        callback.callback(None, app)
    return TestClient(app)


PATHS = [("get", "/hypersd/v1/files"), ("get", "/hypersd/v1/catalog"), ("post", "/hypersd/v1/plan")]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_there_are_no_routes_without_the_hosts_api(host, method, path):
    assert getattr(started(host, api=False), method)(path).status_code == 404


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_the_routes_have_the_hosts_door(host, method, path):
    client = started(host, auth=True)
    payload = {"json": {}} if method == "post" else {}
    assert getattr(client, method)(path, **payload).status_code == 401
    assert getattr(client, method)(path, auth=(NAME, "guess"), **payload).status_code == 401
    assert getattr(client, method)(path, auth=(NAME, PASSWORD), **payload).status_code == 200


def test_the_script_is_named_so_that_nobody_has_to_look_for_it(host):
    callbacks = host.script_callbacks.callback_map["callbacks_app_started"]
    assert callbacks and all(callback.script.endswith("hypersd.py") for callback in callbacks)


def test_the_catalog(host):
    (host.folder / "hypersd-recipes.json").write_text('[{"id": 1}]')
    answer = started(host).get("/hypersd/v1/catalog").json()
    assert [r["id"] for r in answer["recipes"]] == [r.id for r in published().recipes]
    assert answer["recipes"][0]["maker"] == "Hyper-SD" and "needs an “id”" in answer["problems"][0]


def test_the_files(host):
    client = started(host)
    answer = client.get("/hypersd/v1/files").json()
    assert [f["name"] for f in answer["files"]] == [*LORAS, "sdxl_lightning_4step_lora"]
    first = answer["files"][0]
    assert first["recipe"]["id"] == "hyper-sd15-unified" and first["layers"]["family"] == "sd15"
    assert "path" not in first, "nobody outside needs to know the folders"
    assert "some-style" in [f["name"] for f in client.get("/hypersd/v1/files?every=true").json()["files"]]


def test_a_name_in_no_alphabet_and_a_broken_file(host):
    name = "Hyper-SDXL-8steps \udcff<b>"
    host.lora(name).write_bytes(b"x")
    host.install_loras(name)
    answer = started(host).get("/hypersd/v1/files").json()["files"][-1]
    assert answer["name"] == "Hyper-SDXL-8steps ?<b>" and not answer["usable"]
    assert (
        answer["sentence"]
        == "Hyper-SDXL-8steps \\udcff<b>.safetensors is too short for a safetensors file. It is not used."
    )


def ask(host, **payload):
    answer = started(host).post("/hypersd/v1/plan", json=payload)
    assert answer.status_code == 200
    return answer.json()


def with_panel(*args, title="Hyper-SD"):
    return {"alwayson_scripts": {title: {"args": list(args)}}}


def test_a_plan_for_a_request_that_is_not_made(host):
    before = json.dumps(host.shared.opts.data)
    answer = ask(host, prompt="a cat", steps=30, **with_panel({"steps": 4}, title="hyper-sd"))
    assert (answer["file"], answer["steps"], answer["cfg"], answer["sampler"]) == (
        "Hyper-SD15-4steps-lora",
        4,
        1.0,
        "DDIM-Trailing",
    )
    assert answer["prompt"] == "<lora:Hyper-SD15-4steps-lora:1> a cat" and answer["recipe"] == "hyper-sd15-4steps"
    assert answer["problem"] is None and answer["enabled"] and json.dumps(host.shared.opts.data) == before
    again = ask(host, prompt="a cat", **with_panel(True, None, 4))
    assert again == answer


def test_a_plan_that_cannot_be_carried_out(host):
    assert ask(host, **with_panel({"steps": 9}))["problem"] == "No Hyper-SD for SD1.5 serves 9 steps; 1 to 8, 12 do."
    assert "Steps must be" in ask(host, **with_panel({"steps": "many"}))["problem"]
    assert ask(host, **with_panel({"sampler": "none"}))["problem"] == "This WebUI has no sampler “none”."


def test_a_request_with_the_panel_off(host):
    assert ask(host, prompt="a cat") == {
        "enabled": False,
        "problem": None,
        "sentence": "Off. The request's own settings are used.",
    }
    assert (
        "has the few-step LoRA Hyper-SD15" in ask(host, prompt="<lora:Hyper-SD15:1>", **with_panel(False))["sentence"]
    )


def test_the_second_pass_eta_and_another_checkpoint_are_heard(host):
    answer = ask(
        host,
        enable_hr=True,
        hr_second_pass_steps=8,
        hr_scheduler="Karras",
        eta=0.0,
        **with_panel({"variant": "unified"}),
    )
    assert (
        answer["hires_steps"] == 8
        and answer["eta"] == 0.0
        and "Karras is set for the second pass" in " ".join(answer["warnings"])
    )
    lora_files.write(
        host.folder / "other-xl.safetensors",
        {f"{name}.weight": shape for name, shape in lora_files.sdxl_unet().items()},
    )
    loaded = host.sd_models.model_data.sd_model
    host.load("other-xl", is_sdxl=True)
    host.sd_models.model_data.sd_model = sys.modules["modules.sd_models"].model_data.sd_model = loaded
    host.shared.opts.data["sd_model_checkpoint"] = "tiny-sd15"
    answer = ask(host, override_settings={"sd_model_checkpoint": "other-xl"}, **with_panel(True))
    if host.kind == "classic":
        assert answer["problem"] == "This WebUI has no schedule “Trailing” for the sampler “Euler”."
    else:
        assert (answer["family"], answer["file"], answer["sampler"]) == ("sdxl", "sdxl_lightning_4step_lora", "Euler")
    answer = ask(host, override_settings={"sd_model_checkpoint": "nonsense"}, **with_panel(True))
    assert answer["family"] == "sd15", "the host falls back to what is loaded"


HOSTILE = [
    {"prompt": 7}, {"prompt": ["a"]}, {"alwayson_scripts": []}, {"alwayson_scripts": {"Hyper-SD": 1}}, {"eta": "x"}, {"eta": {}},
    {"alwayson_scripts": {"Hyper-SD": {"args": 7}}}, {"override_settings": []}, {"override_settings": {"sd_model_checkpoint": 7}},
    {"enable_hr": True, "hr_second_pass_steps": "x", "hr_sampler_name": 7, "hr_scheduler": []},
]  # fmt: skip


@pytest.mark.parametrize("payload", HOSTILE, ids=str)
def test_nothing_that_is_sent_is_more_than_a_sentence(host, payload):
    answer = ask(host, **{**with_panel({"steps": 4}), **payload})
    assert answer["sentence"].endswith(".")


def test_what_is_no_object_is_refused_by_the_host(host):
    assert started(host).post("/hypersd/v1/plan", json=[1]).status_code == 422
