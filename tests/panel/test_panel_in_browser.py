"""The panel in a browser: how it follows the page, reads aloud, and works by keyboard."""

import re
import threading

import pytest

from lib_hypersd.plan import Memory, Model
from lib_hypersd.recipes.settings import Settings
from tests.browser import page_of, requires_browser
from tests.panel.world import HOSTILE, LORAS, World, host_like, page_with_a_checkpoint_list
from tests.server import wait_until


@requires_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser(theme):
    world = World(Model("sd15", HOSTILE.replace("\n", " ")))
    with page_of(host_like(world), theme) as page:
        status = page.locator("#hypersd_txt2img_status").first
        assert status.get_attribute("role") == "status"
        page.wait_for_function("document.querySelector('#hypersd_txt2img_status').innerText.includes('Off.')")
        assert page.locator(".hypersd-badge").count() == 0

        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=Hyper-SD uses DDIM-Trailing")
        assert page.locator(".hypersd-badge").all_inner_texts() == [
            "Hyper-SD uses 8", "Hyper-SD uses 1", "Hyper-SD uses DDIM-Trailing", "Hyper-SD uses Trailing"
        ]  # fmt: skip
        slider = page.locator("#txt2img_steps input").first
        assert page.locator(f"#{slider.get_attribute('aria-describedby')}").inner_text() == "Hyper-SD uses 8"
        assert page.locator("#txt2img_steps input[type=number]").input_value() == "20", (
            "the user's own value stays where it is"
        )

        steps = page.get_by_label(re.compile("^Steps"))
        # By keyboard alone: open the list of steps, go to its fourth entry, take it.
        steps.focus()
        for key in ("ArrowDown",) * 4:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/^[1-4] steps? with/")

        page.get_by_role("button", name="Make the negative prompt work").click()
        page.wait_for_selector(
            "#hypersd_txt2img_status >> text=/No CFG-preserved Hyper-SD for SD1.5 serves [1-4] step/"
        )
        assert page.locator(".hypersd-badge").count() == 0, "a plan that is not carried out overrides nothing"
        steps.fill("12")
        page.keyboard.press("Enter")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/12 steps with Hyper-SD15-12steps-CFG-lora/")

        page.locator("#txt2img_prompt textarea").fill("a cat <lora:Hyper-SD15-2steps-lora:0.7>")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/12 steps with Hyper-SD15-2steps-lora at weight 0.7/")
        page.get_by_role("checkbox", name="Hyper-SD").uncheck()
        page.wait_for_selector("#hypersd_txt2img_status >> text=/The prompt has the few-step LoRA/")
        assert page.locator(".hypersd-badge").count() == 0 and page.locator(".hypersd-overridden").count() == 0

        world.model = Model("sdxl", "another")
        page.evaluate("opts.sd_model_checkpoint = 'another'")
        page.wait_for_selector("#hypersd_txt2img_status >> text=another: SDXL")
        assert world.refreshed == 0
        page.get_by_role("button", name="Refresh LoRA list").click()
        page.wait_for_function("document.title !== '1'")
        page.wait_for_timeout(200)
        assert world.refreshed == 1 and page.title() != "1", "no name became markup"


@requires_browser
def test_why_a_picture_is_bad_and_one_click_to_what_fits():
    world = World(Model("sdxl", "some SDXL"))
    world.infotext = "a cat <lora:Hyper-SDXL-4steps-lora:1>\nSteps: 4, CFG scale: 1, Model: sd_xl_base"
    with page_of(host_like(world), "light") as page:
        page.get_by_role("button", name="Why is my picture bad?").click()
        page.get_by_role("button", name="Explain").click()
        page.wait_for_selector("text=Nothing that it says differs from what that was made for.")
        use = page.get_by_role("button", name="Use what fits")
        assert use.is_hidden()
        bad = f"{HOSTILE} <lora:Hyper-SDXL-4steps-lora:1>\nSteps: 4, CFG scale: 7, Model: sd_xl_base"
        page.locator("#hypersd_txt2img_infotext textarea").fill(bad)
        page.get_by_role("button", name="Explain").click()
        page.wait_for_selector("#hypersd_txt2img_explanation li >> text=CFG: 7 → 1.")
        page.get_by_label(re.compile("^Steps")).fill("12")
        page.keyboard.press("Enter")
        use.click()
        page.wait_for_selector("#hypersd_txt2img_status >> text=/4 steps with Hyper-SDXL-4steps-lora/")
        page.locator("#hypersd_txt2img_infotext textarea").fill("no infotext")
        page.get_by_role("button", name="Explain").click()
        page.wait_for_selector("#hypersd_txt2img_explanation >> text=This is no infotext")
        assert use.is_hidden() and page.title() != "1"


@requires_browser
def test_sdxls_weight_of_a_controlnet_is_recommended_where_a_unit_is_on():
    world = World(Model("sdxl", "some SDXL"))
    with page_of(host_like(world), "light") as page:
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=Hyper-SD uses DDIM-Trailing")
        weight = page.locator("[id$=_control_weight_slider]")
        assert "Hyper-SD" not in weight.inner_text()
        page.get_by_role("checkbox", name="Enable unit").check()
        page.wait_for_selector("[id$=_control_weight_slider] >> text=Hyper-SD recommends 0.5")
        assert "hypersd-overridden" not in weight.get_attribute("class"), "the user's own value counts"
        weight.locator("input[type=number]").fill("0.5")
        page.wait_for_function("!document.querySelector('[id$=_control_weight_slider]').innerText.includes('Hyper-SD')")
        weight.locator("input[type=number]").fill("0.9")
        page.wait_for_selector("[id$=_control_weight_slider] >> text=Hyper-SD recommends 0.5")
        world.model = Model("sd15", "another")
        page.evaluate("opts.sd_model_checkpoint = 'another'")
        page.wait_for_function("!document.querySelector('[id$=_control_weight_slider]').innerText.includes('Hyper-SD')")


@requires_browser
def test_an_answer_that_comes_late_does_not_stay():
    world, hold, release = World(), threading.Event(), threading.Event()

    def listed():
        if hold.is_set():
            hold.clear()
            release.wait(60)
        return LORAS

    world.listed = listed
    with page_of(host_like(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=Off.")
        page.wait_for_timeout(1500)  # by now it has seen which checkpoint is selected
        hold.set()  # what is asked next, which is about the prompt
        page.locator("#txt2img_prompt textarea").fill("a cat <lora:Hyper-SD15-2steps-lora:0.7>")
        wait_until(lambda: not hold.is_set())
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("#hypersd_txt2img_status >> text=/2 steps with/")
        page.evaluate("""() => {
            const status = document.querySelector('#hypersd_txt2img_status');
            window.said = '';
            new MutationObserver(() => window.said += status.textContent).observe(status, {childList: true, subtree: true});
        }""")
        release.set()
        page.wait_for_function("window.said.includes('The prompt has the few-step LoRA')")
        page.wait_for_selector("#hypersd_txt2img_status >> text=/2 steps with/")


@requires_browser
def test_it_waits_for_a_checkpoint_that_loads():
    world = World(model=None)
    with page_of(host_like(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=not loaded yet")
        world.model = Model("sd15", "slow to come")
        page.wait_for_selector("#hypersd_txt2img_status >> text=slow to come: SD1.5")


@requires_browser
def test_a_list_of_checkpoints_on_the_page_is_followed():
    world = World(plain := Model("sd15", "plain"))
    with page_of(page_with_a_checkpoint_list(world), "light") as page:
        page.wait_for_selector("#hypersd_txt2img_status >> text=plain: SD1.5")
        page.get_by_role("checkbox", name="Hyper-SD").check()

        def select(name):
            page.get_by_label("Checkpoint", exact=True).fill(name)
            page.keyboard.press("Enter")

        select("flux")
        page.wait_for_selector("#hypersd_txt2img_status >> text=flux: FLUX.1-dev")
        page.wait_for_selector("#txt2img_distilled_cfg_scale >> text=Hyper-SD uses 3.5")
        select("odd")
        page.wait_for_selector("#hypersd_txt2img_status >> text=not loaded yet")
        world.model = plain
        page.locator("#hypersd_txt2img_enable").hover()
        page.wait_for_selector("#hypersd_txt2img_status >> text=plain: SD1.5", timeout=1500)


@requires_browser
def test_one_click_remembers_and_one_forgets():
    world = World(model=Model("sdxl", "dreamXL_Lightning"))
    with page_of(host_like(world), "light") as page:
        page.get_by_role("checkbox", name="Hyper-SD").check()
        page.wait_for_selector("text=SDXL-Lightning is already in the checkpoint, by its name.")
        inside = page.get_by_label(re.compile("^In the checkpoint"))
        inside.click()
        page.locator("#hypersd_txt2img_inside li", has_text="Nothing: it is a plain checkpoint").click()
        page.wait_for_function(
            "document.querySelector('.hypersd-status').innerText.includes('Hyper-SDXL-8steps-lora at weight')"
        )
        assert world.model.memory == Memory("")
        page.get_by_label(re.compile("^Steps")).fill("4")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=4 steps with")
        page.get_by_role("button", name="Keep these values for this checkpoint").click()
        wait_until(lambda: world.model.memory == Memory("", Settings(steps=4)))
        page.get_by_role("button", name="Forget this checkpoint").click()
        wait_until(lambda: world.model.memory == Memory())
        page.wait_for_selector("text=SDXL-Lightning is already in the checkpoint, by its name.")
        world.memory_problem = "The disk is full."
        page.get_by_role("button", name="Forget this checkpoint").click()
        page.wait_for_selector("text=The disk is full.")
