"""A host's presets, which set controls of its page by themselves."""

import pytest

from tests.live.page import ACCORDION, choose, expect_status, open_page, toggle

PRESETS = ("xl", "sd")


@pytest.fixture
def preset_host(fresh_host):
    """A host whose presets all have the checkpoint that is selected; by themselves they have none."""
    checkpoint = fresh_host.get("/sdapi/v1/options")["sd_model_checkpoint"]
    fresh_host.post("/sdapi/v1/options", {f"forge_checkpoint_{preset}": checkpoint for preset in PRESETS})
    return fresh_host


@pytest.mark.only("Forge Neo", why="no preset of its own changes the controls after the page has loaded")
def test_a_preset_leaves_the_panel_as_it_is(preset_host, browser, say):
    """A preset of the host sets steps, CFG and sampler, also when the page loads."""
    page = browser.new_page()  # of a host of its own: each preset has a checkpoint, modules and more
    open_page(page, preset_host)
    steps = page.locator("#txt2img_steps input[type=number]")
    toggle(page)
    expect_status(page, "8 steps with Hyper-SD15-8steps-lora")
    for preset in PRESETS:
        choose(page, page.locator("#forge_ui_preset input"), preset)
        page.wait_for_timeout(2000)
        assert page.locator(f"#hypersd_txt2img_enable {ACCORDION}").is_checked()
        expect_status(page, "8 steps with")
        assert steps.input_value() != "8", "the user's own value stays what the preset has set"
    say("nothing: the panel stays as it is")
