"""The panel in a language that the user has chosen for the WebUI, as the host's own script translates it."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.live.page import badges, expect_status, generate, set_size, toggle

ROOT = Path(__file__).parent.parent.parent
GERMAN = json.loads((ROOT / "localizations" / "de_DE.json").read_text(encoding="utf-8"))
pytestmark = pytest.mark.only(
    "AUTOMATIC1111", why="the texts are the same files, the lists of its gradio are other ones"
)


@pytest.fixture(scope="module")
def german(make_host):
    """A host of its own: a WebUI reads the language when it makes its page."""
    host = make_host()
    config = host.data / "config.json"
    before = config.read_text()
    config.write_text(json.dumps({**json.loads(before), "localization": "de_DE"}))
    host.boot()
    host.txt2img(None, steps=1)  # some hosts load their checkpoint and much else with the first image
    yield host
    host.stop()
    config.write_text(before)


@pytest.fixture(params=["light", "dark"])
def page(german, browser, request):
    page = browser.new_page(viewport={"width": 1400, "height": 1500})
    page.set_default_timeout(120_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.stack) if "hypersd" in (error.stack or "") else None)
    page.goto(f"{german.url}/?__theme={request.param}")
    page.wait_for_selector("#hypersd_txt2img_enable .input-accordion-checkbox")
    expect_status(page, f"{german.first_checkpoint}: SD1.5")
    yield page
    page.close()
    assert not errors, errors


def shown(page, *texts, where="#hypersd_txt2img_enable"):
    for text in texts:
        expect(page.locator(where)).to_contain_text(GERMAN[text])


def test_the_panel_is_german_and_works(page, pictures, request):
    page.locator("#hypersd_txt2img_enable .label-wrap").click()
    expect_status(
        page, "8 Schritte, Hyper-SD15-8steps-lora mit Gewicht 1: DDIM-Trailing mit dem Zeitplan Trailing, CFG 1."
    )
    page.wait_for_selector("text=Hyper-SD verwendet DDIM-Trailing")
    assert set(badges(page)) == {f"Hyper-SD verwendet {value}" for value in ("1", "8", "DDIM-Trailing", "Trailing")}
    labels = ("Variant", "Steps", "LoRA weight", "LoRA file", "Schedule")
    shown(page, *labels, "Which kind of LoRA is taken.", "Fresh noise per step; lower keeps more detail.")
    shown(page, "Make the negative prompt work", "Refresh LoRA list", "At CFG 1 the negative prompt has no effect.")
    page.wait_for_timeout(500)  # gradio fades its answers in
    page.locator("#txt2img_settings").screenshot(path=pictures / f"{request.node.name}.png")

    # A list shows German and gives what it means.
    page.locator("#hypersd_txt2img_variant input").click()
    variants = page.locator("#hypersd_txt2img_variant .options")
    expect(variants).to_contain_text(GERMAN["1–8 steps in one (TCD)"])
    page.locator("#txt2img_settings").screenshot(path=pictures / f"{request.node.name}-list.png")
    variants.locator("li", has_text=GERMAN["1–8 steps in one (TCD)"]).click()
    expect_status(page, "8 Schritte, Hyper-SD15-1step-lora mit Gewicht 1: TCD mit dem Zeitplan TCD, Eta 1")
    page.get_by_role("button", name=GERMAN["More detail (eta 0.3)"]).first.click()
    expect_status(page, "Eta 0.3")

    set_size(page)
    page.locator("#txt2img_prompt textarea").fill("a cat")
    assert "Steps: 8, Sampler: TCD, Schedule type: TCD, CFG scale: 1" in generate(page)
    page.locator("#hypersd_txt2img_steps input").fill("9")
    page.keyboard.press("Enter")
    expect_status(page, GERMAN["Until then your own settings are used."])
    shown(page, "not applied, see inside", where="#hypersd_txt2img_enable .label-wrap")
    toggle(page)
    shown(page, "Off. Your own settings are used.")


def test_the_settings_are_german(page, pictures, request):
    page.locator("#tabs > .tab-nav button").nth(-2).click()
    page.locator("#settings button", has_text="Hyper-SD").click()
    section = page.locator("#settings_hypersd")
    for text in [text for text in GERMAN if text.startswith("(")] + [
        "Folder to copy LoRAs from instead of downloading them"
    ]:
        expect(section).to_contain_text(GERMAN[text])
    section.screenshot(path=pictures / f"{request.node.name}.png")
