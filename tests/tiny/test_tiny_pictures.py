"""The small model's pictures: what is drawn is read right, and captions and labels say what is there."""

import numpy as np
import pytest
from scipy import ndimage

from tests.tiny.common import rng
from tools.tiny.labels import UNSAID, labels_in, labels_of
from tools.tiny.pictures import SCENES, SHAPES, VALUES, Scene, captions, draw, pictures, split
from tools.tiny.reader import read, score


class TestReader:
    def test_it_reads_what_is_drawn(self):
        shown = pictures(SCENES, len(SCENES), seed=123)
        assert score(shown, SCENES)["all"] >= 0.99

    def test_it_reads_softened_pictures(self):
        shown = pictures(split()[1], 200, seed=5)
        noise = rng().normal(0, 6, shown.shape)
        soft = (ndimage.gaussian_filter(shown.astype(float), (0, 0.6, 0.6, 0)) + noise).clip(0, 255).astype(np.uint8)
        assert score(soft, split()[1][:200])["all"] >= 0.95

    @pytest.mark.parametrize("what", ["noise", "plain", "two halves", "blurred noise"])
    def test_what_is_no_picture_of_this_world_does_not_score(self, what):
        shown = rng().integers(0, 256, (100, 64, 64, 3))
        if what == "plain":
            shown[:] = shown[:, :1, :1]
        elif what == "two halves":
            shown[:, :32], shown[:, 32:] = 245, 20
        elif what == "blurred noise":
            shown = ndimage.gaussian_filter(shown.astype(float), (0, 4, 4, 0)) * 4 - 384
        result = score(shown.clip(0, 255).astype(np.uint8), SCENES[:: len(SCENES) // 100][:100])
        assert result["all"] == 0 and result["shape"] <= 0.02

    @pytest.mark.parametrize("field, other", [("count", 3), ("colour", "blue"), ("shape", "diamond"),
                                              ("place", "at the top"), ("background", "grey")])  # fmt: skip
    def test_a_wrong_attribute_is_seen_and_no_other(self, field, other):
        scene = Scene(2, "red", "circle", "in the centre", "white")
        shown = Scene(**{**vars(scene), field: other})
        result = score(draw(shown, rng())[None], [scene])
        assert {name for name, share in result.items() if share == 0} == {field, "all"}

    def test_shapes_that_differ_are_no_shape(self):
        left, right = (draw(Scene(1, "red", shape, "in the centre", "white"), rng()) for shape in ("circle", "cross"))
        both = np.full((64, 64, 3), 245, np.uint8)
        both[:, 2:32], both[:, 32:62] = left[:, 17:47], right[:, 17:47]
        found = read(both)
        assert (found.count, found.shape, found.colour) == (2, "", "red")


class TestPictures:
    def test_held_out_scenes_are_never_trained_on(self):
        training, held_out = split()
        assert len(held_out) == 500 and not set(training) & set(held_out)
        assert set(training) | set(held_out) == set(SCENES)

    def test_the_training_captions_of_a_held_out_scene_do_not_occur(self):
        captioned = captions(split()[0], 13_000, seed=2)
        assert not {text for _, text in captioned} & {scene.caption() for scene in split()[1]}
        assert 0.6 < np.mean([text == scene.caption() for scene, text in captioned]) < 0.9

    @pytest.mark.parametrize("wrong, misled", [(0.0, 0.0), (0.2, 0.59), (0.5, 0.95)])
    def test_captions_take_things_for_the_next_ones_but_tell_of_no_held_out_scene(self, wrong, misled):
        training, _ = split()
        captioned = [scene for scene, _ in captions(training, 2600, 2, wrong)]
        slips = (labels_of(captioned) - labels_of(training * 2)).numpy() % [len(among) for among in VALUES]
        assert set(slips.flat) == ({0, 1} if wrong else {0}) and set(captioned) <= set(training)
        assert abs(slips.any(1).mean() - misled) < 0.03 and np.ptp(slips.mean(0)) < 0.05

    def test_every_value_is_trained_on(self):
        for values, field in zip(VALUES, vars(SCENES[0]), strict=True):
            assert {getattr(scene, field) for scene in split()[0]} == set(values)

    def test_the_same_seed_draws_the_same(self):
        first, second, other = (pictures(SCENES, 5, seed) for seed in (1, 1, 2))
        assert np.array_equal(first, second) and not np.array_equal(first, other)

    @pytest.mark.parametrize("scene, caption", [
        (Scene(1, "orange", "cross", "at the top", "black"), "an orange cross at the top, black background"),
        (Scene(2, "red", "cross", "on the left", "grey"), "two red crosses on the left, grey background"),
        (Scene(3, "blue", "square", "in the centre", "white"), "three blue squares in the centre, white background"),
    ])  # fmt: skip
    def test_captions(self, scene, caption):
        assert scene.caption() == caption

    def test_shapes_stay_within_the_picture(self):
        generator = rng()
        for scene in SCENES:
            shown = draw(scene, generator)
            assert (shown[[0, -1]] == shown[0, 0]).all() and (shown[:, [0, -1]] == shown[0, 0]).all()


def test_labels_are_what_a_caption_says():
    scene = SCENES[777]
    whole = labels_of([scene])[0].tolist()
    assert labels_in(scene, scene.caption()).tolist() == whole
    assert labels_in(scene, scene.caption(place=False)).tolist() == [*whole[:3], UNSAID, whole[4]]
    assert labels_in(scene, scene.caption(background=False)).tolist() == [*whole[:4], UNSAID]


def test_shapes_differ_enough_to_be_told():
    axis = (np.arange(48) + 0.5) / 24 - 1
    outlines = {name: inside(axis[None, :], axis[:, None]) for name, inside in SHAPES.items()}
    for name, outline in outlines.items():
        for other in outlines.keys() - {name}:
            assert (outline & outlines[other]).sum() / (outline | outlines[other]).sum() < 0.8
