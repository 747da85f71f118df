"""The tab Hyper-SD Live in the page of a real host: the picture follows what is typed and drawn, and nothing else does."""

import base64
import io
import re
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.live.kinds import A1111
from tests.server import wait_until

SLOW = 120_000
TEXT = "a red circle on the left, blue"  # 30 characters
OWN = {"prompt": "somebody's own", "steps": 8, "seed": 7}
# Notes every picture and every sentence that the page has shown.
RECORD = """() => {
    const root = document.querySelector("#hypersd_live"), image = root.querySelector("img");
    const status = root.querySelector("[role=status]");
    window.pictures = [];
    window.sentences = [];
    new MutationObserver(() => pictures.push([image.alt, image.src])).observe(
        image, {attributes: true, attributeFilter: ["src"]});
    new MutationObserver(() => { if (!status.hidden) sentences.push(status.textContent); }).observe(
        status, {childList: true, attributes: true});
}"""
IS_SMALL = """() => {
    const image = document.querySelector("#hypersd_live img");
    return image.complete && image.naturalWidth === 64 && image.naturalHeight === 64;
}"""
FOCUSED = "[document.activeElement.name, document.activeElement.innerText || document.activeElement.ariaLabel].join(' ').trim()"


class Live:
    """The open tab; its pictures are 64×64."""

    def __init__(self, page, host):
        self.page, self.host, self.errors = page, host, []
        page.set_default_timeout(SLOW)
        page.on("pageerror", lambda e: self.errors.append(e.stack) if "hypersd" in (e.stack or "") else None)

    def open(self, theme="dark"):
        self.page.goto(f"{self.host.url}/?__theme={theme}")
        self.page.wait_for_selector("#hypersd_txt2img_enable .input-accordion-checkbox")
        self.show()
        for side in ("width", "height"):
            self.control(side).fill("64")
        self.page.wait_for_function(IS_SMALL)  # a picture of the size before may come first
        self.page.evaluate(RECORD)

    def show(self):
        self.page.locator("#tabs button", has_text="Hyper-SD Live").first.click()
        self.page.wait_for_selector("#hypersd_live [name=prompt]")

    def control(self, name):
        return self.page.locator(f"#hypersd_live [name={name}]")

    def press(self, name):
        self.page.locator("#hypersd_live").get_by_role("button", name=name, exact=True).click()

    def wait_for(self, prompt):
        """Wait until the picture of a prompt is there, and of nothing newer."""
        expect(self.page.locator("#hypersd_live img")).to_have_attribute("alt", prompt, timeout=SLOW)

    def expect_status(self, text):
        expect(self.page.locator("#hypersd_live [role=status]")).to_contain_text(text, timeout=SLOW)

    def draw(self, moves=8):
        box = self.page.locator("#hypersd_live canvas").bounding_box()
        self.page.mouse.move(box["x"] + 20, box["y"] + 20)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=moves)
        self.page.mouse.up()

    @property
    def pictures(self):
        return self.page.evaluate("pictures")

    @property
    def pixels(self):
        return pixels_of(self.page.locator("#hypersd_live img").get_attribute("src"))


def pixels_of(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB").tobytes()


@pytest.fixture(scope="module", autouse=True)
def first_checkpoint(host):
    host.txt2img(None, steps=1)


@pytest.fixture
def live(host, browser):
    live = Live(browser.new_page(viewport={"width": 1300, "height": 1000}), host)
    live.open()
    yield live
    live.page.close()
    assert not live.errors, live.errors


def outputs(host):
    """The files of all images; Neo calls the folder ``output``."""
    return {file for folder in host.data.glob("output*") for file in folder.rglob("*") if file.is_file()}


def test_typing_quickly_costs_no_more_than_the_pictures_that_are_shown(host, live):
    before = outputs(host)
    history = (host.data / "params.txt").read_text()
    host.get("/hypersd-probe/calls")
    live.control("prompt").press_sequentially(TEXT, delay=20)
    live.wait_for(TEXT)
    calls, shown = host.get("/hypersd-probe/calls"), live.pictures
    assert len(shown) <= len(calls) <= len(shown) + 3 and len(calls) < len(TEXT)
    assert [TEXT.startswith(prompt) for prompt, _ in shown] == [True] * len(shown) and shown[-1][0] == TEXT
    assert [len(prompt) for prompt, _ in shown] == sorted(len(prompt) for prompt, _ in shown)
    assert [(call["rows"], len(call["loras"])) for call in calls] == [(1, 1)] * len(calls)
    assert outputs(host) == before and (host.data / "params.txt").read_text() == history, "nothing is saved"
    assert live.pixels == host.txt2img({"enabled": True, "steps": 1}, prompt=TEXT).pixels[0]


def test_a_generate_in_between_has_its_image_and_live_waits(host, live):
    expected = host.txt2img(**OWN).pixels
    found = []
    live.control("prompt").fill("before")
    live.wait_for("before")
    own = threading.Thread(target=lambda: found.append(host.txt2img(**{**OWN, "steps": 8}).pixels))
    own.start()
    while own.is_alive():
        live.control("prompt").press_sequentially("x")
        time.sleep(0.05)
    own.join()
    live.control("prompt").fill("behind")
    live.wait_for("behind")
    assert found == [expected]
    assert "Waiting: another image is being made." in live.page.evaluate("sentences")
    assert live.pixels == host.txt2img({"enabled": True, "steps": 1}, prompt="behind").pixels[0]


def test_where_the_plan_refuses_its_sentence_stands_in_place_of_the_picture(host, live):
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    host.get("/hypersd-probe/calls")
    live.control("prompt").fill("a cat <lora:Hyper-SD15-1step-lora:nan>")
    live.expect_status("The weight in <lora:Hyper-SD15-1step-lora:nan> is no number.")
    assert live.page.locator("#hypersd_live figure").is_hidden() and host.get("/hypersd-probe/calls") == []
    live.control("seed").fill("")
    live.expect_status("Seed must be a whole number from 0 to 4294967295, not ''.")
    live.control("seed").fill("5")
    live.control("prompt").fill("a dog")
    live.wait_for("a dog")
    assert live.page.locator("#hypersd_live figure").is_visible()


def test_the_negative_prompt_is_there_where_the_plan_has_guidance(host, live):
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    assert live.control("negative").is_hidden()
    guided = "a cat <lora:Hyper-SD15-8steps-CFG-lora:1>"
    live.control("prompt").fill(guided)
    live.wait_for(guided)
    without = live.pixels
    live.control("negative").fill("a dog")
    live.page.wait_for_function("count => pictures.length > count", arg=len(live.pictures))
    assert live.pixels != without


def test_interrupt_ends_the_picture_and_the_next_key_begins_another(host, live):
    side = "1024" if host.kind is A1111 else "512"
    for name in ("width", "height"):
        live.control(name).fill(side)
    live.control("prompt").fill("a large one")
    wait_until(lambda: host.get("/sdapi/v1/progress")["state"]["job"] == "Hyper-SD Live")
    live.press("Interrupt")
    live.expect_status("Interrupted.")
    for name in ("width", "height"):
        live.control(name).fill("64")
    live.control("prompt").fill("a small one")
    live.wait_for("a small one")
    assert "a large one" not in [prompt for prompt, _ in live.pictures]


def test_a_scribble_is_what_the_picture_starts_from_and_seeds_walk(host, live):
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    plain = live.page.locator("#hypersd_live img").get_attribute("src")
    is_plain = "plain => (document.querySelector('#hypersd_live img').src === plain) === {}"
    live.draw()
    live.page.wait_for_function(is_plain.format("false"), arg=plain)
    live.press("Clear")
    live.press("Redraw")
    live.page.wait_for_function(is_plain.format("true"), arg=plain)
    live.page.locator("#hypersd_live [data-walk]").check()
    for seed in ("2", "3"):
        live.press("Redraw")
        expect(live.control("seed")).to_have_value(seed, timeout=SLOW)


def test_keep_saves_with_the_infotext_and_only_then(host, live):
    before = outputs(host)
    live.control("prompt").fill("a kept one")
    live.wait_for("a kept one")
    live.press("Keep")
    live.expect_status("Kept as ")
    (file,) = outputs(host) - before
    assert str(file) in live.page.locator("#hypersd_live [role=status]").inner_text()
    with Image.open(file) as image:
        infotext = image.info["parameters"]
        assert image.convert("RGB").tobytes() == live.pixels
    assert "a kept one" in infotext and "Seed: 1," in infotext and "Hyper-SD steps: 1" in infotext


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_send_carries_everything_over(host, live, tab):
    live.control("seed").fill("11")
    live.control("prompt").fill("a sent one")
    live.wait_for("a sent one")
    live.press(f"Send to {tab}")
    page = live.page
    expect(page.locator(f"#{tab}_prompt textarea")).to_have_value(re.compile("a sent one$"), timeout=SLOW)
    expect(page.locator(f"#{tab}_seed input").first).to_have_value("11")
    expect(page.locator(f"#{tab}_width input[type=number]")).to_have_value("64")
    expect(page.locator(f"#hypersd_{tab}_status").first).to_contain_text("1 step with Hyper-SD15-1step", timeout=SLOW)
    assert page.locator(f"#{tab}_prompt").is_visible(), "the host shows the tab"
    if tab == "img2img" and host.kind is A1111:
        expect(page.locator("#img2img_image img")).to_have_count(1)


def test_the_keyboard_reaches_everything_but_the_canvas(live):
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    live.control("prompt").focus()
    reached = []
    for _ in range(30):
        reached.append(live.page.evaluate(FOCUSED))
        live.page.keyboard.press("Tab")
    wanted = [
        "prompt", "seed", "width", "height", "steps", "taesd", "strength", "red", "white", "Width of the brush", "Clear",
        "Redraw", "Interrupt", "Keep", "Send to txt2img", "Send to img2img",
    ]  # fmt: skip
    assert [name for name in wanted if not any(name in one for one in reached)] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_readable(host, live, pictures: Path, theme):
    live.open(theme)
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    live.draw()
    live.page.wait_for_timeout(2000)
    live.page.screenshot(path=pictures / f"live-{theme}.png")
    live.page.set_viewport_size({"width": 390, "height": 1300})
    live.page.wait_for_timeout(300)
    live.page.screenshot(path=pictures / f"live-phone-{theme}.png")
    overflow = live.page.evaluate("document.querySelector('#hypersd_live').scrollWidth - innerWidth")
    assert overflow <= 0, "nothing is cut off on a phone"


@pytest.mark.only("AUTOMATIC1111", why="hundreds of pictures by a network of true size take an hour")
def test_drawing_for_long_leaves_memory_flat(host, live):
    def resident():
        status = Path(f"/proc/{host.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    measured = []
    for count in (100, 200, 300):
        while len(live.pictures) < count:
            live.draw(20)
        measured.append(resident())
    assert measured[2] - measured[0] < 20, f"MB resident after 100, 200, 300 pictures: {measured}"
