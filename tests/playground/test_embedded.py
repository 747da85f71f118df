"""The embedded model as it ships: what is asked for is drawn, in as few steps as the recipes say."""

import numpy as np
import pytest

from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
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
