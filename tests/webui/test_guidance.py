"""At CFG 1 the network sees half the rows, unless something needs the negative prediction."""

from types import SimpleNamespace

import pytest
import torch

from tests.double import Processing
from tests.networks import relative_rms
from tests.webui.common import ON, rows


def test_at_cfg_1_the_network_sees_half_the_rows_and_gives_the_same_image(host, script):
    counted, handle = rows(host)
    p = Processing(host, batch_size=2)
    halved = host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
    assert counted == [2, 2, 2, 2] and "Skip Early CFG" not in p.extra_generation_params
    counted.clear()
    by_hand = Processing(
        host,
        prompt=p.all_prompts[0],
        batch_size=2,
        steps=4,
        cfg_scale=1.0,
        sampler_name="TCD",
        scheduler="TCD",
        eta=1.0,
    )
    whole = host.process_images(by_hand, script)
    assert counted == [4, 4, 4, 4] and relative_rms(halved, whole) < 1e-5
    handle.remove()


def test_whoever_listens_to_the_predictions_gets_the_negative_one(host, script):
    counted, handle = rows(host)
    listeners = host.script_callbacks.callback_map["callbacks_cfg_denoised"]
    for listener in ([SimpleNamespace(callback=print)], []):
        listeners[:] = listener
        host.process_images(Processing(host), script, [{**ON, "steps": 2}])
    assert counted == [2, 2, 1, 1]
    handle.remove()


def test_an_inpainting_checkpoint_is_asked_half_the_rows_too(host, script):
    host.load("some-inpainting", is_sd1=True, is_inpainting=True)
    counted, handle = rows(host)
    host.process_images(Processing(host), script, [{**ON, "steps": 4}])
    assert counted == [1, 1, 1, 1]
    handle.remove()


@pytest.mark.parametrize(
    "panel", [{"cfg": 5}, {"cfg": 1.5}, {"steps": 8, "variant": "cfg"}], ids=["CFG 5", "CFG 1.5", "CFG-preserved"]
)
def test_above_cfg_1_both_halves_are_evaluated(host, script, panel):
    counted, handle = rows(host)
    host.process_images(Processing(host), script, [{**ON, **panel}])
    assert set(counted) == {2}
    handle.remove()


@pytest.mark.parametrize("parts", [((1.0, 1.0),), ((0.5,),)], ids=["AND", "weighted"])
def test_prompts_whose_image_depends_on_the_negative_keep_it(host, script, parts):
    counted, handle = rows(host)
    host.process_images(Processing(host, parts=parts), script, [ON])
    assert set(counted) == {2}
    handle.remove()


@pytest.mark.parametrize("attribute", ["need_last_noise_uncond", "image_cfg_scale", "cond_scale_miltiplier"])
def test_whoever_reads_the_negative_prediction_gets_it(host, script, attribute):
    from lib_hypersd.webui import guidance

    p = Processing(host)
    host.process_images(p, script, [ON])
    conds = p.sampler.model_wrap_cfg, type("C", (), {"batch": [[type("P", (), {"weight": 1.0})()]]})
    assert guidance.cancels_out(*conds, 1.0)
    setattr(p.sampler.model_wrap_cfg, attribute, 2.0)
    assert not guidance.cancels_out(*conds, 1.0)


def test_a_hook_that_fires_twice_wraps_once(host, script):
    p = Processing(host)
    host.process_images(p, script, [ON])
    first = p.sampler.model_wrap_cfg.forward, p.sampler.sample_img2img
    script.process_before_every_sampling(p, x=torch.zeros(1, 4, 8, 8))
    assert (p.sampler.model_wrap_cfg.forward, p.sampler.sample_img2img) == first


def test_guidance_is_left_to_a_host_that_drops_the_negative_half_itself(forge):
    script = forge.load_script()
    p = Processing(forge)
    forge.process_images(p, script, [ON])
    assert "forward" not in vars(p.sampler.model_wrap_cfg)
