"""The program that measures which end of a run draws better."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, TCDScheduler

from tests.networks import SD_BETAS
from tools.tiny.end_of_run import ROWS, Ends, both_ends, section, together
from tools.tiny.quality import COLUMNS, END_OF_RUN, sections, write_section, write_table
from tools.tiny.sampling import Settings, Studio


class SmallStudio(Studio):
    """A network of one line instead of the model's files."""

    def __init__(self):
        self.device = "cpu"

    def encode(self, prompts):
        return torch.zeros(len(prompts), 77, 64)

    def with_lora(self, name, weight):
        return Line()


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, x, t, text):
        return SimpleNamespace(sample=self.weight * x + 0.1 * (t / 300).sin().reshape(-1, 1, 1, 1))


@pytest.mark.parametrize("name", ROWS)
@torch.no_grad()
def test_the_second_end_is_what_diffusers_returns(name):
    settings = ROWS[name]
    if settings.sampler == "TCD":
        scheduler, options = TCDScheduler(**SD_BETAS), {"eta": settings.eta}
    else:
        scheduler = DDIMScheduler(**SD_BETAS, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=False)
        options = {"eta": 0.0}
    scheduler.set_timesteps(settings.steps)
    generator = torch.Generator().manual_seed(11)
    x = torch.randn(3, 4, 8, 8, generator=generator)
    for t in scheduler.timesteps:
        x = scheduler.step(Line()(x, t[None], None).sample, t, x, generator=generator, **options).prev_sample
    ours, theirs = both_ends(SmallStudio(), ["a", "b", "c"], settings, seed=11)
    assert torch.allclose(theirs, x, atol=2e-4)
    assert (theirs - ours).square().mean() > 1e-5


def test_differences_are_paired_by_picture():
    row = Ends(np.array([[1, 1, 0, 1], [1, 0, 0, 1]], float), 0.02, 1.0)
    assert row.difference == -25 and row.error == pytest.approx(25)
    both = together([row, Ends(np.array([[0, 0, 0, 0], [0, 1, 0, 0]], float), 0.02, 7.0)])
    assert (both.difference, both.error, both.latents, both.pixels) == pytest.approx((0, 0, 0.02, 5))


def test_the_section_is_written_once_and_outlives_the_table(tmp_path):
    path = tmp_path / "quality.md"
    scores = {str(row): dict.fromkeys(COLUMNS, 0.5) for settings in sections().values() for row in settings.values()}
    write_table(path, scores, 500)
    table = path.read_text(encoding="utf-8")
    rows = {
        "worse": Ends(np.array([[1.0] * 50, [1.0] * 25 + [0.0] * 25]), 0.026, 0.5),
        "the same": Ends(np.array([[1.0, 0.0], [0.0, 1.0]]), 0.026, 0.5),
    }
    write_section(path, END_OF_RUN, section(rows, 25))
    text = path.read_text(encoding="utf-8")
    assert text.startswith(table) and text.count(END_OF_RUN) == 1 and "| worse | 100.0 | 50.0 | -50.00 ± 7.14 |" in text
    assert "draws better in no row, and worse in “worse”." in " ".join(text.split())
    write_section(path, END_OF_RUN, section(rows, 25))
    write_table(path, scores, 500)
    assert path.read_text(encoding="utf-8") == text


def test_every_row_is_a_recipe():
    assert all(isinstance(row, Settings) and row.lora and row.cfg == 1 for row in ROWS.values())
    assert sorted(row.steps for row in ROWS.values()) == [1, 2, 2, 4, 4, 8, 8]
