"""Units of ControlNet in a request, as objects of the page and as clients send them."""

from types import SimpleNamespace

import pytest

from lib_hypersd.webui import controlnet
from tests.double import Processing
from tests.webui.common import ON

REMARK = "ControlNet weight 1 is set, and 0.5 is recommended with Hyper-SD on SDXL."


def unit(**values):
    return SimpleNamespace(**{"enabled": True, "weight": 1.0, **values})


@pytest.mark.parametrize(
    ("units", "weights"),
    [
        ([], []),
        ([unit(), unit(weight=0.4), unit(enabled=False, weight=2)], [1.0, 0.4]),
        ([{"enabled": True, "weight": 0.7}, {"enabled": False}, {"weight": 0.3}, {"module": "canny"}], [0.7, 0.3, 1.0]),
        ([{}, None, False, "unit", {"weight": "much"}], []),
    ],
)
def test_units_that_are_on_are_read(units, weights):
    assert controlnet.read_weights(units) == weights


@pytest.mark.parametrize(("enabled", "remarks"), [(True, [REMARK]), (False, [])])
def test_the_weight_of_a_unit_that_is_on_is_remarked_on(host, script, enabled, remarks):
    host.load("some-sdxl", is_sdxl=True)
    p = Processing(host)
    other = SimpleNamespace(title=lambda: "ControlNet", args_from=0, args_to=2)
    p.scripts, p.script_args = SimpleNamespace(alwayson_scripts=[other]), [unit(enabled=enabled), unit(enabled=False)]
    host.process_images(p, script, [ON])
    assert [comment for comment in p.comments if "ControlNet" in comment] == remarks


def test_a_dry_run_reads_it_from_the_payload(host):
    from lib_hypersd.recipes.catalog import published
    from lib_hypersd.recipes.settings import Settings
    from lib_hypersd.webui import model, payloads

    host.load("some-sdxl", is_sdxl=True)
    payload = {"alwayson_scripts": {"controlnet": {"args": [{"weight": 0.8}]}}}
    request = payloads.read_payload(payload, "a cat", Settings(enabled=True), model.find_loaded(), published())
    assert request.control_weights == [0.8]
