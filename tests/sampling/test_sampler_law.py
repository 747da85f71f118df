"""The samplers against mathematics: laws known in closed form, orders of convergence, and the noise in every step."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from k_diffusion.sampling import get_ancestral_step, sample_euler_ancestral
from scipy.stats import ks_2samp

from lib_hypersd.sampling.samplers import alpha, sample_ddim, sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import sigmas_at, start_timesteps, tcd_timesteps, trailing_timesteps
from tests.networks import SHAPE, FlowDenoiser, Network, denoiser, relative_rms
from tests.scalars import COUNT, GAUSSIAN, TABLE, TWO_HILLS, Scalar

LAWS = pytest.mark.parametrize("data", [GAUSSIAN, TWO_HILLS], ids=["gaussian", "mixture"])


def multistep_consistency(data, table, steps):
    """Samples of TCD at eta 1 with the exact consistency function, started from noised data, and fresh data."""
    generator = torch.Generator().manual_seed(steps)
    sigmas = sigmas_at(tcd_timesteps(steps), table)
    x = data.draw(generator) + sigmas[0] * torch.randn(COUNT, generator=generator, dtype=torch.float64)
    model = Scalar(data.consistency)
    model.sigmas = table
    x0 = sample_tcd(
        model, x, sigmas, disable=True, eta=1.0,
        noise_sampler=lambda *_: torch.randn(COUNT, generator=generator, dtype=torch.float64),
    )  # fmt: skip
    return x0, data.draw(generator)


@LAWS
@pytest.mark.parametrize("steps", range(1, 9))
def test_eta_1_with_the_consistency_function_samples_the_data(data, steps):
    """Exactly so where timestep 0 is free of noise: then eta 1 restarts from the data itself."""
    noiseless_at_0 = torch.cat([torch.tensor([1e-6], dtype=torch.float64), TABLE[1:]])
    x0, expected = multistep_consistency(data, noiseless_at_0, steps)
    # With 200,000 draws a side, equal laws exceed a distance of 0.0065 once in 3,000 runs.
    assert ks_2samp(x0.numpy(), expected.numpy()).statistic < 0.0065
    assert x0.mean().item() == pytest.approx(expected.mean().item(), abs=0.01)
    assert x0.std().item() == pytest.approx(expected.std().item(), rel=0.01)


@pytest.mark.parametrize("steps", range(1, 9))
def test_the_residual_of_timestep_0_is_what_the_law_says(steps):
    """SD's timestep 0 has σ 0.0292, so eta 1 carries 0.0292·eps on: the spread grows by just that, by hand for a Gaussian."""
    x0, _ = multistep_consistency(GAUSSIAN, TABLE, steps)
    c, sigma_0 = GAUSSIAN.deviations.item(), TABLE[0].item()
    sigmas = sigmas_at(tcd_timesteps(steps), TABLE).tolist()
    variance = c**2 + sigmas[0] ** 2
    for sigma, sigma_next in pairwise(sigmas):
        share = c / math.hypot(c, sigma)
        kept = share + sigma_0 * (1 - share) / sigma if sigma_next else share
        variance = kept**2 * variance + max(sigma_next**2 - sigma_0**2, 0)
    assert x0.std().item() == pytest.approx(math.sqrt(variance), rel=0.006)
    assert math.sqrt(variance) == pytest.approx(c, rel=0.04)


@LAWS
def test_the_law_test_can_fail(data):
    """Plain ancestral sampling (what other extensions offer as TCD) has the wrong law with the same function."""
    generator = torch.Generator().manual_seed(3)
    sigmas = sigmas_at(tcd_timesteps(4), TABLE)
    x = data.draw(generator) + sigmas[0] * torch.randn(COUNT, generator=generator, dtype=torch.float64)
    x0 = sample_euler_ancestral(
        Scalar(data.consistency), x, sigmas, disable=True,
        noise_sampler=lambda *_: torch.randn(COUNT, generator=generator, dtype=torch.float64),
    )  # fmt: skip
    assert ks_2samp(x0.numpy(), data.draw(generator).numpy()).statistic > 0.02


@LAWS
@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_eta_0_with_the_posterior_mean_converges_at_first_order(data, sampler):
    generator = torch.Generator().manual_seed(1)
    start = TABLE[999].item()
    x = (data.draw(generator) + start * torch.randn(COUNT, generator=generator, dtype=torch.float64))[:2000]
    exact = data.consistency(x, start)
    errors = []
    for steps in (50, 100, 200):
        sigmas = sigmas_at(trailing_timesteps(steps), TABLE)
        x0 = sampler(Scalar(data.posterior_mean), x, sigmas, disable=True, eta=0.0)
        errors.append((x0 - exact).abs().mean().item())
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.35) and errors[1] / errors[2] == pytest.approx(2, abs=0.35)
    assert errors[2] < 0.02


def test_eta_0_over_several_steps_of_the_consistency_function_is_the_method_not_exact():
    x = torch.linspace(-20, 20, 400, dtype=torch.float64)
    one = sample_tcd(Scalar(TWO_HILLS.consistency), x, sigmas_at([999], TABLE), disable=True, eta=0.0)
    several = sample_tcd(Scalar(TWO_HILLS.consistency), x, sigmas_at(tcd_timesteps(8), TABLE), disable=True, eta=0.0)
    assert (one - TWO_HILLS.consistency(x, TABLE[999].item())).abs().max() < 1e-9
    assert (one - several).abs().max() > 0.1


def law_of_the_facts(x, x0, t, p, eta, table, flow):
    """The TCD step in unit-variance (or flow) scaling, written as the scheduler's paper does; returns mean and deviation."""
    s = math.floor(round((1 - eta) * p, 6))
    if flow:
        a = {i: 1 - table[i].item() for i in (t, p, s)}
        b = {i: table[i].item() for i in (t, p, s)}
    else:
        a = {i: 1 / math.sqrt(1 + table[i].item() ** 2) for i in (t, p, s)}
        b = {i: table[i].item() / math.sqrt(1 + table[i].item() ** 2) for i in (t, p, s)}
    eps = (x - a[t] * x0) / b[t]
    ratio = a[p] / a[s]
    return ratio * (a[s] * x0 + b[s] * eps), math.sqrt(max(b[p] ** 2 - ratio**2 * b[s] ** 2, 0.0))


@pytest.mark.parametrize("flow", [False, True], ids=["epsilon", "flow"])
@pytest.mark.parametrize("eta", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(
    "timesteps", [tcd_timesteps(4), tcd_timesteps(7), trailing_timesteps(4), start_timesteps(3)], ids=str
)
def test_a_tcd_step_is_the_law_of_the_paper(timesteps, eta, flow):
    model = FlowDenoiser(Network()) if flow else denoiser(Network())
    table = model.sigmas
    generator = torch.Generator().manual_seed(2)
    noises = [torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in timesteps]
    feed = iter(noises)
    states = []
    sigmas = sigmas_at(timesteps, table)
    x = torch.randn(SHAPE, generator=generator, dtype=torch.float64) * start_noise_scale(sigmas[0].item(), flow)
    x0 = sample_tcd(
        model, x, sigmas, disable=True, eta=eta, callback=states.append, noise_sampler=lambda *_: next(feed)
    )
    for i, (t, p) in enumerate(pairwise(timesteps)):
        unit = [1.0 if flow else math.sqrt(1 + table[j].item() ** 2) for j in (t, p)]
        mean, deviation = law_of_the_facts(states[i]["x"] / unit[0], states[i]["denoised"], t, p, eta, table, flow)
        expected = mean + deviation * noises[i] if eta > 0 else mean
        assert relative_rms(states[i + 1]["x"] / unit[1], expected) < 1e-12
    assert torch.equal(x0, states[-1]["denoised"]), "a schedule that ends in 0 returns the predicted image"


@given(
    eta=st.floats(0, 1),
    pair=st.lists(st.integers(0, 999), min_size=2, max_size=2, unique=True).map(lambda p: sorted(p, reverse=True)),
    sampler=st.sampled_from([sample_tcd, sample_ddim]),
    flow=st.booleans(),
)
def test_after_a_step_x_carries_exactly_the_noise_of_the_schedule(eta, pair, sampler, flow):
    """Noise kept and noise added make the schedule's σ together, and the image its α: for every eta and pair of levels."""
    table = FlowDenoiser(Network()).sigmas if flow else TABLE
    sigmas = table[pair]
    eps, image = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    states = {}

    class Oracle:
        sigmas = table

        def __call__(self, x, sigma):
            return image

    def noise(*levels):
        states["added"] = True
        return torch.tensor([[0.0, 0.0]], dtype=torch.float64)

    start = alpha(sigmas[0].item(), flow) * image + sigmas[0] * eps
    kept, of_image = sampler(Oracle(), start, sigmas, disable=True, eta=eta, noise_sampler=noise)[0].tolist()
    unit = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    with_noise = sampler(Oracle(), start, sigmas, disable=True, eta=eta, noise_sampler=lambda *_: unit)[0, 0].item()
    added = with_noise - kept
    assert math.hypot(kept, added) == pytest.approx(sigmas[1].item(), rel=1e-9, abs=1e-12)
    assert of_image == pytest.approx(alpha(sigmas[1].item(), flow), abs=1e-9)
    assert kept >= 0 and added >= 0
    assert ("added" in states) == (added > 0)


@given(
    eta=st.floats(0, 1),
    pair=st.lists(st.integers(0, 999), min_size=2, max_size=2, unique=True).map(lambda p: sorted(p, reverse=True)),
)
@example(eta=1.0, pair=[999, 499])
@example(eta=0.5, pair=[700, 300])
def test_ddim_of_a_flow_model_is_k_diffusions_ancestral_step_on_rescaled_latents(eta, pair):
    """Divided by α = 1 − σ a flow model's x is x0 + r·eps with r = σ/α, the form that k-diffusion steps in."""
    table = FlowDenoiser(Network()).sigmas

    class Oracle:
        sigmas = table

        def __call__(self, x, sigma):
            return torch.full_like(x, 2.0)

    def step(noise):
        x = torch.full((1,), 5.0, dtype=torch.float64)
        return sample_ddim(Oracle(), x, table[pair], disable=True, eta=eta, noise_sampler=lambda *_: noise).item()

    sigma, sigma_next = table[pair].tolist()
    scale, scale_next = 1 - sigma, 1 - sigma_next
    ratio = sigma / scale if scale else 1e12
    down, up = get_ancestral_step(ratio, sigma_next / scale_next, eta)
    eps = (5.0 - scale * 2.0) / sigma
    assert step(0.0) == pytest.approx(scale_next * (2.0 + down * eps), rel=1e-6)
    assert step(1.0) - step(0.0) == pytest.approx(scale_next * up, rel=1e-6, abs=1e-9)


def test_a_whole_product_of_eta_and_timestep_is_not_floored_below_itself():
    """⌊10·(1 − 0.9)⌋ is 1, though 1 − 0.9 is 0.0999… in binary."""
    model = Scalar(lambda x, sigma: torch.zeros_like(x))
    sigmas = sigmas_at([500, 10], TABLE)
    x = sample_tcd(
        model,
        sigmas[0] * torch.ones(1, dtype=torch.float64),
        sigmas[:2],
        disable=True,
        eta=0.9,
        noise_sampler=lambda *_: 0.0,
    )
    assert x.item() == pytest.approx(TABLE[1].item(), rel=1e-12)


def test_start_noise_is_unit_variance_in_diffusers_scaling():
    assert start_noise_scale(TABLE[800].item(), flow=False) / TABLE[800].item() == pytest.approx(1.019, abs=5e-4)
    assert start_noise_scale(TABLE[999].item(), flow=False) / TABLE[999].item() == pytest.approx(1.0023, abs=5e-5)
    assert start_noise_scale(1.0, flow=True) == 1.0
