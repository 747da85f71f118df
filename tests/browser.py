"""A real Chromium on a gradio page."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Where playwright's own installer puts one, by sys.platform, and what it is called there.
INSTALLED = {
    "win32": ("AppData/Local/ms-playwright", "chrome-win*/chrome.exe"),
    "darwin": ("Library/Caches/ms-playwright", "chrome-mac*/*.app/Contents/MacOS/*"),
}.get(sys.platform, (".cache/ms-playwright", "chrome-linux*/chrome"))
NO_BROWSER = "no Chromium on the PATH, nor in HYPERSD_CHROMIUM"


def find_chromium() -> str | None:
    """The one that is named, one on the PATH, or the newest that playwright has installed."""
    names = ("chromium", "google-chrome", "chrome")
    found = [os.environ.get("HYPERSD_CHROMIUM"), *map(shutil.which, names)]
    folder, program = INSTALLED
    found += map(str, sorted((Path.home() / folder).glob(f"chromium-*/{program}"), reverse=True))
    return next(filter(None, found), None)


CHROMIUM = find_chromium()
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

# What a WebUI's page offers to the scripts of extensions.
PAGE = """
window.opts = {sd_model_checkpoint: "one"};
const loaded = [];
const gradioApp = () => Object.assign(document, {});
const onUiLoaded = (callback) => loaded.push(callback);
const waiting = setInterval(() => {
    if (!document.querySelector("#txt2img_prompt textarea")) return;
    clearInterval(waiting);
    loaded.forEach((callback) => callback());
}, 50);
"""

if CHROMIUM is None and os.environ.get("CI"):
    raise RuntimeError("There is no Chromium, and in CI no test of the panel may be left out.")
requires_browser = pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER)


@contextlib.contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def page_of(blocks, theme, localization=None):
    """The gradio app in a browser page, with the extension's script and style; errors on the page fail the test.

    ``localization`` is the translation that the page's script finds, where the user has chosen one.
    """
    localization = localization or {}
    blocks.css = (ROOT / "style.css").read_text()
    _, url, _ = blocks.launch(prevent_thread_lock=True, server_name="127.0.0.1", quiet=True, show_error=True)
    errors = []
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.set_default_timeout(15_000)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.add_init_script(f"window.localization = {json.dumps(localization)};")
            page.add_init_script(PAGE + "\n".join(p.read_text() for p in sorted((ROOT / "javascript").glob("*.js"))))
            page.goto(f"{url}?__theme={theme}")
            title = page.locator("#hypersd_txt2img_enable :is(button.label-wrap, .label-wrap[role=button])")
            title.focus()
            page.keyboard.press("Enter")
            if title.evaluate("title => title.tagName") != "BUTTON":  # gradio 3
                name = "Hyper-SD settings"
                assert title.get_attribute("aria-label") == localization.get(name, name)
                assert title.get_attribute("aria-expanded") == "true"
            page.wait_for_selector("#hypersd_txt2img_status")
            yield page
    finally:
        blocks.close()
    assert not errors, errors
