"""How good the small model's pictures are: distances, the table of them, and the reward."""

import pytest
import torch

from tools.tiny.labels import labels_of
from tools.tiny.pictures import SCENES, VALUES, pictures
from tools.tiny.quality import COLUMNS, features, frechet, sections, tcd, write_table
from tools.tiny.reward import Reward
from tools.tiny.sampling import SCHEDULES


class TestQuality:
    def test_the_distance_grows_with_the_difference(self):
        one, same = (features(torch.from_numpy(pictures(SCENES, 400, seed))) for seed in (1, 2))
        squares = [scene for scene in SCENES if scene.shape == "square"]
        other = features(torch.from_numpy(pictures(squares, 400, 3)))
        assert frechet(one, one) == pytest.approx(0, abs=1e-6)
        assert 0 < frechet(one, same) < 0.2 * frechet(one, other)

    def test_the_table_has_every_row_with_its_recipe(self, tmp_path):
        rows = {}
        for settings in sections().values():
            for row in settings.values():
                assert len(SCHEDULES[row.schedule](row.steps)) == row.steps
                rows[str(row)] = dict.fromkeys(COLUMNS, 0.5)
        rows[str(tcd(4))]["all"] = 0.987
        write_table(tmp_path / "table.md", rows, 500)
        text = (tmp_path / "table.md").read_text(encoding="utf-8")
        assert sum(len(settings) for settings in sections().values()) == text.count("| 0.5 |")
        assert text.count("| 98.7 |") == 3  # as a recipe, among all steps and etas, and in the column of its steps
        assert "| unified LoRA, its recipe | 50.0 | 50.0 | 98.7 | 50.0 |" in text and "not measured" not in text
        del rows[str(tcd(4))]
        write_table(tmp_path / "table.md", rows, 500)
        text = (tmp_path / "table.md").read_text(encoding="utf-8")
        assert "2 rows are not measured yet." in text and "| unified LoRA, its recipe | 50.0 | 50.0 |  | 50.0 |" in text

    def test_the_reward_is_lower_for_what_is_not_said(self):
        labels = labels_of(SCENES[:7])
        assert labels.shape == (7, 5) and [VALUES[2][i] for i in labels[:, 2]] == [scene.shape for scene in SCENES[:7]]
        reward = Reward()
        with torch.no_grad():  # a network that always says: a red circle on the left before white
            reward.read[-1].weight.zero_()
            reward.read[-1].bias.fill_(-5)
            reward.read[-1].bias[torch.tensor([0, 3, 9, 14, 19])] = 5
        surprise = reward(torch.randn(3, 4, 8, 8), labels_of([SCENES[0], SCENES[4], SCENES[-1]]))
        assert surprise[0] < surprise[1] < surprise[2]
