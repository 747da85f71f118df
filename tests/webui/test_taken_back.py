"""All or nothing: a plan that cannot be carried out leaves the request and the host as they were."""

import sys

import pytest
import torch

from tests.double import Processing
from tests.webui.common import ON, rows


def snapshot(host):
    """All of the host that a request could leave changed."""
    return (
        dict(host.shared.opts.data), set(vars(host.shared.opts)), [s.name for s in host.sd_samplers.all_samplers],
        [s.label for s in host.sd_schedulers.schedulers], set(vars(host.model)),
    )  # fmt: skip


def assert_left_alone(host, p, latents, expected, *parts):
    assert (p.steps, p.cfg_scale, p.sampler_name, p.scheduler) == (20, 7.0, "Euler", "Automatic")
    assert torch.equal(latents, expected)
    (comment,) = p.comments
    assert comment.startswith("Hyper-SD was not applied, and your own settings were used.")
    assert all(part in comment for part in parts)
    assert set(p.extra_generation_params) == {"Hyper-SD note"} and p.extra_generation_params[
        "Hyper-SD note"
    ].startswith("not applied.")


@pytest.fixture
def untouched(host, script):
    return host.process_images(Processing(host), script)


@pytest.mark.parametrize("prompt", ["a cat <lora:mystyle:0.8", "a cat # <lora:mystyle:1>\nin a hat", "a <b:c"])
def test_a_plan_that_is_taken_back_leaves_the_prompts_as_they_were(host, script, prompt):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    p, own = Processing(host, prompt=prompt), Processing(host, prompt=prompt)
    host.process_images(p, script, [ON], between=host.strip_comments)
    host.process_images(own, script, [False], between=host.strip_comments)
    assert p.all_prompts == own.all_prompts and p.main_prompt == own.main_prompt
    assert p.steps == 20 and "could not load Hyper-SD15-8steps-lora" in p.extra_generation_params["Hyper-SD note"]


def test_a_tag_that_the_host_cannot_read_is_named_when_nothing_was_loaded(host, script):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    p = Processing(host, prompt="a <lora:mystyle:heavy> cat")
    host.process_images(p, script, [ON])
    assert "It cannot read <lora:mystyle:heavy>." in p.extra_generation_params["Hyper-SD note"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"steps": float("nan")}, "Steps must be a whole number from 1 to 150, not 'nan'."),
        ({"steps": -4}, "Steps must be"), ({"weight": 1e30}, "LoRA weight must be"), ({"cfg": "much"}, "CFG must be"),
        ({"eta": [0.3]}, "Eta must be"), ({"variant": "turbo"}, "Variant must be one of"), ({"file": "no such file"}, "no such file is not a LoRA"),
        ({"enabled": 1}, "“enabled” must be true or false, not 1."), ({"steps": 9}, "No Hyper-SD for SD1.5 serves 9 steps"),
        ({"sampler": "DPM++ 9M"}, "This WebUI has no sampler “DPM++ 9M”."), ({"schedule": "Odd"}, "This WebUI has no schedule “Odd” for the sampler “DDIM-Trailing”."),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_changes_nothing(host, script, untouched, args, sentence):
    p = Processing(host)
    latents = host.process_images(p, script, [{**ON, **args}])
    assert_left_alone(host, p, latents, untouched, sentence)


def test_a_missing_file_changes_nothing(host, script, untouched):
    host.in_folder[:] = [("some-style", "")]
    host.list_networks()
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "Hyper-SD15-8steps-lora.safetensors (269 MB) is not among the LoRAs")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({}, "and odd is none of these."),
        ({"is_sd2": True}, "odd is SD 2, for which no Hyper-SD was made."),
        ({"is_sdxl": True, "is_ssd": True}, "odd is a pruned SDXL"),
    ],
)
def test_a_family_without_hyper_sd_changes_nothing(host, script, flags, sentence):
    host.load("odd", **flags)
    untouched = host.process_images(Processing(host), script)
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, sentence)


@pytest.mark.parametrize("img2img", [False, True])
def test_a_lora_that_does_not_load_takes_the_whole_plan_back(host, script, untouched, img2img):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    own = host.process_images(Processing(host, img2img=True), script) if img2img else untouched
    p = Processing(host, img2img=True) if img2img else Processing(host, hr_prompt="")
    latents = host.process_images(p, script, [ON])
    assert p.all_prompts == getattr(p, "all_hr_prompts", ["a cat"]) == ["a cat"]
    assert_left_alone(host, p, latents, own, "could not load Hyper-SD15-8steps-lora")


def test_a_request_that_a_script_runs_again_starts_from_the_users_own_values(host, script, untouched):
    p = Processing(host)
    for _ in range(2):
        host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
        assert p.steps == 4 and "Hyper-SD eta" not in p.extra_generation_params
    p.comments.clear()
    latents = host.process_images(p, script, [{**ON, "steps": 9}])
    assert p.eta is None
    assert_left_alone(host, p, latents, untouched, "serves 9 steps")
    p.steps = 5
    host.process_images(p, script, [False])
    assert p.steps == 5, "what the script has changed meanwhile stays"


def test_loras_switched_off_by_the_request(host, script, untouched):
    p = Processing(host, disable_extra_networks=True)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "disable_extra_networks")


def test_no_checkpoint_in_memory_is_a_sentence(host, script):
    host.sd_models.model_data.sd_model = None
    p = Processing(host)
    p.all_prompts = ["a cat"]
    script.process(p, True)
    assert list(p.comments) == ["Hyper-SD was not applied, and your own settings were used. No checkpoint is loaded."]


def test_without_the_hosts_lora_extension(host, script, untouched):
    del sys.modules["networks"]
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "is not among the LoRAs")


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_nothing_is_left_behind_whatever_happens(host, script, error):
    before = snapshot(host)
    host.failure = error
    with pytest.raises(type(error)):
        host.process_images(Processing(host), script, [ON])
    assert snapshot(host) == before
    host.failure = None
    counted, handle = rows(host)
    host.process_images(Processing(host, steps=3), script)
    assert counted == [2, 2, 2], "the next request is its own"
    handle.remove()
