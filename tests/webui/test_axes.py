"""X/Y/Z plots: axes of ours, and room for the host's."""

import pytest

from tests.double import Processing
from tests.webui.common import ON


def test_our_axes_switch_hyper_sd_on_for_their_cell_only(host, script):
    p = Processing(host)
    for steps, name in ((4, "Hyper-SD15-4steps-lora"), (2, "Hyper-SD15-2steps-lora")):
        cell = host.cell(p, ("[Hyper-SD] Steps", steps), ("[Hyper-SD] Weight", 0.5))
        host.process_images(cell, script, [False])
        assert cell.steps == steps and cell.all_prompts == [f"<lora:{name}:0.5> a cat"]
    host.process_images(p, script, [False])
    assert p.steps == 20 and not p.extra_generation_params


def test_the_variant_axis_has_off(host, script):
    p = Processing(host)
    for axes in (
        [("[Hyper-SD] Variant", "Off"), ("[Hyper-SD] Steps", 4)],
        [("[Hyper-SD] Steps", 4), ("[Hyper-SD] Variant", "Off")],
    ):
        cell = host.cell(p, *axes)
        host.process_images(cell, script, [ON])
        assert cell.steps == 20 and not cell.comments
    cell = host.cell(p, ("[Hyper-SD] Variant", "cfg"))
    host.process_images(cell, script, [False])
    assert cell.cfg_scale == 5.0
    cell = host.cell(p, ("[Hyper-SD] Variant", "Recommended"))
    host.process_images(cell, script, [{**ON, "variant": "cfg"}])
    assert cell.cfg_scale == 1.0
    axis = next(o for o in host.xyz.axis_options if o.label == "[Hyper-SD] Variant")
    assert axis.choices() == ["Recommended", "fixed", "unified", "cfg", "merged", "Off"]


def test_a_value_of_an_axis_that_cannot_be_carried_out_is_a_sentence(host, script):
    cell = host.cell(Processing(host), ("[Hyper-SD] Eta", 7.0))
    host.process_images(cell, script, [ON])
    assert "Eta must be a number from 0 to 1" in list(cell.comments)[0]


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_the_hosts_steps_axis_varies_with_the_panel_on(host, script, steps):
    p = Processing(host, steps=8)  # also where the axis has the slider's own value
    cell = host.cell(p, ("Steps", steps))
    host.process_images(cell, script, [{**ON, "steps": 1}])
    assert cell.steps == steps == len(host.network.timesteps)


def test_the_hosts_cfg_sampler_schedule_and_eta_axes_vary_with_the_panel_on(host, script):
    p = Processing(host)
    cell = host.cell(p, ("CFG Scale", 1.5), ("Sampler", "Euler a"), ("Schedule type", "Simple"))
    host.process_images(cell, script, [ON])
    assert (cell.cfg_scale, cell.sampler_name, cell.scheduler, cell.steps) == (1.5, "Euler a", "Simple", 8)
    cell = host.cell(p, ("Eta", 0.7))
    host.process_images(cell, script, [{**ON, "variant": "unified"}])
    assert cell.eta == 0.7 and cell.extra_generation_params["Eta TCD"] == 0.7


def test_a_cell_leaves_no_infotext_to_the_next(host, script):
    p = Processing(host)
    host.process_images(host.cell(p, ("[Hyper-SD] Steps", 1)), script, [False])
    assert {"Hyper-SD", "Hyper-SD steps", "Eta TCD"} <= set(p.extra_generation_params), (
        "cells share the dict, as in the host"
    )
    host.process_images(host.cell(p), script, [False])
    assert not p.extra_generation_params
