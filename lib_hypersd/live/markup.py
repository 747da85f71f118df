"""The page's markup. Controls that have a name are what a redraw is made from."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Page", "render"]

COLOURS = {
    "red": "#e11d48", "orange": "#f97316", "yellow": "#facc15", "green": "#16a34a", "blue": "#2563eb",
    "purple": "#7c3aed", "black": "#111827", "white": "#ffffff",
}  # fmt: skip
MOST_STEPS = 4

MARKUP = """
<div id="hypersd_live" class="hypersd-live">
    <label>Prompt<textarea name="prompt" rows="2" spellcheck="false">{prompt}</textarea></label>
    <label hidden>Negative prompt<textarea name="negative" rows="2" spellcheck="false"></textarea></label>
    <div class="hypersd-live-row">
        <label>Seed<input name="seed" type="number" min="0" max="4294967295" value="1"></label>
        <label>Width<input name="width" type="number" min="64" max="4096" step="16" value="{width}"></label>
        <label>Height<input name="height" type="number" min="64" max="4096" step="16" value="{height}"></label>
        <label>Steps<select name="steps">{steps}</select></label>
        <label class="hypersd-tick"><input data-walk type="checkbox">Walk: the next seed for each picture</label>
        {taesd}
    </div>
    <div class="hypersd-live-columns">
        <div class="hypersd-scribble">
            <canvas width="512" height="512" role="img" aria-label="Scribble here"></canvas>
            <div class="hypersd-live-row">
                {colours}
                <input data-brush type="range" min="4" max="96" value="40" aria-label="Width of the brush">
                <button type="button" data-do="clear">Clear</button>
            </div>
            <label>How far the picture may leave the scribble
                <input name="strength" type="range" min="0" max="1" step="0.05" value="0.75"></label>
            <label data-list="{control_list}" hidden>ControlNet
                <select name="control"><option value="">None: the picture starts from the scribble</option>{controls}
                </select></label>
            <label hidden>Control weight
                <input name="control_weight" type="range" min="0" max="2" step="0.05" value="0.5"></label>
        </div>
        <div>
            <figure hidden><img alt="" class="{classes}"><figcaption></figcaption><ul></ul></figure>
            <p class="hypersd-status" role="status" hidden></p>
            <div class="hypersd-live-row">
                <button type="button" data-do="redraw">Redraw</button>
                <button type="button" data-do="interrupt">Interrupt</button>
                <button type="button" data-do="keep" disabled>Keep</button>
                {targets}
            </div>
        </div>
    </div>
</div>
"""
OPTION = "<option>{}</option>"
TAESD = '<label class="hypersd-tick"><input name="taesd" type="checkbox">Decode with TAESD</label>'
COLOUR = '<button type="button" data-colour="{}" aria-label="{}" aria-pressed="false"></button>'
TARGET = '<button type="button" data-send="{0}" disabled>Send to {0}</button>'


class Page(NamedTuple):
    """What differs between those who serve it: what it begins with, the tabs that it sends pictures to, whether TAESD
    can be chosen, and whether its pictures are so small that every pixel of theirs is to be seen.

    ``controls`` are the names of ControlNets; ``control_list`` is a route that answers with more of them, as
    ``{"model_list": [...]}``.
    """

    prompt: str = ""
    width: int = 512
    height: int = 512
    targets: Sequence[str] = ()
    taesd: bool = False
    small: bool = False
    controls: Sequence[str] = ()
    control_list: str = ""


def render(page: Page) -> str:
    return MARKUP.format(
        prompt=escape(page.prompt),
        width=page.width,
        height=page.height,
        steps="".join(map(OPTION.format, range(1, MOST_STEPS + 1))),
        taesd=TAESD if page.taesd else "",
        controls="".join(OPTION.format(escape(name)) for name in page.controls),
        control_list=page.control_list,
        colours="".join(COLOUR.format(code, name) for name, code in COLOURS.items()),
        classes="hypersd-small" if page.small else "",
        targets="".join(map(TARGET.format, page.targets)),
    )
