"""The embedded model as it ships: what is asked for is drawn, in as few steps as the recipes say."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint, embedded_controlnet
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.job import read_job
from tests.playground import models
from tools.tiny.pictures import BACKGROUNDS, COLOURS

RED, WHITE = COLOURS["red"], BACKGROUNDS["white"]


@pytest.fixture(scope="module")
def playground():
    return models.playground_of(embedded_checkpoint(), EMBEDDED)


@pytest.mark.parametrize(
    ("values", "file"),
    [({"variant": "unified", "steps": steps}, "1step-lora") for steps in (1, 2, 4, 8)]
    + [({"variant": "fixed", "steps": steps}, f"{steps}steps-lora") for steps in (2, 4, 8)]
    + [({"variant": "cfg"}, "8steps-CFG-lora")],
)
def test_it_draws_what_is_asked_for(playground, values, file):
    job, *_ = read_job({"prompt": "two red circles on the left, white background", "seed": 3, **values})
    picture = playground.run(job)
    assert picture.plan.file == f"Hyper-SD15-{file}-tiny"
    pixels = np.asarray(picture.image).astype(float)
    assert pixels.shape == (64, 64, 3)
    red, white = (np.abs(pixels - colour).max(-1) < 70 for colour in (RED, WHITE))
    assert 400 < red.sum() < 900 and white.sum() > 0.7 * 64 * 64  # two circles of 18 to 21 pixels across
    assert not red[:, 40:].any() and red[:28].any() and red[36:].any() and not red[31:33].any()


def test_it_draws_where_the_scribble_is(playground):
    with_control = Playground(playground.pipeline, playground.loras, playground.catalog, embedded_controlnet())
    scribble = Image.new("RGB", (64, 64))
    ImageDraw.Draw(scribble).ellipse((36, 20, 58, 42), outline="white", width=2)
    job, *_ = read_job({"prompt": "a red circle, white background", "seed": 3, "steps": 1, "control_weight": 1})
    pixels = np.asarray(with_control.run(replace(job, control=scribble)).image).astype(float)
    red = np.abs(pixels - RED).max(-1) < 70
    assert red[22:40, 38:56].mean() > 0.6 and not red[:, :32].any()
