"""The samplers beside diffusers' schedulers: same network, same noise, compared after every step."""

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler, LCMScheduler, TCDScheduler

from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import (
    TIMESTEPS,
    flow_sigmas,
    sigmas_at,
    start_timesteps,
    table_shift,
    tcd_timesteps,
    trailing_timesteps,
)
from tests.networks import SD_BETAS, SHAPE, FlowDenoiser, Network, Wrapped, alphas_cumprod, denoiser, relative_rms

BOUND = {torch.float32: 1e-5, torch.float64: 1e-9}
PRECISIONS = pytest.mark.parametrize("dtype", BOUND, ids=["float32", "float64"])
PREDICTIONS = pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])


def diffusers_run(scheduler, network, prediction, noise, seed, **step_arguments):
    """x before every step, in diffusers' unit-variance scaling, and the last predicted x0."""
    generator = torch.Generator().manual_seed(seed)
    x, before = noise, []
    for t in scheduler.timesteps:
        before.append(x)
        output = network(x, t)
        a = scheduler.alphas_cumprod[t]
        x0 = (
            (x - (1 - a).sqrt() * output) / a.sqrt()
            if prediction == "epsilon"
            else a.sqrt() * x - (1 - a).sqrt() * output
        )
        x = scheduler.step(output, t, x, generator=generator, **step_arguments).prev_sample
    return before, x0


def our_run(sampler, timesteps, dtype, prediction, noise, seed, eta):
    """The same from one of our samplers, its x scaled back to unit variance."""
    network = Network(dtype)
    model = Wrapped(denoiser(network, prediction))
    generator = torch.Generator().manual_seed(seed)
    sigmas = sigmas_at(timesteps, model.inner_model.sigmas)
    before = []
    x0 = sampler(
        model,
        noise * start_noise_scale(sigmas[0].item(), flow=False),
        sigmas,
        callback=lambda d: before.append(d["x"] / (1 + d["sigma"] ** 2).sqrt()),
        disable=True,
        eta=eta,
        noise_sampler=lambda sigma, sigma_next: torch.randn(SHAPE, generator=generator, dtype=dtype),
    )
    assert network.timesteps == pytest.approx(timesteps, abs=2e-2), "the network was asked at other timesteps"
    return before, x0


def assert_same(ours, theirs, dtype):
    for mine, reference in zip([*ours[0], ours[1]], [*theirs[0], theirs[1]], strict=True):
        assert relative_rms(mine, reference) <= BOUND[dtype]


def start_noise(dtype):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1), dtype=dtype)


def exact(scheduler, dtype):
    """diffusers keeps ᾱ in float32; in float64 both sides start from the same numbers."""
    scheduler.alphas_cumprod = alphas_cumprod(dtype)
    return scheduler


@PRECISIONS
@PREDICTIONS
@pytest.mark.parametrize("eta", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 8, 12, 16])
def test_tcd_equals_diffusers(steps, eta, prediction, dtype):
    scheduler = exact(TCDScheduler(**SD_BETAS, prediction_type=prediction), dtype)
    scheduler.set_timesteps(steps)
    theirs = diffusers_run(scheduler, Network(dtype), prediction, start_noise(dtype), 5, eta=eta)
    ours = our_run(sample_tcd, tcd_timesteps(steps), dtype, prediction, start_noise(dtype), 5, eta)
    assert_same(ours, theirs, dtype)


@PRECISIONS
@PREDICTIONS
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_trailing_ddim_equals_diffusers(steps, eta, prediction, dtype):
    scheduler = exact(
        DDIMScheduler(**SD_BETAS, prediction_type=prediction, timestep_spacing="trailing", clip_sample=False), dtype
    )
    scheduler.set_timesteps(steps)
    theirs = diffusers_run(scheduler, Network(dtype), prediction, start_noise(dtype), 6, eta=eta)
    ours = our_run(sample_ddim, trailing_timesteps(steps), dtype, prediction, start_noise(dtype), 6, eta)
    assert_same(ours, theirs, dtype)


# The end of a run: diffusers goes on from the last predicted x0 to timestep 0.

LEFT = 0.0292  # √(1 − ᾱ₀): how much noise diffusers leaves in the latents, of unit variance
ENDS = {
    "TCD": (TCDScheduler, {}, sample_tcd, tcd_timesteps),
    "DDIM of Stable Diffusion": (
        DDIMScheduler, {"timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": False},
        sample_ddim, trailing_timesteps,
    ),
}  # fmt: skip


def test_the_noise_of_timestep_0_follows_from_the_betas():
    kept = 1 - SD_BETAS["beta_start"]  # ᾱ₀, after one step of noise
    assert alphas_cumprod()[0].item() == pytest.approx(kept, abs=1e-7)
    assert (1 - kept) ** 0.5 == pytest.approx(LEFT, abs=5e-5)
    assert denoiser(Network()).sigmas[0].item() == pytest.approx(LEFT, abs=5e-5), "as σ the same to this precision"


@PRECISIONS
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("name", ENDS)
def test_diffusers_leaves_noise_where_we_return_x0(name, steps, eta, dtype):
    kind, options, sampler, timesteps = ENDS[name]
    eta = eta if kind is TCDScheduler else 0.0
    scheduler = exact(kind(**SD_BETAS, **options), dtype)
    scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    scheduler.set_timesteps(steps)
    generator, network, x = torch.Generator().manual_seed(5), Network(dtype), start_noise(dtype)
    for t in scheduler.timesteps:
        before, output = x, network(x, t)
        x = scheduler.step(output, t, x, generator=generator, eta=eta).prev_sample
    a = scheduler.alphas_cumprod[t]
    x0 = (before - (1 - a).sqrt() * output) / a.sqrt()
    kept = scheduler.alphas_cumprod[0]
    assert relative_rms(x, kept.sqrt() * x0 + (1 - kept).sqrt() * output) <= BOUND[dtype]
    noise_left = (x - kept.sqrt() * x0).square().mean().sqrt() / output.square().mean().sqrt()
    assert noise_left.item() == pytest.approx(LEFT, abs=1e-4)
    _, ours = our_run(sampler, timesteps(steps), dtype, "epsilon", start_noise(dtype), 5, eta)
    assert relative_rms(ours, x0) <= BOUND[dtype]


@PRECISIONS
@pytest.mark.parametrize("sampler", [sample_tcd, sample_ddim])
def test_one_step_from_800_equals_lcm(sampler, dtype):
    scheduler = exact(LCMScheduler(**SD_BETAS), dtype)
    scheduler.set_timesteps(timesteps=[800])
    noise = start_noise(dtype)
    denoised = scheduler.step(Network(dtype)(noise, 800), 800, noise).denoised
    # LCM mixes 4e-9 of its input into the prediction; the prediction itself is what is compared.
    c_skip, c_out = scheduler.get_scalings_for_boundary_condition_discrete(800)
    before, x0 = our_run(sampler, start_timesteps(1), dtype, "epsilon", noise, 0, 0.0)
    assert relative_rms(before[0], noise) <= BOUND[dtype]
    assert relative_rms(x0, (denoised - c_skip * noise) / c_out) <= BOUND[dtype]


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 16])
def test_ddim_on_a_flow_model_equals_diffusers_euler(steps):
    network = Network()
    model = FlowDenoiser(network)
    sigmas = sigmas_at(trailing_timesteps(steps), model.sigmas)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=sigmas[:-1].numpy())
    scheduler.sigmas = sigmas
    x = noise = start_noise(torch.float64)
    theirs = []
    for t, sigma in zip(scheduler.timesteps, sigmas, strict=False):
        theirs.append(x)
        x = scheduler.step(model.velocity(x, sigma), t, x).prev_sample
    ours = []
    x0 = sample_ddim(
        model, noise * start_noise_scale(1.0, flow=True), sigmas, disable=True, callback=lambda d: ours.append(d["x"])
    )
    for mine, reference in zip([*ours, x0], [*theirs, x], strict=True):
        assert relative_rms(mine, reference) <= 1e-6  # diffusers steps in float32


def test_euler_on_trailing_sigmas_is_trailing_ddim():
    """The model card's DDIM is the host's own Euler once the schedule is right."""
    from k_diffusion.sampling import sample_euler

    model = denoiser(Network())
    sigmas = sigmas_at(trailing_timesteps(8), model.sigmas)
    x = start_noise(torch.float64) * start_noise_scale(sigmas[0].item(), flow=False)
    assert (
        relative_rms(sample_ddim(model, x, sigmas, disable=True), sample_euler(model, x, sigmas, disable=True)) <= 1e-9
    )


STRENGTHS = pytest.mark.parametrize("strength", [0.2, 0.35, 0.5, 0.6, 0.8, 1.0])


@STRENGTHS
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_tcd_from_an_image_equals_diffusers(steps, eta, strength):
    """img2img: ``add_noise`` at the first timestep of the strength, then ``step``."""
    dtype = torch.float32
    grid = 50 if steps <= int(50 * strength) else 1000
    scheduler = exact(TCDScheduler(**SD_BETAS, original_inference_steps=grid), dtype)
    scheduler.set_timesteps(steps, strength=strength)
    image = torch.randn(SHAPE, generator=torch.Generator().manual_seed(9), dtype=dtype)
    noise = start_noise(dtype)
    start = scheduler.add_noise(image, noise, scheduler.timesteps[:1])
    theirs = diffusers_run(scheduler, Network(dtype), "epsilon", start, 5, eta=eta)

    network = Network(dtype)
    model = denoiser(network)
    timesteps = TIMESTEPS["TCD"](steps, strength, 1000)
    assert timesteps == scheduler.timesteps.tolist()
    sigmas = sigmas_at(timesteps, model.sigmas)
    generator = torch.Generator().manual_seed(5)
    before = []
    x0 = sample_tcd(
        Wrapped(model),
        image + sigmas[0] * noise,
        sigmas,
        callback=lambda d: before.append(d["x"] / (1 + d["sigma"] ** 2).sqrt()),
        disable=True,
        eta=eta,
        noise_sampler=lambda *_: torch.randn(SHAPE, generator=generator, dtype=dtype),
    )
    assert len(network.timesteps) == steps
    assert_same((before, x0), theirs, dtype)


@STRENGTHS
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_flow_euler_from_an_image_equals_diffusers(steps, strength):
    """The hosts' own Euler (here k-diffusion's) on our sigmas beside FlowMatchEuler's."""
    from k_diffusion.sampling import sample_euler

    model = FlowDenoiser(Network())
    sigmas = flow_sigmas(steps, strength, table_shift(model.sigmas)).double()
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=torch.linspace(strength, strength / steps, steps).tolist())
    image = torch.randn(SHAPE, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    noise = start_noise(torch.float64)
    x = scheduler.scale_noise(image, scheduler.timesteps[:1], noise)
    ours = (1 - sigmas[0]) * image + sigmas[0] * noise
    assert relative_rms(ours, x) <= 1e-5
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        x = scheduler.step(model.velocity(x, sigma.double()), t, x).prev_sample
    assert relative_rms(sample_euler(model, ours, sigmas, disable=True), x) <= 1e-5
    assert relative_rms(sample_ddim(model, ours, sigmas, disable=True), x) <= 1e-5
