"""The API on a real host, and what the files on its disk are taken for."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.examples import run
from tests.live.common import ON
from tests.live.process import Refused
from tests.server import Answer, Hub

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "api.md"


def plan(host, **payload):
    return host.post("/hypersd/v1/plan", payload)


def test_the_files_and_the_catalog(host):
    listed = {file["name"]: file for file in host.get("/hypersd/v1/files")["files"]}
    assert listed["Hyper-SD15-4steps-lora"]["recipe"]["id"] == "hyper-sd15-4steps"
    assert listed["Hyper-SD15-4steps-lora"]["layers"]["rank"] == 4 and "some-style" not in listed
    assert not listed["Hyper-SD15-12steps-CFG-lora"]["usable"]
    assert any(recipe["maker"] == "SDXL-Lightning" for recipe in host.get("/hypersd/v1/catalog")["recipes"])


def test_a_dry_run_says_what_the_request_then_does(host):
    payload = {"prompt": "a cat", "alwayson_scripts": {"Hyper-SD": {"args": [{**ON, "steps": 4}]}}}
    planned = plan(host, **payload)
    result = host.txt2img({**ON, "steps": 4})
    assert len(result.timesteps) == planned["steps"] == 4 and planned["prompt"] in result.infotext
    assert plan(host, **{**payload, "alwayson_scripts": {}})["enabled"] is False


def test_the_examples_of_the_document_run(host, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Hub(otherwise=Answer(404)) as hub:
        host.post("/sdapi/v1/options", {"hypersd_mirror": hub.address})
        try:
            assert len(run(DOCUMENT, host.url, tmp_path, lambda text: text.replace("512", "64"))) == 14
        finally:
            host.post("/sdapi/v1/options", {"hypersd_mirror": ""})
    cat, painting = (Image.open(tmp_path / f"{name}.png") for name in ("cat", "painting"))
    assert cat.size == painting.size == (64, 64) and cat.tobytes() != painting.tobytes()


def test_a_copy_in_a_subfolder_is_found(host):
    loras = host.data / "models" / "Lora"
    (loras / "deep").mkdir(exist_ok=True)
    copy = loras / "deep" / "hyper sd15 - 8 steps (renamed).safetensors"
    shutil.copy(loras / "Hyper-SD15-8steps-lora.safetensors", copy)
    try:
        host.post("/sdapi/v1/refresh-loras", {})
        assert plan(host, prompt="x", alwayson_scripts={"Hyper-SD": {"args": [{"file": copy.stem}]}})["steps"] == 8
    finally:
        copy.unlink()
        host.post("/sdapi/v1/refresh-loras", {})


def test_the_host_asks_for_its_password(make_host):
    host = make_host()
    host.boot("--api-auth", "me:secret")
    try:
        for ask in (lambda: host.get("/hypersd/v1/files"), lambda: host.post("/hypersd/v1/plan", {})):
            with pytest.raises(Refused, match="401"):
                ask()
    finally:
        host.stop()
