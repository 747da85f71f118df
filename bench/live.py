"""``python3 dev.py bench``, the playground's part: from a key pressed to the picture that follows, in a real browser.

It needs the playground's environment, so that it is a session of its own (see noxfile.py).
"""

import contextlib
import statistics
import tempfile
import time
from pathlib import Path

from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Server
from lib_hypersd.playground.page import Page
from lib_hypersd.recipes.catalog import Catalog
from tests.browser import chromium
from tests.playground import models

REDRAWS = 40


@contextlib.contextmanager
def served():
    """Serve the page over the embedded model: its playground and its address."""
    playground = models.playground_of(embedded_checkpoint(), EMBEDDED)
    with tempfile.TemporaryDirectory() as folder:
        nothing = Downloads(lambda: Server(""), lambda recipe: Path(folder), catalog=lambda: Catalog(()))
        page = Page(playground, Path(folder), nothing)
        _, url, _ = page.blocks.launch(
            prevent_thread_lock=True, server_name="127.0.0.1", quiet=True, **launch_options()
        )
        try:
            yield playground, url
        finally:
            page.blocks.close()


def main():
    with served() as (playground, url), chromium() as browser:
        redraws, inside = measure(browser.new_page(), url)
    name, (width, height) = playground.pipeline.model.name, playground.pipeline.size
    what = f"one step, {name} at {width}×{height}, from a key to the picture, median of {REDRAWS}"
    print(f"{what}: {redraws:.0f} ms   at most 250 ms")
    print(f"of this the plan, the network and the decoder: {inside:.0f} ms")


def measure(page, url) -> tuple[float, float]:
    """The median milliseconds of a redraw as a user sees it, and of the part that the page reports itself."""
    page.goto(url)
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#hypersd_live img")
    box, redraws, inside = page.locator("#hypersd_live_prompt :is(textarea, input)"), [], []
    for i in range(REDRAWS + 5):
        start = time.perf_counter()
        box.fill(f"a blue square {i}")
        page.wait_for_selector(f"#hypersd_live img[alt='a blue square {i}']")
        if i >= 5:  # until all is warm
            redraws.append((time.perf_counter() - start) * 1000)
            inside.append(float(page.locator("#hypersd_live figcaption").inner_text().split()[-2]))
    return statistics.median(redraws), statistics.median(inside)


if __name__ == "__main__":
    main()
