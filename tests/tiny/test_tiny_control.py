"""The small model's ControlNet: its names are the original ones, it begins without effect, scribbles are of shapes."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import load_file
from scipy import ndimage

from tools.tiny import control as controls
from tools.tiny import model
from tools.tiny.control import Controlled, Guide, begin_control, load_control, save_control, to_images
from tools.tiny.lora import guided
from tools.tiny.pictures import SCENES, SHAPES, Scene, paint, place_shapes, split
from tools.tiny.quality import CONTROL, END_OF_RUN, find_section, write_section
from tools.tiny.scribbles import OUTLINES, scribble
from tools.tiny.train_control import SCRIBBLES, Trainer, caption_pairs, draw_lesson, rate_at


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return model.make_unet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def control(unet):
    """One that has learnt something."""
    control = begin_control(unet).eval().requires_grad_(False)
    for name, weight in control.named_parameters():
        if name.startswith("controlnet_"):
            weight.normal_(0, 0.1)
    return control


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 77, model.WIDTH, generator=generator)
    return x, torch.tensor([10, 900]), text, torch.rand(2, 3, 64, 64, generator=generator)


class TestControl:
    def test_its_file_is_read_by_diffusers_and_by_us(self, control, tmp_path):
        path = tmp_path / controls.FILE
        save_control(control, path)
        state = control.state_dict()
        converted = convert_controlnet_checkpoint(load_file(path), controls.CONTROL)
        assert converted.keys() == state.keys()
        assert all(torch.equal(converted[key], state[key].half()) for key in state)
        again = load_control(path).state_dict()
        assert all(torch.equal(again[key], state[key].half().float()) for key in state)
        assert path.stat().st_size <= 8_000_000

    def test_it_begins_as_the_unet_and_without_effect(self, unet, batch):
        x, t, text, images = batch
        fresh = begin_control(unet)
        assert torch.equal(fresh.mid_block.resnets[0].conv1.weight, unet.mid_block.resnets[0].conv1.weight)
        with torch.no_grad():
            assert torch.equal(Controlled(unet, fresh, images)(x, t, text).sample, unet(x, t, text).sample)

    def test_each_picture_has_its_own_control_image_with_guidance_too(self, unet, control, batch):
        x, t, text, images = batch
        empty = torch.zeros(1, 77, model.WIDTH)
        with torch.no_grad():
            both = guided(Controlled(unet, control, images), x, t, text, empty, 3.0)
            guide = Guide(control, images, 1.0)
            for i in range(2):
                rows = slice(i, i + 1)
                alone = guided(guide.over(unet, rows), x[rows], t[rows], text[rows], empty, 3.0)
                assert torch.allclose(both[rows], alone, atol=1e-4)

    def test_the_weight_scales_it(self, unet, control, batch):
        x, t, text, images = batch
        with torch.no_grad():
            plain = unet(x, t, text).sample
            none, whole = (Controlled(unet, control, images, weight)(x, t, text).sample for weight in (0.0, 1.0))
        assert torch.equal(none, plain) and (whole - plain).abs().max() > 1e-3


class TestScribbles:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_an_outline_lies_along_its_shape(self, shape):
        x, y = OUTLINES[shape].T
        assert SHAPES[shape](0.97 * x, 0.97 * y).all() and not SHAPES[shape](1.03 * x, 1.03 * y).all()

    def test_a_scribble_stands_where_the_shapes_do(self):
        rng = np.random.default_rng(1)
        for scene in SCENES[::40]:
            shapes = place_shapes(scene, rng)
            drawn = scribble(shapes, rng)
            assert drawn.shape == (64, 64) and drawn.dtype == np.uint8 and drawn.max() == 255
            away = np.abs(paint(scene.background, shapes).astype(int) - paint(scene.background, [])).sum(-1) > 30
            near = ndimage.binary_dilation(away, iterations=7)
            assert (drawn[~near] == 0).all() and (drawn[near] > 128).mean() > 0.03

    def test_every_scribble_differs(self):
        _, drawn = draw_lesson(SCENES[0], 0)
        assert len({image.tobytes() for image in drawn}) == SCRIBBLES

    def test_control_images_are_white_on_black(self):
        images = to_images(torch.tensor([[[0, 255]]], dtype=torch.uint8))
        assert images.tolist() == [[[[0.0, 1.0]]] * 3]


class TestLessons:
    def test_captions_mislead_about_shapes_but_not_about_colours(self):
        scenes = split()[0][:300]
        pairs = caption_pairs(scenes)
        assert all(
            scene.colour in right and scene.colour in other for scene, (right, other) in zip(scenes, pairs, strict=True)
        )
        assert np.mean([right == other for right, other in pairs]) < 0.3

    def test_no_held_out_caption_is_told(self):
        held_out = {scene.caption() for scene in split()[1]}
        assert not held_out & {text for pair in caption_pairs(split()[0]) for text in pair}

    def test_the_rate_rises_and_falls(self):
        rates = [rate_at(step, step / 1000) for step in range(1001)]
        assert np.argmax(rates) == 99 and rates[0] < rates[50] < rates[99] > rates[500] > rates[1000] > 0


class TestTrainer:
    @pytest.fixture
    def trainer(self, unet, control, batch):
        torch.manual_seed(2)
        networks = {"unet": unet, "vae": model.make_vae().eval().requires_grad_(False)}
        studio = SimpleNamespace(networks=networks, device="cpu", with_lora=lambda name, weight: unet)
        pictures = torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8)
        _, _, text, images = batch
        lessons = SimpleNamespace(studio=studio, latents=torch.randn(2, 4, 8, 8), pictures=pictures,
                                  batch=lambda size: (torch.arange(size), images, text))  # fmt: skip
        return Trainer(lessons, 2, copy.deepcopy(control))

    @pytest.mark.parametrize("few", [False, True])
    def test_a_step_goes_on_from_what_is_given_and_its_average_follows(self, trainer, control, few):
        trainer.learn(few, 1e-3)
        before, after, average = ([*one.parameters()] for one in (control, trainer.control, trainer.average))
        for old, new, mean in zip(before, after, average, strict=True):
            assert (new - old).abs().max() < 1.1e-3  # the first step of Adam
            assert torch.allclose(mean, old.lerp(new, 0.002), atol=1e-6)
        assert any((new != old).any() for old, new in zip(before, after, strict=True))

    def test_the_rate_is_that_of_the_step(self, trainer, control):
        trainer.learn(True, 0.0)
        assert all(torch.equal(*both) for both in zip(control.parameters(), trainer.control.parameters(), strict=True))


class TestSections:
    def test_a_section_replaces_its_earlier_one_and_no_other(self, tmp_path):
        path = tmp_path / "quality.md"
        path.write_text("# Quality\n\nfirst\n")
        write_section(path, END_OF_RUN, f"{END_OF_RUN}\n\nold end")
        write_section(path, CONTROL, f"{CONTROL}\n\nold control")
        write_section(path, END_OF_RUN, f"{END_OF_RUN}\n\nnew end")
        write_section(path, CONTROL, f"{CONTROL}\n\nnew control")
        assert path.read_text() == f"# Quality\n\nfirst\n\n{END_OF_RUN}\n\nnew end\n\n{CONTROL}\n\nnew control\n"
        assert find_section(path.read_text(), END_OF_RUN) == f"{END_OF_RUN}\n\nnew end"


def test_scenes_are_drawn_as_before():
    """The pictures that the model was trained on come from these random numbers in this order."""
    rng = np.random.default_rng(3)
    radius, middle = rng.uniform(11, 13), np.array([18, 32]) + rng.uniform(-2, 2, 2)
    placed = place_shapes(Scene(1, "red", "circle", "on the left", "white"), np.random.default_rng(3))
    assert placed == [("circle", "red", *middle, radius)]
