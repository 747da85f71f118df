"""The playground's pictures beside plain loops over diffusers' own schedulers, on the same networks."""

from dataclasses import replace

import diffusers
import pytest
import torch
from PIL import Image

from lib_hypersd.playground.networks import pack_latents
from tests.playground import models
from tests.playground.models import relative_rms
from tests.playground.pictures import BOUND, Watched, job_of, latents, noise_of

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def predict(playground, prompts, cfg):
    """diffusers' way to ask an SD1.5's network, with guidance."""
    pipe = playground.pipeline.pipe
    words = torch.cat([pipe.encode_prompt(prompt, "cpu", 1, False)[0] for prompt in prompts])

    def network(x, t):
        answer = pipe.unet(torch.cat([x] * len(prompts)), t, encoder_hidden_states=words).sample
        if len(prompts) == 1:
            return answer
        negative, positive = answer.chunk(2)
        return negative + cfg * (positive - negative)

    return network


def diffusers_loop(scheduler, network, x, generator, **options):
    """The last predicted x0 of a loop over a scheduler; which ends at timestep 0 and leaves a little noise in x."""
    with torch.inference_mode():
        for t in scheduler.timesteps:
            answer = network(x, t)
            kept = scheduler.alphas_cumprod[t]
            if scheduler.config.prediction_type == "v_prediction":
                x0 = kept.sqrt() * x - (1 - kept).sqrt() * answer
            else:
                x0 = (x - (1 - kept).sqrt() * answer) / kept.sqrt()
            x = scheduler.step(answer, t, x, generator=generator, **options).prev_sample
    return x0


@pytest.mark.parametrize(
    ("values", "steps", "eta"),
    [({"steps": 1}, 1, 1.0), ({"steps": 3}, 3, 1.0), ({"variant": "unified", "steps": 4, "eta": 0.3}, 4, 0.3)],
)
def test_tcd_is_diffusers_own(playground, values, steps, eta):
    job = job_of(**values)
    ours = latents(playground, job)  # which also puts the LoRA on
    scheduler = diffusers.TCDScheduler(**BETAS)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(job.seed)
    network = predict(playground, [job.prompt], 1)
    theirs = diffusers_loop(scheduler, network, noise_of(job, generator), generator, eta=eta)
    assert relative_rms(ours, theirs) <= BOUND


@pytest.mark.parametrize(
    ("values", "steps", "prompts", "cfg"),
    [
        ({"steps": 2}, 2, ["a red cat"], 1.0),
        ({"steps": 4}, 4, ["a red cat"], 1.0),
        ({"variant": "cfg", "negative": "a dog", "cfg": 4.5}, 8, ["a dog", "a red cat"], 4.5),
    ],
)
def test_ddim_trailing_is_diffusers_own(playground, values, steps, prompts, cfg):
    job = job_of(**values)
    ours = latents(playground, job)
    scheduler = diffusers.DDIMScheduler(**BETAS, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(job.seed)
    theirs = diffusers_loop(scheduler, predict(playground, prompts, cfg), noise_of(job, generator), generator)
    assert relative_rms(ours, theirs) <= BOUND


def test_a_model_that_predicts_v(tmp_path):
    metadata = {"modelspec.prediction_type": "v", "modelspec.resolution": "64x96"}
    playground = models.playground_of(models.write_sd15(tmp_path, metadata) / "sd15.safetensors", tmp_path / "loras")
    assert playground.pipeline.size == (64, 96)
    job = job_of(steps=4, height=64)
    assert any("predicts v" in warning for warning in playground.plan(job).warnings)
    ours = latents(playground, job)
    scheduler = diffusers.DDIMScheduler(
        **BETAS, timestep_spacing="trailing", clip_sample=False, prediction_type="v_prediction"
    )
    scheduler.set_timesteps(4)
    generator = torch.Generator().manual_seed(job.seed)
    theirs = diffusers_loop(scheduler, predict(playground, [job.prompt], 1), noise_of(job, generator), generator)
    assert relative_rms(ours, theirs) <= BOUND


def test_without_hyper_sd_it_is_diffusers_own_as_well(playground):
    job = job_of(base=True, steps=3, cfg=4, sampler="TCD", schedule="TCD", eta=0.3)
    ours = latents(playground, job)
    scheduler = diffusers.TCDScheduler(**BETAS)
    scheduler.set_timesteps(3)
    generator = torch.Generator().manual_seed(job.seed)
    network = predict(playground, ["", job.prompt], 4)
    theirs = diffusers_loop(scheduler, network, noise_of(job, generator), generator, eta=0.3)
    assert relative_rms(ours, theirs) <= BOUND and "Eta TCD: 0.3" in playground.run(job).infotext


@pytest.mark.parametrize("strength", [0.35, 0.6])
def test_from_an_image_it_starts_at_exactly_the_strength(playground, strength):
    image = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    job = replace(job_of(variant="unified", steps=4, eta=0.3, strength=strength), init=image)
    with Watched(playground) as watched:
        ours = latents(playground, job)
    scheduler = diffusers.TCDScheduler(**BETAS)
    scheduler.set_timesteps(4, strength=strength)
    assert watched.timesteps == scheduler.timesteps.tolist() and watched.rows == [1] * 4
    generator = torch.Generator().manual_seed(job.seed)
    with torch.inference_mode():
        start = playground.pipeline.encode_image(image, 64, 64)
    x = scheduler.add_noise(start, noise_of(job, generator), scheduler.timesteps[:1])
    theirs = diffusers_loop(scheduler, predict(playground, [job.prompt], 1), x, generator, eta=0.3)
    assert relative_rms(ours, theirs) <= BOUND


def test_at_strength_0_the_image_stays_as_it_is(playground):
    image = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    with Watched(playground) as watched:
        ours = latents(playground, replace(job_of(steps=4, strength=0), init=image))
    with torch.inference_mode():
        assert relative_rms(ours, playground.pipeline.encode_image(image, 64, 64)) <= BOUND and watched.rows == []


def test_sdxl_from_one_file(tmp_path):
    playground = models.playground_of(models.write_sdxl(tmp_path / "xl.safetensors"))
    assert playground.pipeline.model.family == "sdxl" and playground.pipeline.size == (64, 64)
    job = job_of(base=True, steps=2, cfg=4)
    ours = latents(playground, job)
    pipe = playground.pipeline.pipe
    pipe.scheduler = diffusers.DDIMScheduler(
        **BETAS, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True
    )
    noise = noise_of(job, torch.Generator().manual_seed(job.seed))
    options = {"num_inference_steps": 2, "guidance_scale": 4, "latents": noise, "output_type": "latent"}
    theirs = pipe(job.prompt, height=64, width=64, **options).images
    assert relative_rms(ours, theirs) <= BOUND, "its own pipeline makes the same"


@pytest.mark.parametrize(("family", "schedule"), [("sd3", "Simple"), ("flux", "Simple"), ("flux", "By image size")])
def test_flow_models_from_a_folder(tmp_path, family, schedule):
    path = models.write_flow(tmp_path, family)
    loras = [r for r in models.published().recipes if r.family == family and r.file and r.maker == models.HYPER_SD]
    network = {"transformer_blocks.0.attn.to_q": (32, 32), "transformer_blocks.0.attn.to_k": (32, 32)}
    file = models.write_lora(tmp_path / "loras" / loras[0].file, network, "peft")
    playground = models.playground_of(path, file)
    job = job_of(width=64, height=64, schedule=schedule, negative="a dog")
    plan = playground.plan(job)
    assert plan.problem is None and plan.sampler == "Euler"
    with Watched(playground) as watched:
        ours = latents(playground, job)
    assert len(watched.rows) == plan.steps and set(watched.rows) == {2 if plan.cfg > 1 else 1}

    pipe, times = playground.pipeline.pipe, torch.linspace(1, 1 / plan.steps, plan.steps).tolist()
    noise = noise_of(job, torch.Generator().manual_seed(job.seed), 16)
    options = {"height": 64, "width": 64, "output_type": "latent", "sigmas": times, "num_inference_steps": plan.steps}
    with torch.inference_mode():
        if family == "sd3":
            theirs = pipe(
                job.prompt, negative_prompt=job.negative, guidance_scale=plan.cfg, latents=noise, **options
            ).images
        else:
            if schedule == "Simple":  # as for an image of 1024×1024
                pipe.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=2.718281828459045**1.15)
                pipe.scheduler.register_to_config(use_dynamic_shifting=False)
            theirs = pipe(job.prompt, guidance_scale=plan.distilled_cfg, latents=pack_latents(noise), **options).images
            ours = pack_latents(ours)
    assert relative_rms(ours, theirs) <= BOUND


def test_flux_schnell_takes_no_guidance(tmp_path):
    playground = models.playground_of(models.write_flow(tmp_path, "flux-schnell"))
    job = job_of(base=True, steps=2, cfg=1, sampler="Euler", schedule="Simple", width=64, height=64)
    assert playground.plan(job).family == "flux-schnell" and playground.run(job).image.size == (64, 64)
