"""The translations: what the panel shows and a host can translate, neither more nor less."""

import json
import re
from pathlib import Path

import gradio as gr
import pytest

from lib_hypersd.live.markup import Page, render
from lib_hypersd.panel import build
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import RECOMMENDED, SCHEDULES
from lib_hypersd.translation import PLURALS
from tests.browser import page_of, requires_browser
from tests.double import Host, InputAccordion, OptionInfo
from tests.panel.world import World, host_like
from tests.sentences import all_templates
from tests.translations import find_faults, list_texts

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "localizations").glob("*.json"))
GERMAN = json.loads((ROOT / "localizations" / "de_DE.json").read_text(encoding="utf-8"))
# What is called the same in every language.
NAMES = {
    "ControlNet",
    "Infotext",
    "CFG",
    "Eta",
    "Prompt",
    *SCHEDULES,
    *(recipe.maker for recipe in published().recipes),
}
NUMBER = re.compile(r"[.\d]+")  # which hosts leave alone


def controls():
    """The texts of the panel's controls."""
    with gr.Blocks() as page:
        build(gr, InputAccordion, "txt2img", World(files=[]).backend)
    for component in page.get_config_file()["components"]:
        kind, props = component["type"], component["props"]
        if kind == "button" and "hypersd-hidden" not in (props.get("elem_classes") or []):
            yield props["value"]
        if kind in ("dropdown", "checkbox", "accordion"):
            yield props["label"]
        if props.get("info"):
            yield props["info"]
        if kind == "dropdown":
            # From gradio 4 on each has a text and a value.
            yield from (choice if isinstance(choice, str) else choice[0] for choice in props["choices"])


def words_of_the_script():
    return re.findall(
        r'translated\("([^"]*)"\)', (ROOT / "javascript" / "hypersd_panel.js").read_text(encoding="utf-8")
    )


def live_page():
    """The texts of the live page, and what its script says beside the picture."""
    markup = render(Page(targets=("txt2img", "img2img"), taesd=True))
    yield from re.findall(r">\s*([^<>\s][^<>]*?)\s*<", markup)
    script = (ROOT / "javascript" / "hypersd_live.js").read_text(encoding="utf-8")
    yield from re.findall(r'FAILED = "(.*)"', script)


def settings_page(tmp_path):
    """The settings' labels and their explanations, which hosts put into brackets."""
    shown: list[str] = []

    class Recorded(OptionInfo):
        def __init__(self, default=None, label="", *args, **kwargs):
            super().__init__(default, label, *args, **kwargs)
            shown.append(label)

        def info(self, text):
            shown.append(f"({text})")
            return self

    host = Host(tmp_path)
    host.shared.OptionInfo = Recorded
    with host.as_modules():
        host.load_script()
    return shown


@pytest.fixture
def shown(tmp_path):
    parts = [
        list(part)
        for part in (
            controls(),
            words_of_the_script(),
            live_page(),
            settings_page(tmp_path),
        )
    ]
    assert [len(part) > 3 for part in parts] == [True] * 4, "each kind of text was found"
    return {text for part in parts for text in part if text not in NAMES and not NUMBER.fullmatch(text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_translation_has_what_is_shown_and_nothing_else(shown, file):
    assert file.stem in PLURALS, "hosts take files of the same name together"
    pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=lambda pairs: pairs)
    texts = [text for text, _ in pairs]
    assert len(texts) == len(set(texts)) and shown <= set(texts) <= shown | all_templates()
    entries = json.loads(file.read_text(encoding="utf-8"))
    assert find_faults(entries, file.stem, shown | all_templates()) == []


ENDS = {".": ".。", ")": ")）", "?": "?？", ":": ":："}  # and how Chinese and Japanese write them


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_translation_keeps_names_numbers_and_the_end_of_a_sentence(file):
    kept = re.compile(
        r"\d+(?:\.\d+)?|TCD|DDIM-Trailing|FLUX|SHA-256|https?://(?:\w[\w./]*\w)?|HF_ENDPOINT|huggingface\.co", re.ASCII
    )
    for text, translation in list_texts(json.loads(file.read_text(encoding="utf-8"))):
        assert sorted(kept.findall(text)) == sorted(kept.findall(translation)), text
        for mark, written in ENDS.items():
            ends = translation.endswith(tuple(written))
            assert ends or not text.endswith(mark), text
            assert not ends or text.endswith(mark) or mark == ")", text  # some put into brackets what others add


@requires_browser
def test_what_the_script_writes_is_translated():
    with page_of(host_like(World()), "light", localization=GERMAN) as page:
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=Hyper-SD verwendet DDIM-Trailing")
        assert page.locator(".hypersd-badge").all_inner_texts() == [
            f"Hyper-SD verwendet {value}" for value in ("8", "1", "DDIM-Trailing", "Trailing")
        ]
        page.get_by_label(re.compile("^Steps")).fill("9")
        page.keyboard.press("Enter")
        page.wait_for_selector(".hypersd-summary >> text=nicht angewendet")
        page.get_by_label(re.compile("^Steps")).fill(RECOMMENDED)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Hyper-SD verwendet DDIM-Trailing")
