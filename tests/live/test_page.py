"""The panel in the page of a real host, as users see it."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.live.common import trailing
from tests.live.make_models import BROKEN
from tests.live.page import (
    ACCORDION,
    badges,
    choose,
    expect_status,
    from_menu,
    generate,
    open_page,
    paste,
    set_size,
    toggle,
)

TABS = ("txt2img", "img2img")
# The rest is written for gradio 3's lists and A1111's own controls.
of_a1111 = pytest.mark.only("AUTOMATIC1111", why="written for the controls of AUTOMATIC1111's page")


@pytest.fixture(scope="module", autouse=True)
def first_checkpoint(host):
    """A request's own checkpoint stays in memory after it, and the tiny ones' files do not tell what they are."""
    host.txt2img(None, steps=1)


@pytest.fixture
def page(host, browser):
    """The host's page; an error in our script fails the test (the host's own raises some without us)."""
    page = browser.new_page(viewport={"width": 1400, "height": 1500})
    page.set_default_timeout(120_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.stack) if "hypersd" in (error.stack or "") else None)
    open_page(page, host)
    yield page
    page.close()
    assert not errors, errors


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_collapsed_and_off_at_first_and_readable_when_open(host, page, pictures, theme):
    open_page(page, host, theme)
    for tab in TABS:
        assert not page.locator(f"#hypersd_{tab}_enable {ACCORDION}").is_checked()
        assert page.locator(f"#hypersd_{tab}_enable .label-wrap").get_attribute("aria-expanded") == "false"
    page.screenshot(path=pictures / f"off-{theme}.png")
    page.get_by_role("button", name="Hyper-SD settings").first.click()
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora")
    page.wait_for_selector(".hypersd-badge")
    page.wait_for_timeout(500)  # gradio fades its answers in
    page.screenshot(path=pictures / f"on-{theme}.png")
    # The README's picture of this host: the panel, and what it overrides above it, without the suite's broken file.
    broken = host.data / "models" / "Lora" / BROKEN
    broken.rename(host.data / BROKEN)
    page.get_by_role("button", name="Refresh LoRA list").first.click()
    expect(page.locator("#hypersd_txt2img_status").first).not_to_contain_text(BROKEN, timeout=120_000)
    page.wait_for_timeout(500)
    panel = page.locator("#hypersd_txt2img_enable").bounding_box()
    around = {"x": panel["x"] - 12, "y": panel["y"] - 140, "width": panel["width"] + 24, "height": 600}
    page.screenshot(path=pictures / f"readme-{theme}.png", clip=around)
    (host.data / BROKEN).rename(broken)
    page.get_by_role("button", name="Refresh LoRA list").first.click()
    page.locator("#txt2img_settings").screenshot(path=pictures / f"panel-{theme}.png")
    background, text = page.evaluate(
        """() => {
            const status = document.querySelector('#hypersd_txt2img_status p:not(.hypersd-heading)');
            const luminance = (colour) => {
                const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => (v / 255) ** 2.2);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            let behind = status;
            while (getComputedStyle(behind).backgroundColor.endsWith(', 0)')) behind = behind.parentElement;
            return [luminance(getComputedStyle(behind).backgroundColor), luminance(getComputedStyle(status).color)];
        }"""
    )
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.hypersd-badge')].filter((badge) =>
            badge.getBoundingClientRect().bottom > badge.parentElement.getBoundingClientRect().bottom).length"""
    )
    assert outside == 0, "every badge lies within its control"
    contrast = (max(background, text) + 0.05) / (min(background, text) + 0.05)
    assert contrast > 4.5, f"the sentence has a contrast of {contrast:.1f} only"


def test_tick_generate_and_the_hosts_own_values_stay(host, page):
    set_size(page)
    page.locator("#txt2img_prompt textarea").fill("a cat")
    own, own_cfg = [
        page.locator(f"#txt2img_{name} input[type=number]").input_value() for name in ("steps", "cfg_scale")
    ]
    toggle(page)
    expect_status(page, "8 steps with")
    page.wait_for_selector("text=Hyper-SD uses DDIM-Trailing")
    uses = {"1", "8", "DDIM-Trailing"} | ({"Trailing"} if host.has_schedules else set())
    assert set(badges(page)) == {f"Hyper-SD uses {value}" for value in uses}
    assert "8 steps, CFG 1" in page.locator("#hypersd_txt2img_enable .label-wrap").inner_text()
    host.get("/hypersd-probe/calls")
    info = generate(page)
    schedule = " Schedule type: Trailing," if host.has_schedules else ""
    assert f"Steps: 8, Sampler: DDIM-Trailing,{schedule} CFG scale: 1" in info and "<lora:Hyper-SD15-8steps" in info
    assert [call["rows"] for call in host.get("/hypersd-probe/calls")] == [1] * 8
    assert page.locator("#txt2img_steps input[type=number]").input_value() == own
    assert page.locator("#txt2img_cfg_scale input[type=number]").input_value() == own_cfg != "1"
    toggle(page)
    page.wait_for_function("document.querySelectorAll('.hypersd-badge').length === 0")
    assert page.locator(".hypersd-overridden").count() == 0
    info = generate(page)
    assert f"Steps: {own}, Sampler: " in info and "Trailing" not in info and "Hyper-SD" not in info


def test_generate_forever(host, page):
    set_size(page)
    page.locator("#txt2img_prompt textarea").fill("a cat")
    own = int(page.locator("#txt2img_steps input[type=number]").input_value())
    toggle(page)
    expect_status(page, "8 steps with")
    host.get("/hypersd-probe/calls")
    from_menu(page, "Generate forever")
    calls, deadline = [], time.monotonic() + 600
    while len(calls) < 24 and time.monotonic() < deadline:
        time.sleep(0.2)
        calls += host.get("/hypersd-probe/calls")
    from_menu(page, "Cancel generate forever")
    assert [call["timestep"] for call in calls[:24]] == pytest.approx(trailing(8) * 3, abs=2e-3)
    assert {call["rows"] for call in calls} == {1} and all(call["loras"] for call in calls)
    page.wait_for_function("document.querySelector('#txt2img_interrupt').style.display === 'none'", timeout=120_000)
    toggle(page)
    expect_status(page, "Off.")
    host.get("/hypersd-probe/calls")
    assert f"Steps: {own}, " in generate(page) and not any(call["loras"] for call in host.get("/hypersd-probe/calls"))


def test_why_the_last_image_is_bad_and_one_click_to_what_fits(host, page):
    host.txt2img(None, prompt="a cat <lora:Hyper-SD15-8steps-lora:1>", steps=20, cfg_scale=7)
    page.get_by_role("button", name="Hyper-SD settings").first.click()
    page.locator("#hypersd_txt2img_why").click()
    page.locator("#hypersd_txt2img_explain").click()
    expect(page.locator("#hypersd_txt2img_explanation li").first).to_contain_text("CFG: 7 → 1.", timeout=120_000)
    page.locator("#hypersd_txt2img_use").click()
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora at weight 1")


@pytest.mark.only("Forge", why="it loads the checkpoint when it is chosen, or serves less families")
def test_it_follows_the_list_of_checkpoints_before_one_is_loaded(page):
    toggle(page)
    checkpoints = page.locator(".model_selection input").first
    for name, sentence in (
        ("small_sdxl", "SDXL8 steps with Hyper-SDXL-8steps-lora"),
        ("small_vega", "is a pruned SDXL"),
        ("rand_flux", "The checkpoint is not loaded yet."),  # the header of so small a FLUX tells nothing
        ("small_sd15", "SD1.x8 steps with Hyper-SD15-8steps-lora"),
    ):
        choose(page, checkpoints, f"{name}.safetensors")
        for tab in TABS:
            expect_status(page, "not loaded" if name == "rand_flux" else f"{name}: ", tab)
        expect_status(page, sentence)


@of_a1111
def test_what_cannot_be_carried_out_is_said_below_the_image(page):
    set_size(page)
    toggle(page)
    page.locator("#hypersd_txt2img_enable .label-wrap").press("Enter")
    page.get_by_role("textbox", name=re.compile("^Steps ")).first.fill("9")
    page.keyboard.press("Enter")
    expect_status(page, "No Hyper-SD for SD1.5 serves 9 steps; 1 to 8, 12 do.")
    assert badges(page) == [] and "not applied" in page.locator("#hypersd_txt2img_enable .label-wrap").inner_text()
    assert "Hyper-SD was not applied, and your own settings were used." in generate(page)


@of_a1111
def test_one_click_for_more_detail_and_one_for_the_negative_prompt(page):
    page.get_by_role("button", name="Hyper-SD settings").first.click()
    page.get_by_role("textbox", name=re.compile("^Variant")).first.click()
    page.locator("#hypersd_txt2img_variant li", has_text="1–8 steps in one").click()
    expect_status(page, "TCD on the schedule TCD, eta 1, CFG 1")
    page.get_by_role("button", name="More detail (eta 0.3)").click()
    expect_status(page, "TCD on the schedule TCD, eta 0.3, CFG 1")
    page.wait_for_function("getComputedStyle(document.querySelector('#hypersd_txt2img_detail')).display === 'none'")
    page.get_by_role("button", name="Make the negative prompt work").click()
    expect_status(page, "8 steps with Hyper-SD15-8steps-CFG-lora at weight 1")
    page.wait_for_function(
        "document.querySelector('#hypersd_txt2img_status').textContent.includes('negative prompt counts')"
    )


@of_a1111
def test_a_pasted_infotext_restores_the_panel_and_a_foreign_one_switches_it_off(host, page):
    result = host.txt2img({"enabled": True, "variant": "unified", "steps": 5, "eta": 0.3}, steps=20)
    paste(page, result.infotext)
    expect_status(page, "5 steps with Hyper-SD15-1step-lora at weight 1: TCD on the schedule TCD, eta 0.3")
    assert page.locator(f"#hypersd_txt2img_enable {ACCORDION}").is_checked()
    values = {
        name: page.locator(f"#hypersd_txt2img_{name} input").input_value()
        for name in ("variant", "steps", "cfg", "eta", "file")
    }
    assert values == {
        "variant": "1–8 steps in one (TCD)",
        "steps": "5",
        "cfg": "Recommended",
        "eta": "0.3",
        "file": "Recommended",
    }
    assert page.locator("#txt2img_sampling input").input_value() == "TCD", "names survive the paste"
    host.get("/hypersd-probe/calls")
    again, first = (text.split("Steps:")[1].split("Lora hashes")[0] for text in (generate(page), result.infotext))
    assert again == first
    foreign = host.txt2img(None, steps=3, sampler_name="Euler", scheduler="Karras")
    paste(page, foreign.infotext)
    expect_status(page, "Off. Your own settings are used.")
    assert not page.locator(f"#hypersd_txt2img_enable {ACCORDION}").is_checked() and badges(page) == []


def test_it_listens_to_the_prompt(page):
    page.locator("#txt2img_prompt textarea").fill("a cat <lora:Hyper-SD15-4steps-lora:0.7>")
    expect_status(page, "The prompt has the few-step LoRA Hyper-SD15-4steps-lora.")
    assert "the prompt has a few-step LoRA" in page.locator("#hypersd_txt2img_enable .label-wrap").inner_text()
    toggle(page)
    expect_status(page, "4 steps with Hyper-SD15-4steps-lora at weight 0.7")
    page.locator("#txt2img_prompt textarea").fill("a cat")
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora at weight 1")
    page.locator("#txt2img_prompt textarea").fill("<lora:Hyper-SDXL-4steps-lora:1>")
    expect_status(page, "was made for SDXL and the loaded checkpoint is SD1.5: its tag is not applied.")


@of_a1111
def test_it_follows_the_loaded_checkpoint(host, page):
    toggle(page)
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora")
    try:
        page.locator("#setting_sd_model_checkpoint input").click()
        page.locator("#setting_sd_model_checkpoint li", has_text="tiny_4SHyper").click()
        for tab in TABS:
            expect_status(page, "tiny_4SHyper: SD1.5", tab)
        expect_status(page, "4 steps with no LoRA")
    finally:
        host.post("/sdapi/v1/options", {"sd_model_checkpoint": "tiny-sd15.safetensors"})


@of_a1111
def test_the_samplers_and_schedules_can_be_chosen_everywhere(page):
    choices = """(id) => {
        const component = window.gradio_config.components.find((c) => c.props.elem_id === id);
        return component.props.choices.map((choice) => Array.isArray(choice) ? choice[0] : choice);
    }"""
    for element in ("txt2img_sampling", "img2img_sampling", "hr_sampler"):
        names = page.evaluate(choices, element)
        assert names.count("TCD") == names.count("DDIM-Trailing") == 1, element
    for element in ("txt2img_scheduler", "img2img_scheduler", "hr_scheduler"):
        names = page.evaluate(choices, element)
        assert [names.count(label) for label in ("Trailing", "TCD", "Start at 800")] == [1, 1, 1], element


def test_the_settings_page_has_the_eta_of_tcd(page):
    page.locator("#tabs button", has_text="Settings").first.click()
    page.locator("#settings button", has_text="Hyper-SD").click()
    assert page.locator("#setting_hypersd_tcd_eta input[type=number]").input_value() == "0.3"
    assert page.locator("#setting_hypersd_tcd_eta").is_visible()


@of_a1111
def test_a_reload_of_the_ui_registers_nothing_twice(fresh_host, browser):
    host = fresh_host  # a server that reloads waits for all that earlier pages have left open, which may be for ever
    page = browser.new_page()
    open_page(page, host)
    page.locator("#footer a", has_text="Reload UI").click()
    time.sleep(3)
    deadline = time.monotonic() + 300
    while host.read_log().count("Startup time:") < 2 and time.monotonic() < deadline:
        time.sleep(0.3)
    page = browser.new_page()  # the other one reloads itself when it sees fit
    open_page(page, host)
    now = host.get("/hypersd-probe/host")
    assert now["samplers"].count("TCD") == now["samplers"].count("DDIM-Trailing") == 1
    assert [now["schedulers"].count(label) for label in ("Trailing", "TCD", "Start at 800")] == [1, 1, 1]
    axes = next(s["args"][0]["choices"] for s in host.get("/sdapi/v1/script-info") if s["name"] == "x/y/z plot")
    assert len([axis for axis in axes if axis.startswith("[Hyper-SD]")]) == 6
    result = host.txt2img({"enabled": True, "steps": 4})
    assert result.rows == [1] * 4 and "Sampler: DDIM-Trailing" in result.infotext
    toggle(page)
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora")
