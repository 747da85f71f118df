"""The page in a real browser: a picture, the ladder, an interrupt, the live mode, the panel's states, bad input."""

import json
import re
import threading
import time

import pytest

from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Server
from lib_hypersd.playground.job import EXAMPLE
from lib_hypersd.playground.page import Page
from lib_hypersd.playground.series import read_infotext
from lib_hypersd.recipes.catalog import Catalog
from tests.browser import chromium, requires_browser
from tests.server import wait_until

pytestmark = requires_browser
HOSTILE = "<img src=x onerror=\"document.title='1'\"> ${document.title='2'} {{value}} \"'&"


class Opened:
    """The page in a browser, and what stands behind it."""

    def __init__(self, browser, url, served, theme):
        self.served = served
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.set_default_timeout(20_000)
        self.errors, self.hosts = [], set()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request", lambda request: self.hosts.add(request.url.split("/")[2]) if "://" in request.url else None
        )
        self.page.goto(f"{url}?__theme={theme}")
        self.page.wait_for_selector("#hypersd_playground_status >> text=/steps with|not among/")

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name, value):
        self.page.locator("#hypersd_playground_enable").get_by_label(re.compile(f"^{name}")).first.fill(value)
        self.page.keyboard.press("Enter")

    def captions(self):
        return [text.split(",")[0] for text in self.page.locator("#hypersd_gallery .caption-label").all_inner_texts()]

    def wait_for_pictures(self, *captions):
        expected = json.dumps(captions)
        self.page.wait_for_function(
            "expected => JSON.stringify([...document.querySelectorAll('#hypersd_gallery .caption-label')]"
            ".map(e => e.innerText.split(',')[0])) === expected", arg=expected.replace('", "', '","'),
        )  # fmt: skip

    def infotext(self):
        return self.page.locator("#hypersd_infotext textarea").input_value()


@pytest.fixture(scope="module")
def served(playground, tmp_path_factory):
    """The page of a small model, in one browser for all tests."""
    out = tmp_path_factory.mktemp("out")
    page = Page(
        playground, out, Downloads(lambda: Server("http://127.0.0.1:9"), lambda r: out, catalog=lambda: Catalog(()))
    )
    url = page.launch(server_name="127.0.0.1", allowed_paths=[str(out)])
    with chromium() as browser:
        yield lambda theme="light": Opened(browser, url, page, theme)
    page.blocks.close()


@pytest.fixture
def opened(served):
    opened = served()
    yield opened
    opened.page.close()
    assert opened.errors == []
    assert len(opened.hosts) == 1, "the page requests nothing but from its own server"


def test_a_picture_by_the_panels_plan(opened):
    page = opened.page
    assert page.get_by_role("checkbox", name="Use Hyper-SD").is_checked()
    opened.choose("Steps", "4")
    page.wait_for_selector("#hypersd_playground_status >> text=4 steps with Hyper-SD15-4steps-lora")
    badges = page.locator(".hypersd-badge")
    page.wait_for_function("document.querySelector('.hypersd-badge')?.innerText === 'Hyper-SD uses 4'")
    assert badges.all_inner_texts() == [f"Hyper-SD uses {value}" for value in (4, 1, "DDIM-Trailing", "Trailing")]
    opened.press("Generate")
    opened.wait_for_pictures("4 steps")
    page.wait_for_function("document.querySelector('#hypersd_infotext textarea').value.includes('Steps: 4')")
    (file,) = opened.served.out.glob("00001-1.png")
    assert opened.infotext() == read_infotext([(file, "")]) and opened.infotext().startswith(
        "<lora:Hyper-SD15-4steps-lora:1> " + EXAMPLE
    )

    page.get_by_role("checkbox", name="Use Hyper-SD").uncheck()
    page.wait_for_selector("#hypersd_playground_status >> text=Off. Your own settings are used.")
    assert badges.count() == 0
    page.locator("#playground_steps input[type=number]").fill("3")
    page.locator("#playground_steps input[type=number]").press("Tab")
    opened.press("Generate")
    opened.wait_for_pictures("3 steps", "4 steps")
    page.wait_for_function("document.querySelector('#hypersd_infotext textarea').value.includes('Steps: 3')")
    assert "Hyper-SD:" not in opened.infotext() and "CFG scale: 7" in opened.infotext()
    page.locator("#hypersd_gallery button.thumbnail-item").nth(1).click()
    page.wait_for_function("document.querySelector('#hypersd_infotext textarea').value.includes('Steps: 4')")


def test_the_ladder_stands_side_by_side(opened):
    opened.press("Ladder 1 · 2 · 4 · 8")
    opened.wait_for_pictures("1 step", "2 steps", "4 steps", "8 steps")
    messages = opened.page.locator("#hypersd_messages p").all_inner_texts()
    assert [text.split(" with ")[0] for text in messages] == ["1 step", "2 steps", "4 steps", "8 steps"]


def test_an_interrupt_leaves_no_picture(opened):
    before = set(opened.served.out.iterdir())
    opened.page.get_by_role("checkbox", name="Use Hyper-SD").uncheck()
    opened.page.locator("#playground_steps input[type=number]").fill("50")
    opened.page.locator("#playground_steps input[type=number]").press("Tab")
    opened.press("Generate")
    opened.page.wait_for_selector("text=/Step [0-9]+ of 50/")
    opened.press("Interrupt")
    opened.page.wait_for_selector("#hypersd_messages >> text=Interrupted.")
    assert (
        set(opened.served.out.iterdir()) == before and opened.captions() == [] and opened.served.series.running == set()
    )


def test_what_cannot_be_done_is_a_message_and_never_markup(opened):
    page = opened.page
    page.locator("#playground_prompt textarea").fill(f"<lora:{HOSTILE.replace('>', '')}:1>")
    opened.press("Generate")
    page.wait_for_selector("#hypersd_messages >> text=There is no LoRA called <img src=x")
    assert "${document.title='2'} {{value}}" in page.locator("#hypersd_messages").inner_text()
    page.locator("#hypersd_width input").fill("100")
    page.locator("#hypersd_width input").press("Tab")
    opened.press("Generate")
    page.wait_for_selector("#hypersd_messages >> text=“width” must be a multiple of 16 from 64 to 4096, not '100'.")
    opened.choose("Steps", "9")
    page.wait_for_selector("#hypersd_playground_status >> text=No Hyper-SD for SD1.5 serves 9 steps")
    assert page.locator(".hypersd-badge").count() == 0 and page.title() == "Hyper-SD playground"


def test_live_the_picture_follows_what_is_typed(opened):
    page = opened.page
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector(f"#hypersd_live img[alt='{EXAMPLE}']")
    page.locator("#hypersd_live [name=prompt]").fill(HOSTILE)
    page.wait_for_function("text => document.querySelector('#hypersd_live img').alt === text", arg=HOSTILE)
    caption = page.locator("#hypersd_live figcaption")
    assert re.match(r"1 step in \d+ ms: .*network \d+, decoder \d+", caption.inner_text())
    times = json.loads(caption.get_attribute("data-times"))
    assert sum(times.values()) == pytest.approx(2 * times["total"])  # the parts are the whole
    page.locator("#hypersd_live [name=seed]").fill("-3")
    page.wait_for_selector("#hypersd_live >> text=Seed must be a whole number from 0 to 4294967295, not '-3'.")
    assert page.title() == "Hyper-SD playground"


def test_live_the_newest_wins_and_none_that_is_stale_is_shown(opened, monkeypatch):
    """The model is made slow, so that nearly everything typed comes while another picture is being made."""
    page, playground = opened.page, opened.served.playground
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#hypersd_live img")
    prompts, run = [], playground.run
    busy = threading.Lock()

    def slowly(job, **rest):
        assert busy.acquire(blocking=False), "only one is under way"
        time.sleep(0.4)
        prompts.append(job.prompt)
        picture = run(job, **rest)
        busy.release()
        return picture

    monkeypatch.setattr(playground, "run", slowly)
    page.evaluate(
        """() => {
            const live = document.querySelector("#hypersd_live");
            window.shown = [live.querySelector("img").alt];
            new MutationObserver(() => {
                const alt = live.querySelector("img")?.alt;
                if (alt && alt !== window.shown.at(-1)) window.shown.push(alt);
            }).observe(live, {childList: true, subtree: true, attributes: true});
        }"""
    )
    box = page.locator("#hypersd_live [name=prompt]")
    texts = [f"cat {i:02}" for i in range(30)]
    for text in texts:
        box.fill(text)
        page.wait_for_timeout(20)
    page.wait_for_selector(f"#hypersd_live img[alt='{texts[-1]}']")
    page.wait_for_timeout(1000)
    assert prompts[-1] == texts[-1] and len(prompts) < len(texts) / 2, "of what comes meanwhile only the newest follows"
    assert prompts == sorted(prompts) and page.evaluate("window.shown.slice(1)") == prompts, (
        "each is newer than the one before, to the end"
    )


def test_live_a_scribble_is_what_the_picture_starts_from(opened):
    page = opened.page
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#hypersd_live img")
    first = page.locator("#hypersd_live img").get_attribute("src")
    page.get_by_role("button", name="blue").click()
    assert page.get_by_role("button", name="blue").get_attribute("aria-pressed") == "true"
    box = page.locator("#hypersd_live canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=5)
    page.mouse.up()
    page.wait_for_function("old => document.querySelector('#hypersd_live img').src !== old", arg=first)
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("old => document.querySelector('#hypersd_live img').src === old", arg=first)


def test_live_what_is_kept_is_a_file_and_an_interrupt_ends_a_picture(opened, monkeypatch):
    page, out, playground = opened.page, opened.served.out, opened.served.playground
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#hypersd_live img")
    before = set(out.iterdir())
    opened.press("Keep")
    page.wait_for_selector("#hypersd_live >> text=Kept as")
    (file,) = set(out.iterdir()) - before
    assert read_infotext([(file, "")]).startswith("<lora:Hyper-SD15-1step-lora:1> " + EXAMPLE)

    run = playground.run

    def wait_for_interrupt(job, is_interrupted):
        wait_until(is_interrupted)
        return run(job, is_interrupted=is_interrupted)

    monkeypatch.setattr(playground, "run", wait_for_interrupt)
    page.locator("#hypersd_live [name=prompt]").fill("never seen")
    opened.press("Interrupt")
    page.wait_for_selector("#hypersd_live >> text=Interrupted.")
    assert page.locator("#hypersd_live img").get_attribute("alt") == EXAMPLE


def test_the_dark_theme_is_legible(served):
    opened = served("dark")
    assert opened.page.evaluate("document.body.classList.contains('dark')")
    opened.page.close()
