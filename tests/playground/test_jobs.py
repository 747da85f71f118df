"""Jobs as they are carried out: how often the network is evaluated, interrupts, threads, the infotext, refusals."""

import json
import threading

import pytest
import torch

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.files.header import read_header
from lib_hypersd.playground import layout
from lib_hypersd.playground.errors import RefusedJob
from lib_hypersd.playground.generate import Interrupted
from lib_hypersd.playground.job import Job, Own
from lib_hypersd.recipes.settings import Settings
from tests.playground import models
from tests.playground.models import relative_rms
from tests.playground.pictures import Watched, job_of, latents
from tools.tiny import model


def test_a_small_networks_sizes_are_read_from_its_file(tmp_path):
    layout.write_config(tmp_path, read_header(embedded_checkpoint()), "sd15")
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    assert {name: config[name] for name in model.UNET} == json.loads(json.dumps(model.UNET))


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


def test_where_the_time_went_is_told_by_its_parts(playground):
    times = playground.run(job_of(steps=2)).times
    assert list(times) == ["plan", "LoRA", "text", "start image", "network", "decoder", "playground"]
    assert min(times.values()) > 0


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
    for own, message in (
        (Own(sampler="DPM++ 2M"), "no sampler “DPM\\+\\+ 2M”; it has TCD, DDIM-Trailing, Euler, LCM."),
        (Own(schedule="Karras"), "no schedule “Karras” for this model; it has Trailing, TCD, Start at 800."),
    ):
        with pytest.raises(RefusedJob, match=message):
            playground.run(Job("a cat", settings=Settings(enabled=False), own=own))


def test_a_prompt_that_is_too_long_is_a_warning(playground):
    job = job_of(prompt="red " * 100)
    assert playground.warnings(job, playground.plan(job)) == [
        "The end of the prompt is not read: it is too long for this model."
    ]


@pytest.mark.parametrize("values", [{"steps": 4}, {"variant": "cfg", "negative": "a dog"}])
def test_in_half_precision_it_is_the_same_picture(playground, folder, monkeypatch, values):
    """As on a GPU; on a CPU networks of this precision are slow, and do compute."""
    monkeypatch.setattr("lib_hypersd.playground.loading.dtype_for", lambda device, family: torch.bfloat16)
    half = models.playground_of(folder / "sd15.safetensors", *playground.loras.paths)
    assert half.pipeline.dtype == torch.bfloat16 and half.run(job_of(**values)).image.size == (64, 64)
    difference = relative_rms(latents(half, job_of(**values)), latents(playground, job_of(**values)))
    assert 0 < difference < 0.05
