"""The mathematics against closed forms, and against the steps of diffusers' schedulers."""

from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, TCDScheduler
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.distil.discriminator import weights
from lib_hypersd.distil.trajectory import (
    Prediction,
    add_noise,
    end_of_segment,
    image_error,
    image_weight,
    jump,
    perturb,
    sample_end,
    segment_target,
    stride_down,
    with_image,
)
from lib_hypersd.sampling.schedules import trailing_timesteps

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
SCHEDULER = DDIMScheduler(**CONFIG, timestep_spacing="trailing", set_alpha_to_one=True)
ALPHAS = with_image(SCHEDULER.alphas_cumprod)
SEGMENTS = st.sampled_from([1, 2, 3, 4, 8])


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(t=st.integers(0, 999), segments=SEGMENTS)
def test_a_segment_ends_at_the_trailing_timestep_below(t, segments):
    below = [step for step in [*trailing_timesteps(segments), -1] if step < t] or [-1]
    assert end_of_segment(torch.tensor([t]), segments).item() == max(below)


@given(
    t=st.integers(0, 999), segments=SEGMENTS, stride=st.integers(1, 200), u=st.floats(0, 1, exclude_max=True, width=32)
)
def test_a_jump_ends_within_its_segment_and_not_before_the_teacher_has_come(t, segments, stride, u):
    start = torch.tensor([t])
    lowest = end_of_segment(start, segments)
    end = sample_end(start, segments, stride, torch.tensor([u]))
    assert lowest <= end <= stride_down(start, lowest, stride) < start
    assert sample_end(start, segments, stride, torch.zeros(1)) == lowest


def test_every_end_of_the_segment_is_sampled():
    t = torch.full((20_000,), 499)
    ends = sample_end(t, 2, 100, torch.rand(20_000, generator=torch.Generator().manual_seed(0)))
    counts = torch.bincount(ends + 1, minlength=401)
    assert len(counts) == 401 and counts.min() > 20  # −1 … 399, 50 of each expected


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_a_jump_is_diffusers_ddim_step(steps):
    SCHEDULER.set_timesteps(steps)
    x, eps = noise(1, 4, 4, 4), noise(1, 4, 4, 4, seed=1)
    for t, to in zip(SCHEDULER.timesteps, [*SCHEDULER.timesteps[1:], torch.tensor(-1)], strict=True):
        x0 = (x - (1 - ALPHAS[t]).sqrt() * eps) / ALPHAS[t].sqrt()
        arrived = jump(Prediction(x0, eps), to.reshape(1), ALPHAS)
        torch.testing.assert_close(arrived, SCHEDULER.step(eps, t, x).prev_sample, rtol=1e-4, atol=1e-5)


def test_a_jump_is_diffusers_tcd_step_without_fresh_noise():
    scheduler = TCDScheduler(**CONFIG)
    scheduler.set_timesteps(4)
    x, eps = noise(1, 4, 4, 4), noise(1, 4, 4, 4, seed=1)
    t, to = scheduler.timesteps[:2]
    x0 = (x - (1 - ALPHAS[t]).sqrt() * eps) / ALPHAS[t].sqrt()
    expected = scheduler.step(eps, t, x, eta=0.0).prev_sample
    torch.testing.assert_close(jump(Prediction(x0, eps), to.reshape(1), ALPHAS), expected, rtol=1e-4, atol=1e-5)


@given(t=st.integers(1, 999), reach=st.floats(0, 1, exclude_max=True), change=st.floats(0.01, 3))
def test_the_image_error_is_the_same_however_far_a_jump_goes(t, reach, change):
    """The images of two jumps from one x differ by ``change``; the noise follows, and the error is its square."""
    to = torch.tensor([int(reach * (t + 1)) - 1])
    alphas, start = ALPHAS.double(), torch.tensor([t])
    x, x0 = noise(1, 4, 2, 2).double(), noise(1, 4, 2, 2, seed=1).double()

    def arrive(x0):
        return jump(Prediction(x0, (x - alphas[t].sqrt() * x0) / (1 - alphas[t]).sqrt()), to, alphas)

    error = image_error(arrive(x0 + change), arrive(x0), start, to, alphas)
    torch.testing.assert_close(error, torch.tensor([change**2], dtype=torch.float64), rtol=1e-6, atol=0)


@given(t=st.integers(0, 998), further=st.integers(0, 999))
def test_what_is_perturbed_is_as_noisy_as_its_new_timestep(t, further):
    """Of x = √ᾱ·x0 + √(1 − ᾱ)·ε the perturbed one has the same x0 at √ᾱ', and noise of the variance 1 − ᾱ'."""
    start, to = torch.tensor([t]), torch.tensor([min(t + further, 999)])
    alphas, one = ALPHAS.double(), torch.ones(1, 1, dtype=torch.float64)
    zero = 0 * one
    image = perturb(add_noise(one, zero, start, alphas), start, to, zero, alphas)
    old = perturb(add_noise(zero, one, start, alphas), start, to, zero, alphas)
    fresh = perturb(zero, start, to, one, alphas)
    assert image.item() == pytest.approx(alphas[to].sqrt().item())
    assert old.item() ** 2 + fresh.item() ** 2 == pytest.approx(1 - alphas[to].item())


def test_a_target_is_led_by_the_teacher_first_and_the_average_for_the_rest():
    x, t, to = noise(2, 4, 2, 2), torch.tensor([900, 510]), torch.tensor([499, 499])
    between = stride_down(t, end_of_segment(t, 2), 100)
    visited = []

    def predict(name, value):
        def at(x, t):
            visited.append((name, t.tolist()))
            return Prediction(torch.full_like(x, value), torch.zeros_like(x))

        return at

    target = segment_target(predict("teacher", 1.0), predict("average", 2.0), x, t, to, between, ALPHAS)
    assert visited == [("teacher", [900, 510]), ("average", [800, 499])]
    expected = torch.tensor([2.0, 1.0]) * ALPHAS[499].sqrt()  # the teacher's stride reaches the end of the second
    torch.testing.assert_close(target[:, 0, 0, 0], expected)


def test_an_exact_teacher_is_its_own_target():
    """Of a single image every network knows the noise; whatever leads, the jump ends on the trajectory."""
    image, t = noise(1, 4, 2, 2), torch.tensor([777])
    x = add_noise(image, noise(1, 4, 2, 2, seed=1), t, ALPHAS)

    def exact(x, t):
        return Prediction(image, (x - ALPHAS[t].sqrt() * image) / (1 - ALPHAS[t]).sqrt())

    for end in (-1, 0, 499, 600):
        to = torch.tensor([end])
        target = segment_target(exact, exact, x, t, to, torch.tensor([757]), ALPHAS)
        torch.testing.assert_close(target, jump(exact(x, t), to, ALPHAS), rtol=1e-3, atol=1e-4)


def test_the_weight_of_an_error_is_bounded():
    weight = image_weight(ALPHAS[:-1])
    assert weight.max() == 5 and weight.min() == 1
    assert weight[(ALPHAS[:-1] - 0.75).abs().argmin()].item() == pytest.approx(3, abs=0.05)  # 0.75 / 0.25


def test_mse_falls_while_the_adversarial_loss_rises():
    pairs = [weights(progress / 10, 0.1, 0.5) for progress in range(11)]
    assert pairs[0] == (1, 0) and pairs[-1] == (0.5, 0.1) and pairs[5] == pytest.approx((0.75, 0.05))
    assert all(a[0] > b[0] and a[1] < b[1] for a, b in pairwise(pairs))
