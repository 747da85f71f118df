"""How the samplers are called: noise, callback and bar as k-diffusion's, and what a step may not do."""

import math
from itertools import pairwise

import pytest
import torch
from k_diffusion.sampling import sample_euler_ancestral

from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd, step_down
from lib_hypersd.sampling.schedules import sigmas_at, tcd_timesteps
from tests.networks import SHAPE, Network, denoiser
from tests.reads import reads_inside_the_loop
from tests.scalars import TABLE, Scalar


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_noise_is_asked_for_by_the_levels_that_it_leads_from_and_to(sampler):
    """The hosts' noise samplers may be Brownian trees, which answer by these two levels."""
    pairs = []

    def noise(sigma, sigma_next):
        pairs.append((sigma.item(), sigma_next.item()))
        return torch.zeros(SHAPE)

    sigmas, x = sigmas_at(tcd_timesteps(4), TABLE), torch.ones(SHAPE, dtype=torch.float64)
    sampler(denoiser(Network()), x, sigmas, disable=True, eta=1.0, noise_sampler=noise)
    assert pairs == list(pairwise(sigmas[:-1].tolist())), "and none for the last step, which ends without noise"


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_the_bar_is_shown_unless_it_is_switched_off(sampler, capsys):
    x, sigmas = torch.ones(SHAPE, dtype=torch.float64), sigmas_at(tcd_timesteps(3), TABLE)
    for disable, shown in ((False, True), (True, False)):
        sampler(denoiser(Network()), x, sigmas, disable=disable)
        assert ("3/3" in capsys.readouterr().err) == shown


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_no_gradient_is_kept(sampler):
    model = denoiser(Network())
    model.inner_model.weight.requires_grad_()
    x = sampler(model, torch.ones(SHAPE, dtype=torch.float64), sigmas_at(tcd_timesteps(2), TABLE), disable=True)
    assert model.inner_model.weight.is_leaf and not x.requires_grad


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_eta_0_draws_no_noise(sampler):
    def noise(*_):
        raise AssertionError("noise was drawn at eta 0")

    model = denoiser(Network())
    x = torch.randn(SHAPE, dtype=torch.float64)
    sampler(model, x, sigmas_at(tcd_timesteps(8), model.sigmas), disable=True, eta=0.0, noise_sampler=noise)
    # A schedule of foreign levels, between the table's entries, draws none either.
    sampler(
        model,
        x,
        torch.tensor([14.0, 3.3333, 0.7777, 0.0], dtype=torch.float64),
        disable=True,
        eta=0.0,
        noise_sampler=noise,
    )


@pytest.mark.parametrize("eta", [-0.1, 1.01, float("nan")])
@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_an_eta_outside_0_to_1_is_a_sentence(sampler, eta):
    with pytest.raises(ValueError, match=r"eta of (TCD|DDIM) lies between 0 and 1"):
        sampler(denoiser(Network()), torch.zeros(SHAPE), sigmas_at([999], TABLE), disable=True, eta=eta)


def test_the_default_noise_has_the_shape_and_the_spread_of_noise():
    model = Scalar(lambda x, sigma: torch.zeros_like(x))
    sigmas = sigmas_at([999, 499], TABLE)[:2]
    x = sample_tcd(model, torch.zeros(50_000, dtype=torch.float64), sigmas, disable=True, eta=1.0)
    assert x.shape == (50_000,)
    assert x.std().item() == pytest.approx(math.sqrt(TABLE[499] ** 2 - TABLE[0] ** 2), rel=0.02)


def test_the_last_step_keeps_nothing_of_x():
    model = Scalar(lambda x, sigma: torch.full_like(x, 0.25))
    x = torch.full((1,), math.inf, dtype=torch.float64)  # as where half precision has overflowed
    for flow in (False, True):
        assert step_down(x, model(x, x), 0.5, 0.0, 0.0, flow).item() == 0.25
    assert sample_ddim(model, x, sigmas_at([499], TABLE), disable=True).item() == 0.25


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_nothing_is_read_from_the_device_inside_the_loop(sampler, eta):
    assert reads_inside_the_loop(sampler, eta=eta) == 0


def test_the_counter_of_reads_counts():
    assert reads_inside_the_loop(sample_euler_ancestral) > 0


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_x_may_lie_on_a_device_without_values(sampler):
    """A meta tensor has no values: any read of x, of the prediction or of the noise would raise."""

    class Model:
        sigmas = TABLE

        def __call__(self, x, sigma):
            return x * 0.5

    x = sampler(Model(), torch.ones(SHAPE, device="meta"), sigmas_at(tcd_timesteps(8), TABLE), disable=True, eta=0.5)
    assert x.device.type == "meta" and x.shape == SHAPE


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_half_precision_stays_half_precision(sampler, dtype):
    class Model:
        sigmas = TABLE.float()

        def __call__(self, x, sigma):
            return x * 0.1

    x = sampler(
        Model(), torch.ones(SHAPE, dtype=dtype) * 14, sigmas_at(tcd_timesteps(4), Model.sigmas), disable=True, eta=0.5
    )
    assert x.dtype == dtype and x.isfinite().all()


@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_extra_arguments_reach_the_model_and_the_callback_sees_x0(sampler):
    states = []

    class Model:
        sigmas = TABLE

        def __call__(self, x, sigma, cond):
            assert cond == "a cat" and sigma.shape == (2,)
            return x * 0 + 0.25

    sampler(Model(), torch.ones(SHAPE), sigmas_at(tcd_timesteps(3), TABLE), {"cond": "a cat"}, states.append, True)
    assert [d["i"] for d in states] == [0, 1, 2]
    assert all((d["denoised"] == 0.25).all() and d["sigma"] == d["sigma_hat"] for d in states)
