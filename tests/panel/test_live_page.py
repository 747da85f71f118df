"""The live page in a browser, over answers that a test decides: what it asks for, and what it shows of the answers."""

import io
import threading
import time

import gradio as gr
import pytest
from PIL import Image

from lib_hypersd.live.answers import Picture, refuse, say, show, wait
from lib_hypersd.live.markup import Page, render
from lib_hypersd.live.redraw import decode_png, read_redraw
from lib_hypersd.live.routes import add_routes
from tests.browser import page_of, requires_browser
from tests.panel.world import HOSTILE, World, host_like
from tests.server import wait_until

pytestmark = requires_browser
IMAGE = "#hypersd_live img"
STATUS = "#hypersd_live [role=status]"
RED, WHITE = (225, 29, 72), (255, 255, 255)


class Server:
    """Makes pictures; ``answers`` are what comes first instead, and ``seconds`` is how long each takes."""

    def __init__(self):
        self.redraws, self.kept, self.answers, self.seconds = [], [], [], 0.0
        self.notes, self.guided = [], False
        self.busy, self.stopped = threading.Lock(), threading.Event()

    def draw(self, payload: dict):
        assert self.busy.acquire(blocking=False), "one is under way at a time"
        try:
            redraw = read_redraw(payload)
            self.redraws.append(redraw)
            if self.answers:
                return self.answers.pop(0)
            if self.stopped.wait(self.seconds):
                return say("Interrupted.")
            image = Image.new("RGB", (redraw.width, redraw.height), (len(self.redraws) % 256, 0, 0))
            return show(Picture(image, redraw.prompt, redraw.steps, self.guided, {"network": 7.0}, self.notes))
        finally:
            self.busy.release()

    def interrupt(self, payload: dict):
        self.stopped.set()
        return say("Interrupted.")

    def keep(self, payload: dict):
        self.kept.append(payload)
        return say("Kept as a file.")

    @property
    def prompts(self):
        return [redraw.prompt for redraw in self.redraws]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def page(server):
    blocks = host_like(World())
    with blocks:
        gr.HTML(render(Page(width=64, height=64, targets=("txt2img",), taesd=True)))
    with page_of(blocks, "light") as page:
        add_routes(blocks.server_app, server.draw, server.interrupt, server.keep)
        page.wait_for_selector("#hypersd_live")
        yield page


def control(page, name):
    return page.locator(f"#hypersd_live [name={name}]")


def press(page, name):
    page.locator("#hypersd_live").get_by_role("button", name=name, exact=True).click()


def wait_for(page, prompt):
    page.wait_for_function("prompt => document.querySelector('#hypersd_live img').alt === prompt", arg=prompt)


def test_nothing_is_asked_for_until_something_changes(page, server):
    page.wait_for_timeout(500)
    assert server.redraws == [] and page.locator("#hypersd_live figure").is_hidden()
    assert page.get_by_role("button", name="Keep", exact=True).is_disabled()
    control(page, "prompt").fill("a cat")
    wait_for(page, "a cat")
    page.wait_for_timeout(300)
    assert server.prompts == ["a cat"] and page.locator("#hypersd_live figcaption").inner_text().startswith(
        "1 step in "
    )


def test_the_newest_wins_and_what_is_stale_is_never_asked_for(page, server):
    server.seconds = 0.2
    page.evaluate("""() => {
        const image = document.querySelector("#hypersd_live img");
        window.shown = [];
        new MutationObserver(() => shown.push(image.alt)).observe(image, {attributes: true, attributeFilter: ["alt"]});
    }""")
    text = "thirty letters typed quickly.."
    control(page, "prompt").press_sequentially(text, delay=20)
    wait_for(page, text)
    page.wait_for_timeout(500)
    assert server.prompts[-1] == text and len(server.prompts) < len(text) / 2
    assert page.evaluate("shown") == server.prompts == sorted(server.prompts, key=len)


def test_it_waits_for_another_image_and_says_so(page, server):
    server.answers = [wait()] * 3
    control(page, "prompt").fill("old")
    page.wait_for_selector(f"{STATUS} >> text=Waiting: another image is being made.")
    control(page, "prompt").fill("new")
    wait_for(page, "new")
    assert server.prompts[0] == "old" and server.prompts[-1] == "new"
    assert page.locator(STATUS).is_hidden()


def test_a_refusal_stands_in_place_of_the_picture_and_no_text_is_markup(page, server):
    title = page.title()
    server.notes = [HOSTILE]
    control(page, "prompt").fill(HOSTILE.replace("\n", " "))
    wait_for(page, HOSTILE.replace("\n", " "))
    assert HOSTILE.splitlines()[0] in page.locator("#hypersd_live li").inner_text()
    server.answers = [refuse(HOSTILE)]
    control(page, "seed").fill("2")
    page.wait_for_selector(f"{STATUS}.hypersd-problem")
    assert page.locator(STATUS).text_content() == HOSTILE and page.locator("#hypersd_live figure").is_hidden()
    assert page.get_by_role("button", name="Keep", exact=True).is_disabled() and page.title() == title
    control(page, "seed").fill("3")
    page.wait_for_selector("#hypersd_live figure:not([hidden])")
    assert page.locator(STATUS).is_hidden()


def test_what_the_server_cannot_answer_is_a_sentence(page, server):
    page.route("**/hypersd/v1/live", lambda route: route.fulfill(status=500, body="no"))
    control(page, "prompt").fill("a cat")
    page.wait_for_selector(f"{STATUS} >> text=The picture could not be made; the console of the server says why.")


def test_interrupt_ends_it_and_what_was_to_follow(page, server):
    server.seconds = 20
    control(page, "prompt").fill("one")
    wait_until(lambda: server.prompts == ["one"])
    control(page, "prompt").fill("two")
    press(page, "Interrupt")
    page.wait_for_selector(f"{STATUS} >> text=Interrupted.")
    page.wait_for_timeout(500)
    assert server.prompts == ["one"]
    server.seconds = 0
    server.stopped.clear()
    control(page, "prompt").fill("three")
    wait_for(page, "three")


def test_seeds_walk_and_a_fixed_one_stays(page, server):
    control(page, "prompt").fill("a cat")
    wait_for(page, "a cat")
    press(page, "Redraw")
    wait_until(lambda: len(server.redraws) == 2)
    page.locator("#hypersd_live [data-walk]").check()
    for count, text in ((3, "b"), (4, "c")):
        control(page, "prompt").fill(text)
        wait_until(lambda count=count: len(server.redraws) == count)
        wait_for(page, text)
    assert [redraw.seed for redraw in server.redraws] == [1, 1, 2, 3] and control(page, "seed").input_value() == "3"


def test_keep_sends_the_picture_that_is_shown(page, server):
    control(page, "prompt").fill("a cat")
    wait_for(page, "a cat")
    press(page, "Keep")
    page.wait_for_selector(f"{STATUS} >> text=Kept as a file.")
    (kept,) = server.kept
    assert kept["image"] == page.locator(IMAGE).get_attribute("src") and kept["infotext"] == kept["prompt"] == "a cat"


def scribble(page):
    canvas = page.locator("#hypersd_live canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 40)
    page.mouse.up()


def test_a_scribble_has_the_shape_of_the_picture_and_goes_with_it(page, server):
    control(page, "width").fill("128")
    canvas = page.locator("#hypersd_live canvas")
    assert canvas.evaluate("canvas => [canvas.width, canvas.height]") == [512, 256]
    wait_until(lambda: server.redraws and server.redraws[-1].width == 128)
    assert server.redraws[-1].drawing is None
    page.wait_for_selector("#hypersd_live figure:visible")  # which moves what is below it
    scribble(page)
    wait_until(lambda: server.redraws[-1].drawing)
    control(page, "strength").fill("0.5")
    wait_until(lambda: server.redraws[-1].strength == 0.5)
    press(page, "Clear")
    wait_until(lambda: server.redraws[-1].drawing is None)


def test_the_negative_prompt_is_there_where_it_counts(page, server):
    server.guided = True
    assert control(page, "negative").is_hidden()
    control(page, "prompt").fill("a cat")
    wait_for(page, "a cat")
    control(page, "negative").fill("a dog")
    wait_until(lambda: server.redraws[-1].negative == "a dog")
    time.sleep(0.1)
    assert control(page, "negative").is_visible()


def test_a_controlnet_follows_the_lines_of_the_scribble(server):
    blocks = host_like(World())
    with blocks:
        gr.HTML(render(Page(width=64, height=64, controls=("one",))))
    with page_of(blocks, "light") as page:
        add_routes(blocks.server_app, server.draw, server.interrupt, server.keep)
        page.wait_for_selector("#hypersd_live")
        select, weight = control(page, "control"), control(page, "control_weight")
        assert select.is_visible() and weight.is_hidden() and control(page, "strength").is_visible()
        control(page, "prompt").fill("a cat")
        page.wait_for_selector("#hypersd_live figure:visible")  # which moves what is below it
        scribble(page)
        wait_until(lambda: server.redraws[-1].start and {RED, WHITE} < set(colours_of(server.redraws[-1])))

        select.select_option("one")
        wait_until(lambda: server.redraws[-1].lines)
        assert set(colours_of(server.redraws[-1])) == {WHITE, (0, 0, 0)}
        assert server.redraws[-1].start is None and server.redraws[-1].control == "one"
        assert weight.is_visible() and control(page, "strength").is_hidden()
        weight.fill("0.8")
        wait_until(lambda: server.redraws[-1].control_weight == 0.8)
        press(page, "Clear")
        wait_until(lambda: server.redraws[-1].drawing is None)


def colours_of(redraw):
    with Image.open(io.BytesIO(decode_png(redraw.drawing))) as image:
        return [colour for _, colour in image.convert("RGB").getcolors(1 << 16)]


def test_the_controlnets_of_a_webui_are_listed_as_text(server):
    blocks = host_like(World())
    with blocks:
        gr.HTML(render(Page(width=64, height=64, control_list="controls")))
    with page_of(blocks, "light") as page:
        blocks.server_app.add_api_route("/controls", lambda: {"model_list": ["None", HOSTILE]})
        page.reload()
        page.wait_for_selector("#hypersd_live [name=control] >> visible=true")
        names = page.locator("#hypersd_live [name=control] option").all_inner_texts()
        assert len(names) == 2 and names[1] == HOSTILE and page.title() != "1"


def test_without_a_controlnet_there_is_nothing_to_choose(page):
    assert control(page, "control").is_hidden() and control(page, "control_weight").is_hidden()
