"""Our schedules in the host: hidden ones, those of flow models, and hosts without a list of them."""

import pytest

from lib_hypersd.sampling.samplers import sample_ddim
from lib_hypersd.sampling.schedules import (
    flow_sigmas,
    flux_shift,
    start_timesteps,
    tcd_timesteps,
    trailing_timesteps,
)
from tests.double import Processing, Rng
from tests.networks import Network, denoiser, relative_rms
from tests.webui.common import ON, recorded


@pytest.fixture
def flux(forge):
    model = forge.load("some-flux", is_flow=True)
    model.model_config = type("Config", (), {"huggingface_repo": "black-forest-labs/FLUX.1-dev"})
    return forge


def test_a_schedule_that_the_user_has_hidden_is_not_in_the_list_and_serves_the_plan(neo):
    neo.shared.opts.data["hide_schedulers"] = ["Trailing", "TCD"]
    script = neo.load_script()
    assert not {"Trailing", "TCD"} & {entry.label for entry in neo.sd_schedulers.schedulers}
    p = Processing(neo)
    neo.process_images(p, script, [{**ON, "schedule": "trailing"}])
    assert not p.comments and recorded(neo) == list(trailing_timesteps(8))


def test_flux_gets_its_plan(flux):
    script = flux.load_script()
    p = Processing(flux, distilled_cfg_scale=1.0)
    flux.process_images(p, script, [ON])
    assert (p.sampler_name, p.scheduler, p.steps, p.cfg_scale) == ("Euler", "Simple", 8, 1.0)
    assert p.distilled_cfg_scale == 3.5 and p.all_prompts == ["<lora:Hyper-FLUX.1-dev-8steps-lora:0.125> a cat"]


@pytest.mark.parametrize("strength", [0.35, 0.6, 1.0])
@pytest.mark.parametrize("img2img", [False, True])
def test_a_flow_schedule_that_goes_by_the_images_size(flux, strength, img2img):
    script = flux.load_script()
    p = Processing(flux, img2img=img2img, denoising_strength=strength)
    flux.process_images(p, script, [{**ON, "schedule": "By image size"}])
    sigmas = flow_sigmas(8, strength if img2img else 1.0, flux_shift(16))  # latents of 8 × 8
    assert flux.network.timesteps == pytest.approx((sigmas[:-1] * 1000).tolist(), abs=1e-2)


def test_a_flow_model_starts_an_image_at_its_strength(flux):
    script = flux.load_script()
    p = Processing(flux, img2img=True, denoising_strength=0.5)
    latents = flux.process_images(p, script, [{**ON, "steps": 4, "file": "Hyper-FLUX.1-dev-8steps-lora"}])
    sigmas = flow_sigmas(4, 0.5, 3.0)
    assert flux.network.timesteps == pytest.approx((sigmas[:-1] * 1000).tolist(), abs=1e-2)
    start = host_start = flux.image(p) * (1 - sigmas[0]) + Rng([1]).next() * sigmas[0]
    model = p.sampler.model_wrap
    assert relative_rms(latents, sample_ddim(model, host_start, sigmas, disable=True)) < 1e-5 and start is host_start


def test_a_schedule_that_is_none_of_ours_is_a_sentence(host):
    from lib_hypersd.webui import schedules

    with pytest.raises(ValueError, match="“Karras” is none of Hyper-SD's schedules"):
        schedules.compute_sigmas("Karras", 4, 0.03, 14.6, denoiser(Network()), "cpu")


def test_a_schedule_for_flux_is_only_where_flux_is(host, script, flux):
    assert "By image size" not in host.sd_schedulers.schedulers_map
    flux.load_script()
    assert "By image size" in flux.sd_schedulers.schedulers_map
    flux.load("tiny", is_sd1=True)
    p = Processing(flux, sampler_name="TCD", scheduler="By image size")
    with pytest.raises(ValueError, match="is for FLUX; choose another"):
        flux.process_images(p, flux.load_script())


@pytest.mark.parametrize(
    ("panel", "sampler", "timesteps"),
    [
        ({"steps": 4}, "DDIM-Trailing", trailing_timesteps(4)),
        ({"variant": "unified", "steps": 4}, "TCD", tcd_timesteps(4)),
        ({"steps": 4, "schedule": "Start at 800"}, "DDIM-Trailing", start_timesteps(4)),
    ],
)
def test_without_schedules_our_samplers_have_their_own(classic, panel, sampler, timesteps):
    script = classic.load_script()
    p = Processing(classic)
    classic.process_images(p, script, [{**ON, **panel}])
    assert p.sampler_name == sampler and recorded(classic) == timesteps
    classic.process_images(p, script, [False])
    assert p.scheduler is None


def test_without_schedules_our_samplers_work_by_themselves(classic):
    script = classic.load_script()
    for sampler, timesteps in (("TCD", tcd_timesteps(4)), ("DDIM-Trailing", trailing_timesteps(4))):
        p = Processing(classic, sampler_name=sampler, steps=4)
        classic.process_images(p, script)
        assert recorded(classic) == timesteps
    p = Processing(classic, sampler_name="TCD", steps=4, img2img=True, denoising_strength=0.5)
    classic.process_images(p, script)
    assert recorded(classic) == tcd_timesteps(4, 0.5)


def test_without_schedules_another_sampler_is_refused(classic):
    p = Processing(classic)
    classic.process_images(p, classic.load_script(), [{**ON, "sampler": "Euler"}])
    assert "This WebUI has no schedule “Trailing” for the sampler “Euler”." in list(p.comments)[0]
