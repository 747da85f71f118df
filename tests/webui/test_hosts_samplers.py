"""Our samplers inside the host: its noise, its options, its batches."""

import pytest
import torch

from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import (
    sigmas_at,
    start_timesteps,
    tcd_timesteps,
    trailing_timesteps,
)
from tests import double
from tests.double import Host, Processing, Rng
from tests.networks import Network, denoiser, relative_rms
from tests.webui.common import ON


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "timesteps", "eta"),
    [
        ("TCD", "TCD", sample_tcd, tcd_timesteps(4), 0.3),
        ("TCD", "Automatic", sample_tcd, tcd_timesteps(4), 0.3),
        ("TCD", "Trailing", sample_tcd, trailing_timesteps(4), 0.3),
        ("DDIM-Trailing", "Automatic", sample_ddim, trailing_timesteps(4), 0.0),
        ("DDIM-Trailing", "Start at 800", sample_ddim, start_timesteps(4), 0.0),
    ],
)
def test_the_hosts_samplers_are_ours(host, script, sampler, schedule, ours, timesteps, eta):
    p = Processing(host, sampler_name=sampler, scheduler=schedule, steps=4, cfg_scale=1.0)
    latents = host.process_images(p, script)
    assert host.network.timesteps == pytest.approx(timesteps, abs=2e-2)
    model, rng = denoiser(Network(torch.float32)), Rng([1])
    sigmas = sigmas_at(timesteps, model.sigmas)
    x = rng.next() * start_noise_scale(sigmas[0].item(), flow=False)
    expected = ours(model, x, sigmas, {"cond": None}, None, True, eta, lambda *_: rng.next())
    assert relative_rms(latents, expected) < 1e-5
    key = "Eta TCD" if sampler == "TCD" else "Eta DDIM"
    assert p.extra_generation_params[key] == eta


@pytest.mark.parametrize("kind", double.KINDS)
@pytest.mark.parametrize("sampler", ["TCD", "DDIM-Trailing"])
def test_each_image_of_a_batch_gets_the_noise_of_its_own_seed(tmp_path, kind, sampler):
    host = Host(tmp_path, kind)
    with host.as_modules():
        script = host.load_script()

        def run(seed, count):
            p = Processing(host, sampler_name=sampler, steps=4, cfg_scale=1.0, eta=1.0, seed=seed, batch_size=count)
            return host.process_images(p, script)

        batch = run(7, 2)
        for i in range(2):
            assert relative_rms(batch[i], run(7 + i, 1)[0]) < 1e-5


@pytest.mark.parametrize("multiplier", [False, True])
@pytest.mark.parametrize(("schedule", "timestep"), [("Trailing", 999), ("Start at 800", 800)])
def test_start_noise_is_scaled_as_diffusers_scales_it(host, script, schedule, timestep, multiplier):
    host.shared.opts.data["sgm_noise_multiplier"] = multiplier
    p = Processing(host, sampler_name="DDIM-Trailing", scheduler=schedule, steps=1)
    host.process_images(p, script)
    sigma = p.sampler.model_wrap.sigmas[timestep]
    assert relative_rms(p.sampler._started_from, Rng([1]).next() * (1 + sigma**2).sqrt()) < 1e-6


def test_the_hosts_own_samplers_start_as_ever(host, script):
    p = Processing(host, sampler_name="Euler", scheduler="Trailing", steps=2)
    host.process_images(p, script)
    assert relative_rms(p.sampler._started_from, Rng([1]).next() * p.sampler.model_wrap.sigmas[999]) < 1e-6


def test_an_option_that_drops_a_timestep_does_not_reach_our_samplers(host, script):
    host.shared.opts.data["always_discard_next_to_last_sigma"] = True
    host.process_images(Processing(host, sampler_name="DDIM-Trailing", steps=4), script)
    assert host.network.timesteps == pytest.approx([999, 749, 499, 249], abs=2e-2)
    assert host.shared.opts.data["always_discard_next_to_last_sigma"] is True


def test_each_image_of_a_batch_is_the_image_of_its_own_seed(host, script):
    args = [{**ON, "variant": "unified", "steps": 4}]
    batch = host.process_images(Processing(host, batch_size=3, seed=5), script, args)
    for i in range(3):
        single = host.process_images(Processing(host, seed=5 + i), script, args)
        assert relative_rms(batch[i : i + 1], single) < 1e-5


def test_more_tcd_steps_than_its_grid_has_are_taken_from_all_timesteps(host, script):
    host.process_images(Processing(host, sampler_name="TCD", scheduler="TCD", steps=80), script)
    assert len(host.network.timesteps) == 80
