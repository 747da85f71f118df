"""Two passes: the second starts from the first one's enlarged image, in steps and size as the plan says."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from lib_hypersd.playground.errors import RefusedJob
from lib_hypersd.playground.generate import Playground
from tests.live.make_models import control, write
from tests.playground import models
from tests.playground.pictures import Watched, job_of

TWO = {"steps": 2, "two_pass": True}


def test_the_second_pass_is_a_picture_from_the_enlarged_first(playground):
    steps = []
    with Watched(playground) as watched:
        picture = playground.run(job_of(**TWO), lambda *step: steps.append(step))
    assert picture.image.size == (96, 96)
    assert len(watched.timesteps) == 4 and watched.timesteps[0] == 999 and watched.timesteps[2] < 600
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    first = playground.run(job_of(steps=2)).image
    again = job_of(steps=2, width=96, height=96, strength=0.55)
    again = replace(again, init=first.resize((96, 96), Image.Resampling.LANCZOS))
    assert picture.image.tobytes() == playground.run(again).image.tobytes()


def test_its_values_can_be_fixed(playground):
    values = {"hires_steps": 3, "hires_scale": 1.3, "hires_strength": 0.4}
    with Watched(playground) as watched:
        picture = playground.run(job_of(**TWO, **values))
    assert picture.image.size == (80, 80), "multiples of 16"
    assert len(watched.timesteps) == 5
    assert ", Size: 64x64, " in picture.infotext and ", Denoising strength: 0.4, " in picture.infotext
    assert ", Hires upscale: 1.3, Hires steps: 3, Hires upscaler: None, " in picture.infotext


def test_unless_given_its_steps_are_those_of_the_first(playground):
    infotext = playground.run(job_of(**TWO)).infotext
    assert ", Hires upscale: 1.5, Hires upscaler: None, " in infotext and "Hires steps" not in infotext


def test_both_follow_the_control_image(playground, tmp_path):
    write(tmp_path / "control.safetensors", control(models.TINY_SD15), torch.float16)
    path = tmp_path / "control.safetensors"
    with_control = Playground(playground.pipeline, playground.loras, playground.catalog, path)
    sizes = []
    hook = with_control.controlnet.load().register_forward_pre_hook(
        lambda network, args, kwargs: sizes.append(kwargs["controlnet_cond"].shape[2:]), with_kwargs=True
    )
    with_control.run(replace(job_of(**TWO), control=Image.linear_gradient("L")))
    hook.remove()
    assert sizes == [(64, 64)] * 2 + [(96, 96)] * 2


@pytest.mark.parametrize(
    ("values", "init", "message"),
    [
        ({"hires_upscaler": "R-ESRGAN 4x+"}, None, "no upscaler “R-ESRGAN 4x\\+”; it has None, which is Lanczos"),
        ({}, Image.new("RGB", (64, 64)), "Two passes are for pictures from noise"),
    ],
)
def test_what_it_cannot_do_is_refused_before_the_first_pass(playground, values, init, message):
    with Watched(playground) as watched, pytest.raises(RefusedJob, match=message):
        playground.run(replace(job_of(**TWO, **values), init=init))
    assert watched.rows == []
