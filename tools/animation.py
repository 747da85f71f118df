"""Makes the README's animated picture of the live mode: a prompt as it is typed, in a real browser.

    python -m tools.animation docs/live.gif

It needs the playground's environment and Chromium.
"""

import io
import sys
from itertools import pairwise, takewhile

from PIL import Image

from bench.live import served
from tests.browser import chromium

PROMPTS = [
    "a red circle in the centre, white background",
    "a red square in the centre, white background",
    "a blue square in the centre, white background",
    "three yellow crosses on the right, black background",
]
SEED = 9  # whose red is red in one step; with others it tends to orange (docs/quality.md on colour)
SIZE = {"width": 720, "height": 650}
SHOWN = {"x": 0, "y": 152, **SIZE, "height": 468}  # without the title, and without what never moves
TYPING, READING = 150, 1400  # milliseconds that a frame stays: within a prompt and at its end


def between(old: str, new: str) -> list[str]:
    """What stands in the field while ``old`` is changed to ``new``: letters taken out, then others put in."""
    start = alike(old, new)
    rest = old[len(old) - alike(old[start:][::-1], new[start:][::-1]) :]
    taken = [old[:i] + rest for i in range(len(old) - len(rest) - 1, start - 1, -1)]
    return taken + [new[: i + 1] + rest for i in range(start, len(new) - len(rest))]


def alike(a: str, b: str) -> int:
    """With how many equal letters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def frames(page, url) -> list[tuple[Image.Image, int]]:
    """Pictures of the page, and the milliseconds that each stays."""
    page.goto(f"{url}?__theme=light")
    page.get_by_role("tab", name="Live").click()
    box = page.locator("#hypersd_live_prompt :is(textarea, input)")
    page.wait_for_selector("#hypersd_live img")
    first = page.locator("#hypersd_live img").get_attribute("src")
    page.locator("#hypersd_live_seed input").fill(str(SEED))
    page.wait_for_function("old => document.querySelector('#hypersd_live img').src !== old", arg=first)
    shown = []

    def show(prompt, milliseconds):
        box.fill(prompt)
        page.wait_for_selector(f"#hypersd_live img[alt='{prompt}']")
        shown.append((Image.open(io.BytesIO(page.screenshot(clip=SHOWN))), milliseconds))

    show(PROMPTS[0], READING)
    for old, new in pairwise([*PROMPTS, PROMPTS[0]]):
        *typed, last = between(old, new)
        for prompt in typed[::5]:
            show(prompt, TYPING)
        show(last, READING)
    return shown


def main():
    with served() as (_, url), chromium() as browser:
        pictures, durations = zip(*frames(browser.new_page(viewport=SIZE), url), strict=True)
    # The same colours in every frame: of all that any of them shows.
    colours = Image.new("RGB", (SHOWN["width"], SHOWN["height"] * len(pictures)))
    for i, picture in enumerate(pictures):
        colours.paste(picture, (0, i * SHOWN["height"]))
    palette = colours.quantize(96)
    first, *rest = (p.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures)
    first.save(sys.argv[1], save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)


if __name__ == "__main__":
    main()
