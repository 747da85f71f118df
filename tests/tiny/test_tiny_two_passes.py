"""The program that measures what a second pass is worth."""

import pytest
import torch

from tools.tiny.quality import CFG
from tools.tiny.two_passes import LARGE, RECIPE, ROWS, WAYS, resize, section, sharpness


def test_the_recipes_values_are_measured():
    assert (LARGE, RECIPE.two_pass_strength) == (96, 0.55)
    assert [row.cfg for row in ROWS.values() if row.lora == CFG] == [RECIPE.two_pass_cfg] == [6]


def test_an_edge_is_as_steep_as_its_step():
    half = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    half[:, :, 32:] = 200
    # 63 of the 3969 changes are the edge's, and the steepest twentieth are 198.
    assert sharpness(half) == pytest.approx(200 * 63 / 198)
    assert sharpness(resize(half, LARGE)) < 0.9 * sharpness(half), "enlarged, it is spread over several pixels"
    assert sharpness(torch.full_like(half, 90)) == 0


def test_the_table_has_every_way_of_each_row():
    text = section({"one": dict.fromkeys(WAYS, (0.5, 0.25, 30.0))}, 60)
    assert "| one | " + " | ".join(["50.0 ± 25.0 | 30.0"] * len(WAYS)) + " |" in text
    assert "60 held-out captions with the seeds 21 and 22" in " ".join(text.split())
