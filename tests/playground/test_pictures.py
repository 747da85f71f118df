"""The playground's pictures beside plain loops over diffusers' own schedulers, on the same networks."""

import json
import threading
from dataclasses import replace

import diffusers
import pytest
import torch
from PIL import Image

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.files.header import read_header
from lib_hypersd.playground import layout
from lib_hypersd.playground.errors import RefusedJob, Unloadable
from lib_hypersd.playground.generate import Interrupted, encode_image
from lib_hypersd.playground.job import Job, Own, read_job
from lib_hypersd.playground.models import Loras
from lib_hypersd.playground.networks import patches
from lib_hypersd.recipes import catalog
from lib_hypersd.recipes.settings import Settings
from tests.playground import models
from tests.playground.models import relative_rms
from tools.tiny import model

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BOUND = 1e-4
NEVER, NOWHERE = (lambda: False), (lambda step, steps: None)


def job_of(**values) -> Job:
    job, problems, comments = read_job({"prompt": "a red cat", "seed": 5, **values})
    assert not problems and not comments
    return job


def latents(playground, job, plan=None):
    with torch.inference_mode():
        return playground.latents(job, plan or playground.plan(job), NOWHERE, NEVER)


class Watched:
    """Counts what the network is asked: the rows and the timestep of each evaluation."""

    def __init__(self, playground):
        self.network, self.rows, self.timesteps = playground.loaded.network, [], []

    def __enter__(self):
        self.hook = self.network.register_forward_pre_hook(self.note, with_kwargs=True)
        return self

    def __exit__(self, *error):
        self.hook.remove()

    def note(self, network, args, kwargs):
        self.rows.append(len(args[0]))
        self.timesteps.append(round(kwargs["timestep"][0].item(), 3))


def noise_of(job, generator, channels=4):
    return torch.randn((1, channels, 8, 8), generator=generator)


def predict(playground, prompts, cfg):
    """diffusers' way to ask an SD1.5's network, with guidance."""
    pipe = playground.loaded.pipe
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
    assert playground.loaded.size == (64, 96)
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


def test_a_small_networks_sizes_are_read_from_its_file(tmp_path):
    layout.write_config(tmp_path, read_header(embedded_checkpoint()), "sd15")
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    assert {name: config[name] for name in model.UNET} == json.loads(json.dumps(model.UNET))


def test_without_hyper_sd_it_is_diffusers_own_as_well(playground):
    job = job_of(base=True, steps=3, cfg=4, sampler="TCD", schedule="TCD", eta=0.3)
    ours = latents(playground, job)
    scheduler = diffusers.TCDScheduler(**BETAS)
    scheduler.set_timesteps(3)
    generator = torch.Generator().manual_seed(job.seed)
    network = predict(playground, ["", job.prompt], 4)
    theirs = diffusers_loop(scheduler, network, noise_of(job, generator), generator, eta=0.3)
    assert relative_rms(ours, theirs) <= BOUND and "Eta TCD: 0.3" in playground.infotext(job, playground.plan(job))


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
        start = encode_image(playground.loaded, image, 64, 64)
    x = scheduler.add_noise(start, noise_of(job, generator), scheduler.timesteps[:1])
    theirs = diffusers_loop(scheduler, predict(playground, [job.prompt], 1), x, generator, eta=0.3)
    assert relative_rms(ours, theirs) <= BOUND


def test_at_strength_0_the_image_stays_as_it_is(playground):
    image = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    with Watched(playground) as watched:
        ours = latents(playground, replace(job_of(steps=4, strength=0), init=image))
    with torch.inference_mode():
        assert relative_rms(ours, encode_image(playground.loaded, image, 64, 64)) <= BOUND and watched.rows == []


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({"steps": 1}, [1]),
        ({"steps": 4}, [1] * 4),
        ({"variant": "cfg"}, [2] * 8),
        ({"base": True, "steps": 5}, [2] * 5),
        ({"base": True, "steps": 3, "cfg": 1}, [1] * 3),
    ],
)
def test_as_many_evaluations_as_steps_and_half_of_each_at_cfg_1(playground, values, rows):
    with Watched(playground) as watched:
        picture = playground.run(job_of(**values))
    assert watched.rows == rows and picture.image.size == (64, 64)


def test_with_hyper_sd_off_no_lora_is_left_on_the_model(playground):
    off = job_of(base=True, steps=2)
    with_lora = latents(playground, job_of(variant="unified", steps=2))
    without = latents(playground, off)
    fresh = models.playground_of(playground.loras.paths[0].parent / "sd15.safetensors")
    assert torch.equal(without, latents(fresh, off)) and relative_rms(with_lora, without) > 0.01
    assert torch.equal(with_lora, latents(playground, job_of(variant="unified", steps=2))), "and it is back as it was"


def test_weights_are_the_plans(playground):
    whole, half, none = (latents(playground, job_of(steps=4, weight=weight)) for weight in (1, 0.5, 0))
    assert relative_rms(whole, half) > 1e-3 and relative_rms(half, none) > 1e-3
    off = job_of(base=True, steps=4, cfg=1)
    assert relative_rms(none, latents(playground, off)) <= BOUND


def test_a_lora_of_the_users_own_counts_beside_the_plans(playground, tmp_path):
    from tests import loras

    style = models.write_lora(tmp_path / "style.safetensors", loras.unet(**models.UNET))
    with_style = models.playground_of(
        playground.loras.paths[0].parent / "sd15.safetensors", *playground.loras.paths, style
    )
    job = job_of(prompt="a red cat <lora:style:0.7>", steps=4)
    assert "<lora:style:0.7>" in with_style.run(job).infotext
    assert set(with_style.loaded.pipe.get_active_adapters()) == {"lora1", "lora2"}
    assert relative_rms(latents(with_style, job), latents(playground, job_of(steps=4))) > 1e-3
    with pytest.raises(RefusedJob, match="no LoRA called style"):
        playground.run(job)


def test_a_lora_that_fits_nothing_takes_all_of_them_off(tmp_path, folder):
    wrong = models.write_lora(tmp_path / "style.safetensors", {"no.such.layer.to_q": (32, 32)})
    other = models.playground_of(folder / "sd15.safetensors", folder / "loras", wrong)
    with pytest.raises(Unloadable, match="style could not be put on sd15"):
        other.run(job_of(prompt="a cat <lora:style:1>", steps=4))
    assert other.loaded.on_it == {}


def test_a_few_step_lora_that_fits_nothing_is_refused_before_it_is_loaded(tmp_path, folder):
    wrong = models.write_lora(tmp_path / "Hyper-SD15-4steps-lora.safetensors", {"no.such.layer.to_q": (32, 32)})
    other = models.playground_of(folder / "sd15.safetensors", wrong)
    with pytest.raises(RefusedJob, match="Only 0 of 1 layers of Hyper-SD15-4steps-lora have a place in sd15"):
        other.run(job_of(steps=4))


def test_interrupted_it_stops_at_the_next_step(playground):
    done = []
    with Watched(playground) as watched, pytest.raises(Interrupted):
        playground.run(job_of(steps=4), lambda *step: done.append(step), lambda: len(done) == 2)
    assert done == [(1, 4), (2, 4)] and len(watched.rows) == 2


def test_one_picture_at_a_time_whoever_asks(playground):
    alone = playground.run(job_of(steps=2)).image.tobytes()
    together = []
    threads = [
        threading.Thread(target=lambda v=v: together.append((v, playground.run(job_of(**v)).image.tobytes())))
        for v in ({"steps": 2}, {"variant": "cfg"}, {"steps": 2}, {"base": True, "steps": 3})
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [image for values, image in together if values == {"steps": 2}] == [alone, alone]


def test_the_infotext_is_the_hosts(playground):
    job = job_of(prompt="a cat: red, big", negative="a\ndog", steps=4, weight=0.8)
    assert playground.run(job).infotext == (
        "<lora:Hyper-SD15-4steps-lora:0.8> a cat: red, big\nNegative prompt: a\ndog\n"
        "Steps: 4, Sampler: DDIM-Trailing, Schedule type: Trailing, CFG scale: 1, Seed: 5, Size: 64x64, Model: sd15, "
        "Eta DDIM: 0.0, Hyper-SD: hyper-sd15-4steps, Hyper-SD steps: 4, Hyper-SD weight: 0.8"
    )


def test_what_the_playground_does_not_have_is_named(playground):
    for own, said in (
        (Own(sampler="DPM++ 2M"), "no sampler “DPM\\+\\+ 2M”; it has TCD, DDIM-Trailing, Euler, LCM."),
        (Own(schedule="Karras"), "no schedule “Karras” for this model; it has Trailing, TCD, Start at 800."),
    ):
        with pytest.raises(RefusedJob, match=said):
            playground.run(Job("a cat", settings=Settings(enabled=False), own=own))


def test_a_prompt_that_is_too_long_is_said(playground):
    job = job_of(prompt="red " * 100)
    assert playground.warnings(job, playground.plan(job)) == [
        "The end of the prompt is not read: it is too long for this model."
    ]


@pytest.mark.parametrize("values", [{"steps": 4}, {"variant": "cfg", "negative": "a dog"}])
def test_in_half_precision_it_is_the_same_picture(playground, folder, monkeypatch, values):
    """As on a GPU; on a CPU networks of this precision are slow, and do compute."""
    monkeypatch.setattr("lib_hypersd.playground.models.dtype_for", lambda device, family: torch.bfloat16)
    half = models.playground_of(folder / "sd15.safetensors", *playground.loras.paths)
    assert half.loaded.dtype == torch.bfloat16 and half.run(job_of(**values)).image.size == (64, 64)
    difference = relative_rms(latents(half, job_of(**values)), latents(playground, job_of(**values)))
    assert 0 < difference < 0.05


def test_a_renamed_lora_is_told_by_its_hash(folder, tmp_path):
    import hashlib
    import shutil

    path = shutil.copy(folder / "loras" / "Hyper-SD15-4steps-lora.safetensors", tmp_path / "renamed.safetensors")
    own = tmp_path / "own.json"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    own.write_text(json.dumps([{"id": "hyper-sd15-8steps", "bytes": path.stat().st_size, "sha256": sha256}]))
    (file,) = Loras([path]).files(catalog.load_catalog(own), None)
    assert file.name == "renamed" and file.recipe.id == "hyper-sd15-8steps"


def test_a_suffix_in_capitals_makes_no_pickle_of_a_file(playground, folder, tmp_path):
    """diffusers would take it for one."""
    checkpoint = tmp_path / "sd15.SAFETENSORS"
    checkpoint.symlink_to(folder / "sd15.safetensors")
    lora = tmp_path / "Hyper-SD15-4steps-lora.SAFETENSORS"
    lora.symlink_to(folder / "loras" / "Hyper-SD15-4steps-lora.safetensors")
    made = models.playground_of(checkpoint, lora).run(job_of(steps=4))
    assert made.image.tobytes() == playground.run(job_of(steps=4)).image.tobytes()


def test_sdxl_from_one_file(tmp_path):
    playground = models.playground_of(models.write_sdxl(tmp_path / "xl.safetensors"))
    assert playground.loaded.model.family == "sdxl" and playground.loaded.size == (64, 64)
    job = job_of(base=True, steps=2, cfg=4)
    ours = latents(playground, job)
    pipe = playground.loaded.pipe
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

    pipe, times = playground.loaded.pipe, torch.linspace(1, 1 / plan.steps, plan.steps).tolist()
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
            theirs = pipe(job.prompt, guidance_scale=plan.distilled_cfg, latents=patches(noise), **options).images
            ours = patches(ours)
    assert relative_rms(ours, theirs) <= BOUND
