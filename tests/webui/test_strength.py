"""Images that start at exactly their strength, and the second pass."""

import pytest
import torch

from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd
from lib_hypersd.sampling.schedules import (
    TIMESTEPS,
    sigmas_at,
    tcd_timesteps,
    trailing_timesteps,
)
from tests.double import Processing, Rng
from tests.networks import Network, denoiser, relative_rms
from tests.webui.common import ON, recorded


@pytest.mark.parametrize("strength", [0.2, 0.35, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize(("steps", "variant"), [(1, None), (2, None), (4, None), (8, None), (4, "unified")])
def test_an_image_starts_at_its_strength_and_takes_all_steps(host, script, strength, steps, variant):
    p = Processing(host, img2img=True, denoising_strength=strength)
    latents = host.process_images(p, script, [{**ON, "steps": steps, "variant": variant, "eta": 0.3}])
    schedule, ours = ("TCD", sample_tcd) if p.sampler_name == "TCD" else ("Trailing", sample_ddim)
    timesteps = TIMESTEPS[schedule](steps, strength, 1000)
    assert recorded(host) == timesteps and p.extra_generation_params["Exact strength"] is True
    assert p.extra_generation_params["Schedule type"] == schedule and p.steps == steps

    model, rng = denoiser(Network(torch.float32)), Rng([1])
    sigmas = sigmas_at(timesteps, model.sigmas)
    start = host.image(p) + rng.next() * sigmas[0]
    expected = ours(model, start, sigmas, {"cond": None}, None, True, 0.3, lambda *_: rng.next())
    assert relative_rms(latents, expected) < 1e-5


def test_strength_0_gives_the_image_back(host, script):
    for args in ([{**ON, "steps": 4}], [False]):
        p = Processing(host, img2img=True, denoising_strength=0.0, sampler_name="TCD")
        assert torch.equal(host.process_images(p, script, args), host.image(p)) and not recorded(host)


def test_the_switch_brings_the_hosts_own_arithmetic_back(host, script):
    host.shared.opts.data["hypersd_exact_strength"] = False
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert recorded(host) == [749, 499, 249] and p.extra_generation_params["Exact strength"] is False


def test_our_samplers_are_exact_without_the_panel_and_others_never_are(host, script):
    p = Processing(host, img2img=True, denoising_strength=0.5, sampler_name="TCD", scheduler="Automatic", steps=4)
    host.process_images(p, script)
    assert recorded(host) == tcd_timesteps(4, 0.5)
    p = Processing(host, img2img=True, denoising_strength=0.5, sampler_name="Euler", scheduler="Trailing", steps=4)
    host.process_images(p, script)
    assert recorded(host) == [749, 499, 249] and "Exact strength" not in p.extra_generation_params


@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
def test_a_sampler_of_the_users_is_exact_within_a_request_of_ours(host, script, sampler):
    p = Processing(host, img2img=True, denoising_strength=0.6)
    host.process_images(p, script, [{**ON, "steps": 4, "sampler": sampler}])
    assert recorded(host) == TIMESTEPS["Trailing"](4, 0.6, 1000)


def test_a_schedule_that_is_not_ours_keeps_its_levels_and_gets_all_steps(host, script):
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4, "schedule": "Simple"}])
    assert recorded(host) == [499, 374, 249, 124], "the last 4 of 8"


def test_an_option_that_drops_a_timestep_does_not_reach_an_image_either(host, script):
    host.shared.opts.data["always_discard_next_to_last_sigma"] = True
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4, "sampler": "Euler"}])
    assert recorded(host) == TIMESTEPS["Trailing"](4, 0.5, 1000)


def test_a_failure_leaves_the_sampler_as_it_was(host, script):
    host.failure = RuntimeError("out of memory")
    p = Processing(host, img2img=True, denoising_strength=0.5)
    with pytest.raises(RuntimeError):
        host.process_images(p, script, [{**ON, "steps": 4}])
    assert "get_sigmas" not in vars(p.sampler)


def test_the_second_pass_has_its_own_steps_and_means_its_strength(host, script):
    p = Processing(host, enable_hr=True, hr_second_pass_steps=2, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
    assert recorded(host) == tcd_timesteps(4) + tcd_timesteps(2, 0.5)
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert recorded(host) == trailing_timesteps(4) + TIMESTEPS["Trailing"](4, 0.5, 1000), "0 steps: as the first"
    p = Processing(host, enable_hr=True, hr_second_pass_steps=15, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert len(recorded(host)) == 8 and "the second pass takes as many as the first" in list(p.comments)[0]


def test_the_hosts_axis_of_the_second_pass_varies(host, script):
    host.xyz.axis_options.append(type(host.xyz.axis_options[0])("Hires steps", int, None))
    host.xyz.axis_options[-1].apply = lambda p, x, xs: setattr(p, "hr_second_pass_steps", x)
    script = host.load_script()
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    for steps in (3, 1):
        cell = host.cell(p, ("Hires steps", steps))
        host.process_images(cell, script, [{**ON, "steps": 4}])
        assert len(recorded(host)) == 4 + steps
        assert list(cell.comments)[-1].endswith("set for the second pass, and this is made for 4 steps.")


def test_a_second_cfg_comes_from_the_plan_and_goes_back(forge):
    script = forge.load_script()
    p = Processing(forge, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    forge.process_images(p, script, [{**ON, "steps": 4}])
    assert p.hr_cfg == 1.0 and p.hr_distilled_cfg == 3.5 and len(recorded(forge)) == 8
    forge.process_images(p, script, [False])
    assert p.hr_cfg == 7.0


def test_a_sampler_that_the_user_has_set_for_the_second_pass_stays_and_is_said(host, script):
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="", hr_sampler_name="Euler a")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert len(recorded(host)) == 8
    assert list(p.comments) == ["Euler a is set for the second pass, and this is made for DDIM-Trailing."]
