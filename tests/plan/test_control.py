"""The weight of a ControlNet: a recommendation, nothing that a plan sets."""

import pytest

from tests.plans import plan

REMARK = "ControlNet weight {} is set, and 0.5 is recommended with Hyper-SD on SDXL."


@pytest.mark.parametrize(
    ("weights", "remark"),
    [((), None), ((0.5,), None), ((0.2, 0.4), None), ((1.0,), "1"), ((0.4, 0.75, 0.6), "0.75"), ((0.51,), "0.51")],
)
def test_sdxls_is_named_where_more_is_set(weights, remark):
    assert plan("sdxl", control_weights=weights).warnings == ((REMARK.format(remark),) if remark else ())


@pytest.mark.parametrize("variant", ["unified", "cfg"])
def test_every_hyper_sd_lora_for_sdxl_has_it(variant):
    assert plan("sdxl", variant=variant, control_weights=(1.0,)).warnings == (REMARK.format(1),)


@pytest.mark.parametrize("family", ["sd15", "sd3", "flux"])
def test_other_families_have_none(family):
    assert plan(family, control_weights=(2.0,)).warnings == plan(family).warnings
