"""What is said of a pass that another extension runs inside a request that has a plan."""

import dataclasses

import pytest

from lib_hypersd.plan import remark_on_pass
from tests.plans import plan

LORA = "Hyper-SDXL-4steps-lora"
WITH = f"Another extension ran a pass of {{}} with {LORA}, which was made for 4 steps at CFG 1: set that there."
WITHOUT = (
    f"Another extension ran a pass of {{}} without {LORA}: "
    "give its own prompt the LoRA's tag, or its own steps and CFG."
)


@pytest.mark.parametrize(
    ("steps", "cfg", "has_lora", "remark"),
    [
        (4, 1, True, None),
        (4, 1.5, True, None),
        (28, 7, True, WITH.format("28 steps at CFG 7")),
        (4, 7, True, WITH.format("4 steps at CFG 7")),
        (28, 1, True, WITH.format("28 steps at CFG 1")),
        (1, 1, True, WITH.format("1 step at CFG 1")),
        (4, 0.5, True, WITH.format("4 steps at CFG 0.5")),
        (4, 1, False, WITHOUT.format("4 steps at CFG 1")),
        (4, 7, False, None),
        (28, 1, False, None),
        (28, 7, False, None),
    ],
)
def test_steps_cfg_and_lora_belong_together(steps, cfg, has_lora, remark):
    assert remark_on_pass(plan(steps=4), steps, cfg, has_lora) == remark


@pytest.mark.parametrize("has_lora", [True, False])
def test_a_checkpoint_that_needs_no_lora_has_it_in_every_pass(has_lora):
    merged = plan("sdxl", model="some_4SHyper")
    assert merged.file is None
    assert remark_on_pass(merged, 4, 1, has_lora) is None
    assert remark_on_pass(merged, 28, 7, has_lora) == (
        "Another extension ran a pass of 28 steps at CFG 7 with Hyper-SD in the checkpoint, "
        "which was made for 1 to 8 steps at CFG 1: set that there."
    )


def test_a_plan_without_hyper_sd_has_nothing_to_say():
    assert remark_on_pass(dataclasses.replace(plan(steps=4), recipe=None), 28, 7, True) is None
