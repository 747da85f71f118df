"""A control image beside diffusers' own ControlNet pipelines, the forms that a ControlNet comes in, and refusals."""

import base64
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import diffusers
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_hypersd.download.downloads import Downloads
from lib_hypersd.live.redraw import Redraw
from lib_hypersd.playground.control import ControlNet
from lib_hypersd.playground.errors import RefusedJob, Unloadable
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.generate_tab import job_of as job_of_tab
from lib_hypersd.playground.job import read_job
from lib_hypersd.playground.live_tab import job_of as job_of_redraw
from lib_hypersd.playground.page import Page
from tests.live.make_models import control, write
from tests.playground import models
from tests.playground.models import relative_rms
from tests.playground.pictures import Watched, job_of, latents, noise_of
from tools.tiny.control import control_key

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BOUND = 1e-5
DRAWING = Image.linear_gradient("L").resize((100, 60)).convert("RGB")


def controlled(playground, path):
    """The same playground, with the ControlNet at this path."""
    return Playground(playground.pipeline, playground.loras, playground.catalog, path)


def follow(weight=0.7, **values):
    return replace(job_of(**values), control=DRAWING, control_weight=weight)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A ControlNet of random weights for SD1.5, in the original layout."""
    path = tmp_path_factory.mktemp("controlnet") / "random.safetensors"
    write(path, control(models.TINY_SD15), torch.float16)
    return path


@pytest.fixture(scope="module")
def with_control(playground, path):
    return controlled(playground, path)


def pipeline_of(playground, kind, **options):
    """diffusers' pipeline over the playground's networks."""
    parts = dict(playground.pipeline.pipe.components)
    parts["scheduler"] = diffusers.DDIMScheduler(
        **BETAS, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True
    )
    return kind(**parts, controlnet=playground.controlnet.load(), **options)


def theirs(pipe, job, steps, cfg):
    pipe.set_progress_bar_config(disable=True)
    noise = noise_of(job, torch.Generator().manual_seed(job.seed))
    return pipe(
        job.prompt, image=job.control, controlnet_conditioning_scale=job.control_weight, num_inference_steps=steps,
        negative_prompt=job.negative or None, guidance_scale=cfg, latents=noise, height=64, width=64,
        output_type="latent",
    ).images  # fmt: skip


@pytest.mark.parametrize(
    ("values", "steps", "cfg"),
    [({"steps": 2}, 2, 1.0), ({"variant": "cfg", "negative": "a dog", "cfg": 4.5}, 8, 4.5)],
)
def test_sd15_is_diffusers_own(with_control, values, steps, cfg):
    job = follow(**values)
    with Watched(with_control, with_control.controlnet.load()) as watched:
        ours = latents(with_control, job)  # which also puts the LoRA on
    assert watched.rows == [2 if cfg > 1 else 1] * steps and len(set(watched.timesteps)) == steps
    pipe = pipeline_of(with_control, diffusers.StableDiffusionControlNetPipeline, requires_safety_checker=False)
    assert relative_rms(ours, theirs(pipe, job, steps, cfg)) <= BOUND


def test_sdxl_is_diffusers_own(tmp_path):
    write(tmp_path / "control.safetensors", control(models.TINY_SDXL), torch.float16)
    plain = models.playground_of(models.write_sdxl(tmp_path / "xl.safetensors"))
    playground = controlled(plain, tmp_path / "control.safetensors")
    job = follow(base=True, steps=2, cfg=4)
    ours = latents(playground, job)
    pipe = pipeline_of(playground, diffusers.StableDiffusionXLControlNetPipeline, add_watermarker=False)
    assert relative_rms(ours, theirs(pipe, job, 2, 4)) <= BOUND
    assert relative_rms(ours, latents(plain, replace(job, control=None))) > 1e-3
    first = "control_model.label_emb.0.0.weight"
    assert torch.equal(
        playground.controlnet.load().add_embedding.linear_1.weight,
        load_file(tmp_path / "control.safetensors")[first].float(),
    )


def test_it_is_the_same_in_every_form(with_control, path, tmp_path):
    network = with_control.controlnet.load()
    state = network.state_dict()
    original = load_file(path)
    assert all(torch.equal(tensor, original[control_key(key)].float()) for key, tensor in state.items())
    network.save_pretrained(tmp_path / "folder")
    bare = {key.removeprefix("control_model."): tensor for key, tensor in original.items()}
    save_file(bare, tmp_path / "bare.safetensors")
    for other in ("folder", "folder/diffusion_pytorch_model.safetensors", "bare.safetensors"):
        again = ControlNet(tmp_path / other, with_control.pipeline).load().state_dict()
        assert again.keys() == state.keys() and all(torch.equal(again[key], state[key]) for key in state), other


def test_the_weight_shows_and_0_is_none_to_the_bit(with_control, playground):
    none = latents(playground, job_of(steps=4))
    with Watched(with_control, with_control.controlnet.load()) as watched:
        assert torch.equal(latents(with_control, follow(0, steps=4)), none)
    assert watched.rows == [], "nor is it asked"
    half, whole = (latents(with_control, follow(weight, steps=4)) for weight in (0.5, 1))
    assert relative_rms(half, none) > 1e-3 and relative_rms(whole, half) > 1e-3


def test_the_image_is_what_is_followed(with_control):
    job = follow(steps=1)
    other = replace(job, control=Image.new("RGB", (64, 64)))
    assert relative_rms(latents(with_control, job), latents(with_control, other)) > 1e-3


def test_the_infotext_names_it(with_control):
    entry = ', ControlNet 0: "Module: none, Model: random, Weight: 0.7", '
    assert entry in with_control.run(follow(steps=1)).infotext
    assert "ControlNet" not in with_control.run(follow(0, steps=1)).infotext


@pytest.mark.parametrize("weight", [-0.1, 2.1, "much"])
def test_a_weight_lies_between_0_and_2(weight):
    assert read_job({"prompt": "a", "control_weight": weight})[1] == [
        f"“control_weight” must be a number from 0 to 2, not '{weight}'."
    ]


def test_without_a_controlnet_a_control_image_is_refused(playground):
    with pytest.raises(RefusedJob, match="no ControlNet to follow the control image with; give one with --controlnet"):
        playground.run(follow(steps=1))


def index(folder, name):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_class_name": name}))
    return folder


def zeros(path, shapes):
    save_file({key: torch.zeros(shape) for key, shape in shapes.items()}, path)
    return path


def test_what_is_no_controlnet_for_the_model_is_refused(playground, folder, tmp_path):
    (tmp_path / "text.safetensors").write_text("no header here")
    shapes = control(models.TINY_SD15)
    union = zeros(tmp_path / "union.safetensors", shapes | {"control_model.task_embedding": (6, 32)})
    lacking = zeros(tmp_path / "lacking.safetensors", dict(list(shapes.items())[:-1]))
    wider = zeros(tmp_path / "wider.safetensors", shapes | {"control_model.zero_convs.0.0.weight": (64, 64, 1, 1)})
    xl = zeros(tmp_path / "xl.safetensors", control(models.TINY_SDXL))
    for path, message in (
        (tmp_path / "no.safetensors", "no.safetensors does not exist."),
        (tmp_path / "text.safetensors", "A ControlNet is a safetensors file, or a folder of diffusers."),
        (folder / "sd15.safetensors", "sd15.safetensors holds no ControlNet."),
        (folder, f"{folder.name} is no folder of a ControlNet, as diffusers saves one."),
        (index(tmp_path / "union", "ControlNetUnionModel"), "union is no folder of a ControlNet, as"),
        (union, "union.safetensors is no plain ControlNet for sd15: it has 341 tensors, where one has 340."),
        (lacking, "lacking.safetensors is no plain ControlNet for sd15: it has 339 tensors, where one has 340."),
        (wider, "wider.safetensors could not be loaded ("),
        (xl, "xl.safetensors is a ControlNet for SDXL, which reads prompts encoded 2048 wide; those of sd15 are 64 wide."),
    ):  # fmt: skip
        with pytest.raises(Unloadable) as refused:
            ControlNet(path, playground.pipeline).load()
        assert message in str(refused.value)
    flow = SimpleNamespace(pipe=SimpleNamespace(components={"transformer": None}), model=SimpleNamespace(name="sd3"))
    with pytest.raises(Unloadable, match=r"sd3 takes no ControlNet here: those for SD1\.5 and"):
        ControlNet(xl, flow).load()


def test_the_page_takes_a_drawing_where_there_is_a_controlnet(playground, with_control, tmp_path):
    downloads = Downloads(lambda: None, lambda recipe: tmp_path, catalog=lambda: playground.catalog)
    shown = [
        any(getattr(block, "elem_id", None) == "hypersd_control" for block in Page(one, tmp_path, downloads).blocks.blocks.values())
        for one in (playground, with_control)
    ]  # fmt: skip
    assert shown == [False, True]
    own = {"own_steps": 20, "own_cfg": 7, "own_sampler": "TCD", "own_schedule": "TCD"}
    values = {"prompt": "a", "enabled": True, "init": None, "control_weight": 0.3, **own}
    job = job_of_tab(values | {"control": DRAWING})
    assert (job.control, job.control_weight) == (DRAWING, 0.3) and job_of_tab(values).control is None


def test_on_the_live_page_a_scribble_is_followed_or_started_from(with_control):
    drawing = io.BytesIO()
    DRAWING.save(drawing, "PNG")
    redraw = Redraw(
        "a red cat", seed=5, width=64, height=64, steps=2, control_weight=0.7,
        drawing="data:image/png;base64," + base64.b64encode(drawing.getvalue()).decode(),
    )  # fmt: skip
    started, followed = job_of_redraw(redraw), job_of_redraw(replace(redraw, control=with_control.controlnet.name))
    assert started.init and not started.is_controlled and not followed.init
    image = with_control.run(followed).image
    assert image.tobytes() == with_control.run(follow(0.7, steps=2, width=64, height=64)).image.tobytes()
    assert not job_of_redraw(replace(redraw, control="some", drawing=None)).is_controlled
