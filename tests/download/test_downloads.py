"""The downloads of a process: one for each file, named by the catalog alone, until they are cancelled."""

import threading

import pytest

from lib_hypersd.download import transfer
from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Failed, Server
from lib_hypersd.download.transfer import Download
from tests.download.fetches import NAME, RECIPE, downloads, left
from tests.server import Answer, Hub, wait_until


def test_two_clicks_make_one_download(tmp_path):
    with Hub(Answer(stall=60, cut=1000)) as hub:
        registry, finished = downloads(hub, tmp_path, finished=lambda r: over.append(r.id)), []
        over, barrier = [], threading.Barrier(8)

        def click():
            barrier.wait()
            finished.append(registry.start(RECIPE.id))

        threads = [threading.Thread(target=click) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: finished[0].done == 1000)
        assert len(finished) == 8 and len(set(map(id, finished))) == 1 and registry.active() == [finished[0]]
        hub.over.set()
        finished[0].thread.join(10)
    assert finished[0].state == "done" and over == [RECIPE.id] and registry.active() == []
    assert len(hub.requests) == 2 and left(tmp_path) == [NAME]


def test_cancelling_leaves_nothing(tmp_path):
    with Hub(Answer(stall=60, cut=1000), otherwise=Answer(500)) as hub:
        registry = downloads(hub, tmp_path)
        download = registry.start(RECIPE.id)
        wait_until(lambda: download.done == 1000)
        download.cancel()
        hub.over.set()
        download.thread.join(10)
        assert download.state == "cancelled" and left(tmp_path) == [] and download.problem is None
        again = registry.start(RECIPE.id)
        assert again is not download, "a click after that begins anew"
        again.cancel()
        again.thread.join(10)
    assert again.state == "cancelled" and left(tmp_path) == []


def test_cancelling_in_a_pause_and_while_the_sum_is_taken(tmp_path, monkeypatch):
    with Hub(otherwise=Answer(429, headers={"Retry-After": "60"})) as hub:
        download = downloads(hub, tmp_path).start(RECIPE.id)
        wait_until(lambda: hub.requests)
        download.cancel()
        download.thread.join(10)
    assert download.state == "cancelled" and left(tmp_path) == []
    real = transfer.hashlib.sha256
    with Hub() as hub:
        download = Download(RECIPE, tmp_path / NAME, lambda: Server(hub.address))
        monkeypatch.setattr(transfer.hashlib, "sha256", lambda: download.cancel() or real())
        download.run()
    assert download.state == "cancelled" and left(tmp_path) == []


def test_only_ids_of_the_published_catalog_name_a_file(tmp_path):
    registry = Downloads(lambda: Server("http://127.0.0.1:9"), lambda r: tmp_path)
    assert registry.find("hyper-sd15-8steps").bytes == 269127064 and registry.find("hyper-sdxl-unet").kind == "unet"
    for recipe_id in ("", "../x", "hyper-sdxl-unet-diffusers", "hyper-sd15-merged", "lightning-sdxl-4steps", "lcm-sdxl",
                      "Hyper-SD15-8steps-lora.safetensors", None):  # fmt: skip
        assert registry.find(recipe_id) is None
        with pytest.raises(Failed, match="The catalog has no file of that id"):
            registry.start(recipe_id)
    assert registry.all() == [] and registry.get("hyper-sd15-8steps") is None


def test_a_mirror_that_is_none_is_said_when_it_is_used(tmp_path):
    registry = Downloads(lambda: Server("nonsense"), lambda r: tmp_path)
    assert registry.place(RECIPE).startswith("The mirror “nonsense” is no address")
    download = registry.start(RECIPE.id)
    download.thread.join(10)
    assert download.problem.startswith("The mirror “nonsense” is no address")
