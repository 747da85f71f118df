"""The second pass that “Two passes” adds, on a request that has none of its own."""

import pytest

from tests.live.common import ON, trailing, within

TWO = {**ON, "two_pass": True}
WIDE = {"width": 128, "height": 128}  # enlarged by 1.5 it is a multiple of 64, to which some hosts round


def test_two_passes_are_made_with_the_recipes_values(host):
    result = host.txt2img(TWO, negative_prompt="a dog", **WIDE)
    assert "not applied" not in result.infotext and result.images[0].size == (192, 192)
    assert result.timesteps == pytest.approx(trailing(8) + within(0.55, 8), abs=2e-3)
    assert all("Hyper-SD15-8steps-CFG-lora" in loras for loras in result.loras)
    for text in ("CFG scale: 6", "Denoising strength: 0.55", "Hires upscale: 1.5", "Hyper-SD two passes: True"):
        assert text in result.infotext
    by_hand = host.txt2img(
        {**ON, "variant": "cfg", "cfg": 6}, negative_prompt="a dog", enable_hr=True, hr_scale=1.5, hr_upscaler="None",
        denoising_strength=0.55, **WIDE, **host.hires,
    )  # fmt: skip
    assert result.pixels == by_hand.pixels


def test_its_infotext_gives_the_same_image_without_a_remark(host):
    result = host.txt2img(TWO, **WIDE)
    # A pasted infotext has the host's own second pass, with the same values.
    assert host.pasted(result.infotext, **host.hires) == result.encoded


def test_the_next_request_has_one_pass_again(host):
    own = host.txt2img(None, steps=2, **WIDE)
    host.txt2img({**TWO, "variant": "unified", "steps": 1}, **WIDE)
    again = host.txt2img(None, steps=2, **WIDE)
    assert again.pixels == own.pixels and again.infotext == own.infotext


def test_img2img_has_none(host):
    result = host.txt2img(None, steps=1)
    again = host.img2img(TWO, init_images=[result.encoded[0]], steps=2)
    assert "img2img is a second pass itself" in again.extra["Hyper-SD note"]
