"""The panel's downloads: what is missing, what is being fetched, and what a click fetches."""

import html
import re
from dataclasses import replace

from lib_hypersd.download.source import Server
from lib_hypersd.download.transfer import CHECKING, Download
from lib_hypersd.panel import render_downloads, render_status
from lib_hypersd.plan import File
from lib_hypersd.recipes.catalog import Catalog
from tests.browser import page_of, requires_browser
from tests.panel.world import (
    CATALOG,
    HOSTILE,
    ON,
    World,
    host_like,
    missing_file,
)
from tests.server import CONTENT, Answer, Hub, wait_until


def test_what_is_missing_is_shown_with_its_size_folder_and_address(tmp_path):
    folder = tmp_path / "<b>"
    with Hub() as hub:
        world = missing_file(folder, hub)
        _, _, missing = render_status(ON, world.backend, "")
        shown, label = render_downloads(world.downloads, missing)
        assert label == "Download Hyper-SD15-8steps-lora.safetensors (0 MB)"
        for line in (
            "File: Hyper-SD15-8steps-lora.safetensors (0 MB)",
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
