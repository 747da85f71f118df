"""The second pass that “Two passes” adds: its values, and what comes before them."""

import pytest

from lib_hypersd.plan import SecondPass
from tests.plans import file, plan


def second(result):
    return result.hires_scale, result.hires_strength, result.hires_upscaler, result.hires_steps


@pytest.mark.parametrize(
    ("family", "expected", "strength", "cfg"),
    [("sdxl", "Hyper-SDXL-8steps-CFG-lora", 0.6, 3), ("sd15", "Hyper-SD15-8steps-CFG-lora", 0.55, 6)],
)
def test_the_cfg_preserved_lora_is_taken_with_the_values_that_were_found_to_work(family, expected, strength, cfg):
    result = plan(family, two_pass=True)
    assert (result.file, result.steps, result.cfg) == (expected, 8, cfg)
    assert second(result) == (1.5, strength, "None", 0)
    assert f"; then a second pass at ×1.5, denoising strength {strength}, upscaler None." in result.sentence
    assert result.warnings == ()


def test_without_that_lora_another_serves_at_its_own_cfg():
    result = plan(files=[file("hyper-sdxl-4steps")], two_pass=True)
    assert (result.steps, result.cfg, *second(result)) == (4, 1, 1.5, 0.6, "None", 0)


def test_the_one_step_unet_makes_two_steps_and_a_second_pass():
    result = plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", two_pass=True)
    assert (result.schedule, result.steps, *second(result)) == ("Start at 800", 2, 1.5, 0.6, "None", 0)
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16").steps == 1


def test_what_the_user_has_fixed_comes_first():
    result = plan(
        two_pass=True, variant="unified", cfg=1.5, hires_scale=2.0, hires_strength=0.3, hires_upscaler="Latent"
    )
    assert (result.recipe.kind, result.cfg) == ("unified", 1.5)
    assert second(result) == (2.0, 0.3, "Latent", 0)
    assert "; then a second pass at ×2, denoising strength 0.3, upscaler Latent." in result.sentence
    assert plan(two_pass=True, cfg=1.0).recipe.kind == "fixed", "a CFG that is set chooses the LoRA that it fits"


OWN_VALUES = {"scale": 2.0, "strength": 0.7, "upscaler": "Latent"}
SAME_VALUES = {"scale": 1.5, "strength": 0.6, "upscaler": "None"}


@pytest.mark.parametrize(("values", "has_remark"), [(OWN_VALUES, True), (SAME_VALUES, False), ({}, False)])
def test_the_users_own_second_pass_comes_first(values, has_remark):
    result = plan(two_pass=True, second=SecondPass(**values))
    assert second(result) == (None, None, None, 0) and result.cfg == 3
    remark = (
        "The second pass that is set comes before the one of “Two passes”: ×1.5, denoising strength 0.6, upscaler None."
    )
    assert result.warnings == ((remark,) if has_remark else ())


def test_nothing_is_added_unless_it_is_wanted():
    result = plan()
    assert second(result) == (None, None, None, None) and "second pass" not in result.sentence
    assert second(plan(hires_scale=2.0)) == (None, None, None, None)


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_where_no_values_are_known_there_is_no_plan(family):
    assert plan(family, two_pass=True).problem.endswith(
        "no two passes are recommended: untick them, or set the WebUI's own second pass."
    )
    own = plan(family, two_pass=True, second=SecondPass())
    assert own.problem is None and own.warnings == ()
