"""Downloads in a host: its folders and settings, its list afterwards, and routes as guarded as its own."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.testclient import TestClient

from lib_hypersd.recipes.catalog import Catalog, published
from tests.double import Host
from tests.server import CONTENT, Answer, Hub, recipe, wait_until

LORA = recipe("hyper-sd15-8steps")
CHECKPOINT = next(r for r in published().recipes if r.id == "hyper-sdxl-unet")


@pytest.fixture(params=["a1111", "forge", "classic"])
def host(tmp_path, request, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    host = Host(tmp_path, request.param)
    with host.as_modules():
        host.load_script()
        yield host


def downloads_of(host, hub=None):
    """The extension's own downloads; with a hub, of small files from there."""
    from lib_hypersd.webui import downloads

    downloads.DOWNLOADS.catalog = lambda: Catalog((LORA,))
    if hub:
        host.shared.opts.data["hypersd_mirror"] = hub.address
    return downloads


def test_files_go_where_the_host_looks_for_them(host):
    downloads = downloads_of(host)
    assert downloads.choose_folder(LORA) == host.folder / "Lora"
    assert downloads.choose_folder(CHECKPOINT) == host.folder / "Stable-diffusion"
    host.shared.cmd_opts.ckpt_dir = "/elsewhere"
    del host.shared.cmd_opts.lora_dir
    assert downloads.choose_folder(CHECKPOINT) == Path("/elsewhere"), "the user's own folder comes first"
    assert downloads.choose_folder(LORA) == host.folder / "models" / "Lora", "without the host's LoRA extension"


def test_the_mirror_and_the_offline_folder_are_settings(host, monkeypatch):
    downloads, options = downloads_of(host), host.shared.opts.data
    path = f"/ByteDance/Hyper-SD/resolve/main/{LORA.file}"
    assert downloads.choose_source().place(LORA) == f"https://huggingface.co{path}"
    monkeypatch.setenv("HF_ENDPOINT", "https://by.convention")
    assert downloads.choose_source().place(LORA) == f"https://by.convention{path}"
    options["hypersd_mirror"] = " https://mirror.local/hf/ "
    assert downloads.choose_source().place(LORA) == f"https://mirror.local/hf{path}"
    options["hypersd_offline_folder"] = "/media/usb"
    assert downloads.choose_source().place(LORA) == str(Path("/media/usb") / LORA.file)
    options.update(hypersd_offline_folder=None, hypersd_mirror=None)
    assert downloads.choose_source().place(LORA) == f"https://by.convention{path}"


def test_the_hosts_list_is_read_anew_when_a_file_has_come(host):
    with Hub() as hub:
        downloads = downloads_of(host, hub)
        host.in_folder.append(("Hyper-SD15-8steps-lora", ""))
        download = downloads.DOWNLOADS.start(LORA.id)
        download.thread.join(10)
    assert download.state == "done" and (host.folder / "Lora" / LORA.file).read_bytes() == CONTENT
    assert list(host.networks.available_networks) == ["Hyper-SD15-8steps-lora"]
    listed = []
    downloads.sd_models.list_models = lambda: listed.append(1)
    downloads.refresh(CHECKPOINT)
    assert listed == [1]


def server(host, api=True, password=None):
    """The host's FastAPI after its start: with an API of its own or without, guarded or not."""
    app = FastAPI()

    def guard(credentials: HTTPBasicCredentials = Depends(HTTPBasic())):  # noqa: B008
        if credentials.password != password:
            raise HTTPException(401)

    if api:
        guards = [Depends(guard)] if password else []
        app.add_api_route("/sdapi/v1/txt2img", lambda: {}, methods=["POST"], dependencies=guards)
    for started in host.script_callbacks.callback_map["callbacks_app_started"]:
        started.callback(SimpleNamespace(), app)
    return TestClient(app)


def test_the_routes_take_ids_of_the_catalog_and_tell_how_far_it_is(host):
    with Hub(Answer(stall=60, cut=1000)) as hub:
        downloads = downloads_of(host, hub).DOWNLOADS
        with server(host) as client:
            assert client.get("/hypersd/v1/downloads").json() == []
            begun = client.post("/hypersd/v1/download", json={"id": LORA.id})
            assert begun.status_code == 200 and begun.json()["file"] == LORA.file
            wait_until(lambda: downloads.get(LORA.id).done == 1000)
            expected = {
                "id": LORA.id, "file": LORA.file, "folder": str(host.folder / "Lora"), "state": "running",
                "done": 1000, "total": len(CONTENT), "problem": None,
            }  # fmt: skip
            assert client.get("/hypersd/v1/downloads").json() == [expected]
            assert client.post("/hypersd/v1/download", json={"id": LORA.id}).json() == expected, "no second one"
            downloads.get(LORA.id).cancel_requested.set()
            hub.over.set()
            assert client.delete(f"/hypersd/v1/downloads/{LORA.id}").json()["state"] == "cancelled"
            assert list((host.folder / "Lora").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [({"id": "../../etc/passwd"}, 404), ({"id": "hyper-sd15-merged"}, 404), ({"id": 7}, 404), ({}, 404),
     ({"id": ["hyper-sd15-8steps"]}, 404), ([1], 422), ("x", 422)],
)  # fmt: skip
def test_what_is_no_id_starts_nothing(host, body, status):
    downloads = downloads_of(host).DOWNLOADS
    with server(host) as client:
        answer = client.post("/hypersd/v1/download", json=body)
        assert answer.status_code == status and downloads.all() == []
        form = client.post("/hypersd/v1/download", content='{"id": "x"}', headers={"Content-Type": "text/plain"})
        assert form.status_code == 422, "what a foreign page could send without asking"
        assert client.delete("/hypersd/v1/downloads/..%2Fx").status_code == 404
        assert client.delete(f"/hypersd/v1/downloads/{LORA.id}").status_code == 404


ROUTES = [("POST", "/hypersd/v1/download"), ("GET", "/hypersd/v1/downloads"), ("DELETE", "/hypersd/v1/downloads/x")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_routes_are_there_only_with_the_hosts_api_and_guarded_like_it(host, method, path):
    downloads_of(host)
    with server(host, api=False) as client:
        assert client.request(method, path, json={"id": "x"}).status_code == 404
        assert client.request(method, path, json={"id": "x"}).json() == {"detail": "Not Found"}
    with server(host, password="secret") as client:
        assert client.request(method, path, json={"id": "x"}).status_code == 401
        assert client.request(method, path, json={"id": "x"}, auth=("me", "wrong")).status_code == 401
        assert client.request(method, path, json={"id": "x"}, auth=("me", "secret")).status_code in (200, 404)


def test_the_routes_are_registered_under_a_name_of_their_own(host):
    callbacks = host.script_callbacks.callback_map["callbacks_app_started"]
    names = [getattr(callback, "name", "hypersd.py/app_started") for callback in callbacks]
    assert names == ["hypersd.py/app_started"] * 2, "of the API and of the live page"
