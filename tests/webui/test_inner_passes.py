"""What is said of a pass that another extension runs inside a request."""

import copy

import pytest

from tests.double import KINDS, Processing, Script, running
from tests.webui.common import LORAS, ON


@pytest.fixture
def host(tmp_path):
    with running(tmp_path, "a1111", *LORAS) as host:
        yield host


@pytest.fixture
def script(host):
    return host.load_script()


def run_inside(host, script, panel, **inner):
    """A request within whose process another extension runs a pass of its own, as ADetailer does after it."""
    p = Processing(host)
    host.process_images(p, script, [panel])
    host.process_images(Processing(host, img2img=True, **{"prompt": p.all_prompts[0], **inner}), Script())
    return p


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_of_many_steps_with_the_lora_is_said(tmp_path, kind):
    with running(tmp_path, kind, *LORAS) as host:
        p = run_inside(host, host.load_script(), {**ON, "steps": 4}, steps=28, cfg_scale=7.0)
    sentence = (
        "Another extension ran a pass of 28 steps at CFG 7 with Hyper-SD15-4steps-lora, which was made for 4 steps at "
        "CFG 1: set that there."
    )
    assert list(p.comments) == [sentence] and p.extra_generation_params["Hyper-SD note"] == sentence


def test_what_was_said_of_a_pass_stays_when_the_hooks_run_once_more_on_a_copy(host, script):
    p = run_inside(host, script, {**ON, "steps": 4}, steps=28, cfg_scale=7.0)
    sentence = p.extra_generation_params["Hyper-SD note"]
    again = copy.copy(p)
    script.process(again, {**ON, "steps": 4})
    assert p.extra_generation_params["Hyper-SD note"] == sentence and again.all_prompts == p.all_prompts


def test_a_pass_of_few_steps_without_the_lora_is_said(host, script):
    p = run_inside(host, script, {**ON, "steps": 4}, prompt="a face", steps=4, cfg_scale=1.0)
    assert list(p.comments) == [
        "Another extension ran a pass of 4 steps at CFG 1 without Hyper-SD15-4steps-lora: give its own prompt the "
        "LoRA's tag, or its own steps and CFG."
    ]


@pytest.mark.parametrize("inner", [{"steps": 4, "cfg_scale": 1.0}, {"prompt": "a face", "steps": 28, "cfg_scale": 7.0}])
def test_a_pass_that_is_right_is_not_mentioned(host, script, inner):
    assert not run_inside(host, script, {**ON, "steps": 4}, **inner).comments


def test_a_checkpoint_that_needs_no_lora_is_said_in_a_pass_of_many_steps(host, script):
    host.load("model_4SHyper", is_sd1=True)
    p = run_inside(host, script, ON, steps=28, cfg_scale=7.0)
    assert "ran a pass of 28 steps at CFG 7 with Hyper-SD in the checkpoint, which was made for" in list(p.comments)[-1]


def test_passes_are_of_no_concern_with_the_panel_off(host, script):
    run_inside(host, script, {**ON, "steps": 4})
    assert not run_inside(host, script, False, steps=28, prompt=f"a cat <lora:{LORAS[2]}:1>").comments
