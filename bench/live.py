"""From a key pressed to the picture that follows, in a real browser: on the playground's page, and in a WebUI.

``python3 dev.py bench`` runs the playground's part in a session of its own, since it needs its own environment (see
noxfile.py). ``python -m bench.live URL`` measures a WebUI that runs at that address, whatever checkpoint it has loaded.
"""

import contextlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench.report import keep, show
from tests.browser import chromium

REDRAWS = 40
WARMING = 5
# What is not the extension's: the network with its decoder and its text encoder, and what a start image takes.
MODEL = ("network", "decoder", "text", "start image")
# Until the picture is decoded and may be painted; a browser that is driven from outside would add its own waiting.
REDRAW = """(prompt) => new Promise((resolve) => {
    const find = (selector) => document.querySelector("#hypersd_live " + selector);
    const [field, image] = [find("[name=prompt]"), find("img")];
    const start = performance.now();
    image.addEventListener("load", () => requestAnimationFrame(() => resolve(performance.now() - start)), {once: true});
    field.value = prompt;
    field.dispatchEvent(new Event("input", {bubbles: true}));
})"""


@contextlib.contextmanager
def served():
    """Serve the page over the embedded model: its playground and its address."""
    from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
    from lib_hypersd.download.downloads import Downloads
    from lib_hypersd.download.source import Server
    from lib_hypersd.playground.page import Page
    from lib_hypersd.recipes.catalog import Catalog
    from tests.playground import models

    playground = models.playground_of(embedded_checkpoint(), EMBEDDED)
    with tempfile.TemporaryDirectory() as folder:
        nothing = Downloads(lambda: Server(""), lambda recipe: Path(folder), catalog=lambda: Catalog(()))
        page = Page(playground, Path(folder), nothing)
        url = page.launch(server_name="127.0.0.1")
        try:
            yield playground, url
        finally:
            page.blocks.close()


def main():
    with chromium() as browser:
        if sys.argv[1:2] and sys.argv[1] != "--write":
            what = "the WebUI's checkpoint at 64×64"
            measured = measure(browser.new_page(), sys.argv[1], "Hyper-SD Live", 200)
        else:
            with served() as (playground, url):
                name, (width, height) = playground.pipeline.model.name, playground.pipeline.size
                what, measured = f"{name} at {width}×{height}", measure(browser.new_page(), url, "Live", 90)
    section = show(report(what, *measured))
    if "--write" in sys.argv:
        keep({"Playground: the page": section})


def report(what: str, redraw: float, parts: dict[str, float], bar: float) -> list[tuple[str, str, str]]:
    """The rows of the table."""
    rows = [
        (f"one step, {what}, from a key to the picture, median of {REDRAWS}", f"{redraw:.0f} ms", f"at most {bar} ms")
    ]
    rows += [(f"of this: {name}", f"{time:.1f} ms", "") for name, time in parts.items()]
    if "network" in parts:
        beyond = sum(time for name, time in parts.items() if name not in MODEL)
        rows.append(("beyond network, decoder and text encoder", f"{beyond:.1f} ms", "at most 25 ms"))
    return rows


def measure(page, url, tab, bar) -> tuple[float, dict[str, float], float]:
    """The median milliseconds of a redraw as a user sees it, of its parts as the page reports them, and the bar."""
    page.goto(url)
    page.set_default_timeout(120_000)
    in_gradio_3 = page.locator("#tabs button", has_text=tab)  # where the buttons of tabs have no role
    page.get_by_role("tab", name=tab, exact=True).or_(in_gradio_3).first.click()
    for side in ("width", "height"):
        page.locator(f"#hypersd_live [name={side}]").fill("64")
    redraws, times = [], []
    for i in range(REDRAWS + WARMING):
        redraws.append(milliseconds_of(page, f"a blue square {i}"))
        times.append(json.loads(page.locator("#hypersd_live figcaption").get_attribute("data-times")))
    times = times[WARMING:]
    medians = {name: statistics.median(one.get(name, 0) for one in times) for name in times[0] if name != "total"}
    return statistics.median(redraws[WARMING:]), medians, bar


def milliseconds_of(page, prompt: str) -> float:
    """How long the picture of a prompt takes from the key that completes it, by the page's own clock."""
    return page.evaluate(REDRAW, prompt)


if __name__ == "__main__":
    main()
