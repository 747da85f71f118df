"""The small model's tools: what is drawn is read right, names round trip, targets follow the exact flow."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from scipy import ndimage

from lib_hypersd.files import identify
from lib_hypersd.files.header import read_header
from lib_hypersd.files.lora import lora_of
from lib_hypersd.playground import layout
from lib_hypersd.recipes import catalog
from tools.tiny import model, trajectory
from tools.tiny.distil import GUIDED, LEAST, Student, Teacher
from tools.tiny.labels import UNSAID, labels_of, labels_said
from tools.tiny.lora import Lora, guided, predict
from tools.tiny.one_step import later_steps
from tools.tiny.pictures import SCENES, SHAPES, VALUES, Scene, captions, draw, pictures, split
from tools.tiny.quality import COLUMNS, features, frechet, sections, tcd, write_table
from tools.tiny.reader import read, score
from tools.tiny.reward import Reward
from tools.tiny.sampling import SCHEDULES, Denoiser, automatic_timesteps, leading_timesteps
from tools.tiny.stage import Stage, descend
from tools.tiny.train import add_noise, alphas_cumprod, image_weight
from tools.tiny.train_vae import scale_latents


def rng(seed=3):
    return np.random.default_rng(seed)


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
        said = Scene(2, "red", "circle", "in the centre", "white")
        shown = Scene(**{**vars(said), field: other})
        result = score(draw(shown, rng())[None], [said])
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
        told = captions(split()[0], 13_000, seed=2)
        assert not {text for _, text in told} & {scene.caption() for scene in split()[1]}
        assert 0.6 < np.mean([text == scene.caption() for scene, text in told]) < 0.9

    @pytest.mark.parametrize("wrong, misled", [(0.0, 0.0), (0.2, 0.59), (0.5, 0.95)])
    def test_captions_take_things_for_the_next_ones_but_tell_of_no_held_out_scene(self, wrong, misled):
        training, _ = split()
        told = [said for said, _ in captions(training, 2600, 2, wrong)]
        slips = (labels_of(told) - labels_of(training * 2)).numpy() % [len(among) for among in VALUES]
        assert set(slips.flat) == ({0, 1} if wrong else {0}) and set(told) <= set(training)
        assert abs(slips.any(1).mean() - misled) < 0.03 and np.ptp(slips.mean(0)) < 0.05

    def test_every_value_is_trained_on(self):
        for known, field in zip(VALUES, vars(SCENES[0]), strict=True):
            assert {getattr(scene, field) for scene in split()[0]} == set(known)

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


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return model.make_networks()


class TestLayout:
    """Our names against diffusers' own conversion."""

    def test_the_unet_is_read_by_diffusers(self, networks):
        tensors = model.to_original(networks)
        converted = convert_ldm_unet_checkpoint(dict(tensors), model.UNET)
        state = networks["unet"].state_dict()
        assert converted.keys() == state.keys()
        assert all(torch.equal(converted[key], state[key].half()) for key in state)

    def test_the_vae_is_read_by_diffusers(self, networks):
        converted = convert_ldm_vae_checkpoint(model.to_original(networks), model.VAE)
        state = networks["vae"].state_dict()
        assert converted.keys() == state.keys()
        assert all(torch.equal(converted[key].reshape(state[key].shape), state[key].half()) for key in state)

    def test_all_comes_back(self, networks):
        again = model.make_networks()
        model.from_original(model.to_original(networks), again)
        for name, network in networks.items():
            for key, tensor in network.state_dict().items():
                assert torch.equal(again[name].state_dict()[key], tensor.half().float()), key

    def test_a_missing_tensor_is_named(self, networks):
        tensors = model.to_original(networks)
        del tensors["model.diffusion_model.out.2.bias"]
        with pytest.raises(KeyError, match=r"out\.2\.bias"):
            model.from_original(tensors, model.make_networks())

    def test_the_vocabulary_is_clips(self, tmp_path):
        tokens = model.tokens_of(model.make_tokenizer(tmp_path), ["a photo of a cat", ""])
        assert tokens.shape == (2, 77)
        assert tokens[0, :8].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407, 49407]
        assert tokens[1, 1:].eq(49407).all() and len(json.loads((tmp_path / "vocab.json").read_text())) == 49408

    def test_scaling_the_latents_changes_no_picture(self):
        torch.manual_seed(1)
        vae = model.make_vae().eval()
        shown = torch.from_numpy(pictures(SCENES, 8, seed=1))
        before = vae.encode(model.to_pixels(shown)).latent_dist
        rebuilt = vae.decode(before.mean).sample
        scale_latents(vae, shown)
        after = vae.encode(model.to_pixels(shown)).latent_dist
        assert torch.allclose(vae.decode(after.mean).sample, rebuilt, atol=1e-3)
        latents = model.encode(vae, shown)
        assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3) and latents.mean().abs() < 1e-3
        # The noise of the posterior grows or shrinks as the latents do.
        ratio = (after.std / before.std).mean((0, 2, 3)) * before.mean.std((0, 2, 3)) * model.SCALE
        assert torch.allclose(ratio, torch.ones(4), atol=1e-3)


def changed_lora(unet):
    lora = Lora(unet, rank=2)
    with torch.no_grad():
        for up in lora.up.values():
            up.normal_(0, 0.1)
    return lora


class TestLora:
    def test_a_file_is_known_for_what_it_is(self, networks, tmp_path):
        path = tmp_path / "Hyper-SD15-4steps-lora-tiny.safetensors"
        changed_lora(networks["unet"]).save(path, "Hyper-SD15-4steps-tiny")
        header = read_header(path)
        found = lora_of({key: tensor["shape"] for key, tensor in header.tensors.items()})
        assert (found.naming, found.rank, found.text_encoder) == ("kohya", 2, False)
        recipe = identify.recognise(
            catalog.published(), identify.Clues(path.stem, lora=found, metadata=header.metadata)
        ).recipe
        assert recipe.id == "hyper-sd15-4steps"

    def test_diffusers_computes_the_same_with_it(self, networks, tmp_path):
        from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers
        from safetensors.torch import load_file

        unet, path = networks["unet"], tmp_path / "lora.safetensors"
        lora = changed_lora(unet)
        lora.save(path, "x")
        state, alphas = _convert_non_diffusers_lora_to_diffusers(load_file(path))
        name = "down_blocks.1.resnets.0.conv1"
        down = state[f"unet.{name}.lora.down.weight"].float()
        up = state[f"unet.{name}.lora.up.weight"].float()
        x = torch.randn(1, down.shape[1], 4, 4)
        change = torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, down, padding=1), up)
        ours = lora.weights(unet)[name + ".weight"] - unet.get_parameter(name + ".weight")
        assert torch.allclose(torch.nn.functional.conv2d(x, ours, padding=1), change, atol=5e-3, rtol=1e-2)
        assert len(state) == 2 * len(lora.down) and set(alphas.values()) == {2.0}

    def test_a_new_lora_changes_nothing_and_strength_scales_one(self, networks):
        unet = networks["unet"]
        fresh, lora = Lora(unet, rank=2), changed_lora(unet)
        name = "mid_block.attentions.0.proj_in.weight"
        weight = unet.get_parameter(name)
        assert torch.equal(fresh.weights(unet)[name], weight)
        whole, half = (lora.weights(unet, strength)[name] - weight for strength in (1.0, 0.5))
        assert whole.abs().max() > 0.01 and torch.allclose(half * 2, whole, atol=1e-6)

    def test_guidance(self, networks):
        unet, x, t = networks["unet"], torch.randn(2, 4, 8, 8), torch.tensor([10, 900])
        text, empty = torch.randn(2, 77, model.WIDTH), torch.randn(1, 77, model.WIDTH)
        with torch.no_grad():
            with_text, without = predict(unet, x, t, text), predict(unet, x, t, empty.expand_as(text))
            assert torch.allclose(guided(unet, x, t, text, empty, 1), with_text)
            found = guided(unet, x, t, text, empty, 3.0)
            each = guided(unet, x, t, text, empty, torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1))
        assert torch.allclose(found, without + 3 * (with_text - without), atol=1e-5)
        assert torch.allclose(each, torch.stack([with_text[0], found[1]]), atol=1e-5)


ALPHAS = trajectory.with_image(alphas_cumprod().double())
ROOT = Path(__file__).parents[1]
WIDTH = 0.7  # the standard deviation of data whose exact flow is known


def variance(t):
    """Of x at timesteps t, where the data are normal with mean 0."""
    return ALPHAS[t] * WIDTH**2 + 1 - ALPHAS[t]


def exact_noise(x, t):
    """E[ε | x] of such data."""
    return ((1 - ALPHAS[t]).sqrt() / variance(t))[:, None] * x


def flow(x, t, to):
    """The exact solution of the probability-flow ODE: x keeps its place among its likes."""
    return x * (variance(to) / variance(t)).sqrt()[:, None]


def noise_towards(end):
    """What a perfect student predicts: the noise whose jump to ``end`` is the flow's end."""

    def predict(x, t):
        a, b = ALPHAS[t][:, None], ALPHAS[end][:, None]
        slope = (1 - b).sqrt() - (b * (1 - a) / a).sqrt()
        return torch.where(t[:, None] == end[:, None], 0, (flow(x, t, end) - (b / a).sqrt() * x) / slope)

    return predict


class TestTrajectory:
    def test_segments_end_where_the_next_trailing_step_begins(self):
        t = torch.tensor([999, 998, 750, 749, 500, 499, 1, 0])
        assert trajectory.end_of_segment(t, 1).tolist() == [-1] * 8
        assert trajectory.end_of_segment(t, 2).tolist() == [499] * 5 + [-1] * 3
        assert trajectory.end_of_segment(t, 4).tolist() == [749, 749, 749, 499, 499, 249, -1, -1]

    @pytest.mark.parametrize("segments", [8, 4, 2, 1])
    @pytest.mark.parametrize("stride, error", [(25, 0.03), (100, 0.06)])
    def test_the_target_is_the_flows_end(self, segments, stride, error, monkeypatch):
        monkeypatch.setattr(trajectory, "STRIDE", stride)
        t = torch.tensor([999, 997, 874, 760, 500, 300, 60, 20])
        end = trajectory.end_of_segment(t, segments)
        x = torch.randn(len(t), 5, dtype=torch.float64) * variance(t).sqrt()[:, None]
        # The teacher's stride is one of DDIM's steps, with their error; a perfect teacher has none.
        perfect = noise_towards(torch.maximum(t - stride, end))
        steps = [(exact_noise, error), (perfect, 1e-9)]
        for teacher, tolerance in steps:
            target = trajectory.segment_target(teacher, noise_towards(end), x, t, end, ALPHAS)
            assert torch.allclose(target, flow(x, t, end), rtol=tolerance, atol=1e-12)
        wrong = trajectory.segment_target(exact_noise, exact_noise, x, t, end, ALPHAS)
        if segments == 1:
            assert not torch.allclose(wrong, flow(x, t, end), rtol=error)

    def test_the_error_of_the_image_is_the_same_however_far_a_jump_goes(self):
        t, end = torch.tensor([999, 999, 874, 20]), torch.tensor([998, 874, -1, -1])
        x0, wrong, x = torch.randn(3, 4, 5, dtype=torch.float64)
        a, b = ALPHAS[t][:, None].sqrt(), (1 - ALPHAS[t])[:, None].sqrt()
        ends = [trajectory.jump(x, (x - a * image) / b, t, end, ALPHAS) for image in (x0, wrong)]
        found = trajectory.image_error(*ends, t, end, ALPHAS)
        assert torch.allclose(found, (x0 - wrong).square().mean(1))

    def test_an_error_counts_as_the_image_can_be_seen_within_bounds(self):
        alphas = torch.tensor([0.001, 0.5, 0.75, 0.999])
        assert torch.allclose(image_weight(alphas), torch.tensor([0.2, 1.0, 3.0, 5.0]))
        assert torch.allclose(image_weight(alphas, LEAST), torch.tensor([1.0, 1.0, 3.0, 5.0]))

    def test_close_to_the_end_the_teacher_alone_decides(self):
        t, end = torch.tensor([760, 20]), torch.tensor([749, -1])
        x = torch.randn(2, 5, dtype=torch.float64)
        target = trajectory.segment_target(exact_noise, lambda x, t: torch.full_like(x, 1e6), x, t, end, ALPHAS)
        assert torch.allclose(target, trajectory.jump(x, exact_noise(x, t), t, end, ALPHAS))

    def test_a_jump_to_the_image_takes_the_noise_out(self):
        x0, noise = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
        t = torch.tensor([0, 500, 999])
        alphas = ALPHAS.float()
        x = add_noise(x0, noise, alphas[t])
        assert torch.allclose(trajectory.jump(x, noise, t, torch.full_like(t, -1), alphas), x0, atol=1e-4)
        lower = torch.tensor([0, 250, 749])
        assert torch.allclose(
            trajectory.jump(x, noise, t, lower, alphas), add_noise(x0, noise, alphas[lower]), atol=1e-4
        )


@pytest.fixture
def teacher(networks):
    """An untrained one, whose data are noise with the one caption that it knows beside the empty one."""
    made = object.__new__(Teacher)
    made.unet, made.device, made.alphas = networks["unet"].requires_grad_(False), "cpu", ALPHAS.float()
    made.texts = torch.randn(2, 77, model.WIDTH)
    made.data = SimpleNamespace(batch=lambda size, *_: (torch.randn(size, 4, 8, 8), torch.ones(size, dtype=int)))
    return made


class TestStudent:
    def test_the_teachers_guidance_ends_where_the_image_is_settled(self, teacher):
        x, t, text = torch.randn(2, 4, 8, 8), torch.tensor([GUIDED - 1, GUIDED]), teacher.texts[[1, 1]]
        with torch.no_grad():
            plain = predict(teacher.unet, x, t, text)
            strong = guided(teacher.unet, x, t, text, teacher.texts[:1], 4)
        assert torch.allclose(teacher.noise(x, t, text, 4), torch.stack([plain[0], strong[1]]), atol=1e-5)
        assert torch.allclose(teacher.noise(x, t, text, 1), plain, atol=1e-6) and not torch.allclose(plain, strong)

    def test_later_steps_learn_from_the_two_step_lora(self, teacher):
        student, two_steps = Student(teacher, None), changed_lora(teacher.unet)
        fresh, student.lora = student.lora, two_steps
        torch.manual_seed(5)
        same = later_steps(student, two_steps, 6)
        assert same.difference == 0 and torch.equal(same.arrived, same.target)
        student.lora = fresh
        torch.manual_seed(5)
        other = later_steps(student, two_steps, 6)
        assert other.difference > 0 and torch.equal(other.target, same.target) and (other.end == -1).all()
        other.difference.backward()
        assert any(up.grad.abs().max() > 0 for up in fresh.up.values())


class TestSampling:
    def test_the_denoiser_is_k_diffusions(self, networks):
        from k_diffusion.external import DiscreteEpsDDPMDenoiser

        class Reference(DiscreteEpsDDPMDenoiser):
            def get_eps(self, x, t, text, **_):
                return self.inner_model(x, t, text).sample

        unet, text = networks["unet"], torch.randn(2, 77, model.WIDTH)
        ours = Denoiser(unet)
        reference = Reference(unet, alphas_cumprod(), quantize=True)
        assert torch.allclose(ours.sigmas, reference.sigmas, rtol=1e-5)
        sigma = ours.sigmas[[999, 250]]
        x = torch.randn(2, 4, 8, 8) * sigma[:, None, None, None]
        with torch.no_grad():
            assert torch.allclose(ours(x, sigma, text, None, 1), reference(x, sigma, text=text), atol=1e-4)

    def test_wrong_schedules_are_those_of_the_hosts(self):
        assert leading_timesteps(4) == [751, 501, 251, 1]
        assert automatic_timesteps(4) == [999, 666, 333, 0]


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


TOGETHER = """
import sys
from pathlib import Path
import torch
from tools.tiny.stage import Stage, descend, processes, share
folder = Path(sys.argv[1])
layer = torch.nn.Linear(3, 1, bias=False)
torch.nn.init.ones_(layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in Stage(folder / "a.pt", 1, {"layer": layer}, seed=4):
    drawn = torch.randn(share(8), 3)
    descend(layer(drawn).square().mean(), optimizer, longest=1.0)
torch.save({"weight": layer.weight.data, "drawn": drawn}, folder / f"{processes().process_index}.pt")
"""


class TestStage:
    def train(self, path, steps, until):
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(layer.parameters())
        stage = Stage(path, steps, {"layer": layer, "optimizer": optimizer}, seed=4)
        for step in stage:
            if step == until:
                stage.save(0)
                break
            stage.rate(optimizer, 0.1, warmup=2)
            optimizer.zero_grad()
            layer(torch.randn(4, 3)).square().mean().backward()
            optimizer.step()
        return layer.weight

    def test_an_interrupted_run_ends_where_a_whole_one_does(self, tmp_path):
        whole = self.train(tmp_path / "whole.pt", 8, None)
        stopped = self.train(tmp_path / "parts.pt", 8, 5)
        assert not torch.equal(stopped, whole)
        assert torch.equal(self.train(tmp_path / "parts.pt", 8, None), whole)

    def test_two_processes_do_together_what_one_does(self, tmp_path):
        """Each on its half of a batch, with random numbers of its own; one file is written, by one of them."""
        program = tmp_path / "train.py"
        program.write_text(TOGETHER)
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", program]
        subprocess.run([*launch, tmp_path], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        first, second = (torch.load(tmp_path / f"{process}.pt", weights_only=True) for process in (0, 1))
        assert torch.equal(first["weight"], second["weight"]) and not torch.equal(first["drawn"], second["drawn"])
        layer = torch.nn.Linear(3, 1, bias=False)
        torch.nn.init.ones_(layer.weight)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        descend(layer(torch.cat([first["drawn"], second["drawn"]])).square().mean(), optimizer, longest=1.0)
        assert torch.allclose(layer.weight, first["weight"], atol=1e-6) and not torch.allclose(
            layer.weight, torch.ones(1, 3)
        )
        assert len((tmp_path / "times.jsonl").read_text().splitlines()) == 1

    def test_a_finished_stage_is_not_repeated(self, tmp_path):
        self.train(tmp_path / "a.pt", 3, None)
        self.train(tmp_path / "a.pt", 3, None)
        (line,) = (tmp_path / "times.jsonl").read_text().splitlines()
        assert json.loads(line)["steps"] == 3


def test_the_playground_reads_the_networks_sizes_from_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "write_tokenizer", lambda *_, **__: None)  # its words are in another package
    model.save(model.make_networks(), tmp_path / "small.safetensors")
    layout.write_config(tmp_path, read_header(tmp_path / "small.safetensors"), "sd15")
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    assert {name: config[name] for name in model.UNET} == json.loads(json.dumps(model.UNET))


def test_labels_are_what_a_caption_says():
    scene = SCENES[777]
    whole = labels_of([scene])[0].tolist()
    assert labels_said(scene, scene.caption()).tolist() == whole
    assert labels_said(scene, scene.caption(place=False)).tolist() == [*whole[:3], UNSAID, whole[4]]
    assert labels_said(scene, scene.caption(background=False)).tolist() == [*whole[:4], UNSAID]


def test_shapes_differ_enough_to_be_told():
    axis = (np.arange(48) + 0.5) / 24 - 1
    outlines = {name: inside(axis[None, :], axis[:, None]) for name, inside in SHAPES.items()}
    for name, outline in outlines.items():
        for other in outlines.keys() - {name}:
            assert (outline & outlines[other]).sum() / (outline | outlines[other]).sum() < 0.8
