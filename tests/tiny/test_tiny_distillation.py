"""The small model's distillation: targets follow the exact flow, whose ends the student learns."""

from types import SimpleNamespace

import pytest
import torch

from lib_hypersd.distil.trajectory import end_of_segment, image_error
from tests.tiny.common import ALPHAS, changed_lora
from tools.tiny import model, trajectory
from tools.tiny.distil import GUIDED, LEAST, Student, Teacher
from tools.tiny.lora import guided, predict
from tools.tiny.one_step import further_steps
from tools.tiny.train import add_noise, image_weight

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
        assert end_of_segment(t, 1).tolist() == [-1] * 8
        assert end_of_segment(t, 2).tolist() == [499] * 5 + [-1] * 3
        assert end_of_segment(t, 4).tolist() == [749, 749, 749, 499, 499, 249, -1, -1]

    @pytest.mark.parametrize("segments", [8, 4, 2, 1])
    @pytest.mark.parametrize("stride, error", [(25, 0.03), (100, 0.06)])
    def test_the_target_is_the_flows_end(self, segments, stride, error, monkeypatch):
        monkeypatch.setattr(trajectory, "STRIDE", stride)
        t = torch.tensor([999, 997, 874, 760, 500, 300, 60, 20])
        end = end_of_segment(t, segments)
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
        found = image_error(*ends, t, end, ALPHAS)
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
    untrained = object.__new__(Teacher)
    untrained.unet, untrained.device, untrained.alphas = networks["unet"].requires_grad_(False), "cpu", ALPHAS.float()
    untrained.texts = torch.randn(2, 77, model.WIDTH)
    untrained.data = SimpleNamespace(batch=lambda size, *_: (torch.randn(size, 4, 8, 8), torch.ones(size, dtype=int)))
    return untrained


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
        same = further_steps(student, two_steps, 6)
        assert same.difference == 0 and torch.equal(same.arrived, same.target)
        student.lora = fresh
        torch.manual_seed(5)
        other = further_steps(student, two_steps, 6)
        assert other.difference > 0 and torch.equal(other.target, same.target) and (other.end == -1).all()
        other.difference.backward()
        assert any(up.grad.abs().max() > 0 for up in fresh.up.values())
