"""The second pass that “Two passes” adds: switched on for the request, and taken back with the plan."""

import pytest

from tests.double import Processing
from tests.webui.common import ON

TWO = {**ON, "two_pass": True}
OWN = {"enable_hr": False, "hr_scale": 2.0, "hr_upscaler": "Latent", "denoising_strength": 0.75, "all_hr_prompts": None}


def values(p):
    return {name: getattr(p, name) for name in OWN}


def test_the_host_makes_a_second_pass_with_the_plans_values(host, script):
    p = Processing(host)
    host.process_images(p, script, [TWO])
    prompt = "<lora:Hyper-SD15-8steps-CFG-lora:1> a cat"
    assert values(p) == {
        "enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "None", "denoising_strength": 0.55, "all_hr_prompts": [prompt]
    }  # fmt: skip
    assert p.all_prompts == [prompt] and p.cfg_scale == 6.0
    assert getattr(p, "hr_additional_modules", ["Use same choices"]) == ["Use same choices"]
    assert p.extra_generation_params["Hyper-SD two passes"] == "True" and not p.comments
    assert len(host.network.timesteps) == 16, "eight steps of each pass"


def test_a_fixed_size_of_the_request_does_not_come_before_the_factor(host, script):
    p = Processing(host, hr_resize_x=640, hr_resize_y=640)
    host.process_images(p, script, [TWO])
    assert (p.hr_resize_x, p.hr_resize_y) == (0, 0)


def test_the_requests_own_second_pass_comes_first(host, script):
    p = Processing(host, enable_hr=True, hr_prompt="", hr_scale=1.25)
    host.process_images(p, script, [TWO])
    assert values(p) == {**OWN, "enable_hr": True, "hr_scale": 1.25, "all_hr_prompts": p.all_prompts}
    assert list(p.comments) == [
        "The second pass that is set comes before the one of “Two passes”: ×1.5, denoising strength 0.55, upscaler None."
    ]


def test_a_plan_that_is_taken_back_leaves_no_second_pass(host, script):
    host.placed["Hyper-SD15-8steps-CFG-lora"] = 0
    p = Processing(host)
    host.process_images(p, script, [TWO])
    assert values(p) == OWN and len(host.network.timesteps) == 20
    assert set(p.extra_generation_params) == {"Hyper-SD note"}


def test_the_next_run_of_a_request_has_the_users_own_values_again(host, script):
    p = Processing(host)
    host.process_images(p, script, [TWO])
    host.process_images(p, script, [False])
    assert values(p) == OWN


def test_an_axis_of_ours_switches_it_on_and_axes_of_the_hosts_are_kept(host, script):
    for wanted, is_on in (("True", True), ("False", False)):
        cell = host.cell(Processing(host), ("[Hyper-SD] Two passes", wanted))
        host.process_images(cell, script, [False])
        assert cell.enable_hr is is_on and "Hyper-SD" in cell.extra_generation_params
    cell = host.cell(Processing(host), ("Denoising", 0.3), ("Hires upscaler", "Lanczos"))
    host.process_images(cell, script, [TWO])
    assert (cell.denoising_strength, cell.hr_upscaler, cell.hr_scale) == (0.3, "Lanczos", 1.5)


@pytest.mark.parametrize("args", [TWO, {**TWO, "variant": "unified"}])
def test_img2img_has_no_second_pass(host, script, args):
    p = Processing(host, img2img=True)
    host.process_images(p, script, [args])
    assert p.extra_generation_params["Hyper-SD note"] == (
        "not applied. Two passes are for txt2img: img2img is a second pass itself."
    )
    assert p.steps == 20 and p.denoising_strength == 0.75
