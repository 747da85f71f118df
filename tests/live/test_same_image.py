"""The same image comes again: from a batch, and from a pasted infotext."""

import pytest

from tests.live.common import ON, OWN
from tests.live.host import differences, rounded_alike


def test_each_image_of_a_batch_is_the_image_of_its_own_seed(host):
    panel = {**ON, "variant": "unified", "steps": 4, "eta": 1.0}
    batch = host.txt2img(panel, seed=7, batch_size=2, n_iter=2)
    batch.images[:] = batch.images[-4:]  # the host puts its grid first
    singles = host.txt2img(panel, seed=7)
    for seed in (8, 9, 10):
        singles.images += host.txt2img(panel, seed=seed).images
    assert rounded_alike(batch, singles), differences(batch, singles)
    singles.images.reverse()
    assert not rounded_alike(batch, singles), "other seeds give other images"


@pytest.mark.parametrize(
    "panel",
    [
        {}, {"steps": 4}, {"steps": 3}, {"variant": "cfg"}, {"variant": "unified", "eta": 0.3, "steps": 6}, {"weight": 0.61803398875},
        {"cfg": 1.5, "steps": 2}, {"file": "Hyper-SD15-4steps-lora", "steps": 5},
    ],
    ids=str,
)  # fmt: skip
def test_a_pasted_infotext_gives_the_same_image_bit_for_bit(host, panel):
    first = host.txt2img({**ON, **panel}, seed=3, **OWN)
    assert host.pasted(first.infotext, seed=3) == first.encoded
    assert "not applied" not in first.infotext


def test_a_pasted_infotext_of_a_foreign_image_switches_nothing_on(host):
    foreign = host.txt2img(None, steps=3, sampler_name="Euler", scheduler="Karras", cfg_scale=4)
    assert "Hyper-SD" not in foreign.infotext
    assert host.pasted(foreign.infotext) == foreign.encoded


def test_an_eta_set_by_hand_is_written_and_pasted(host):
    first = host.txt2img(None, steps=4, sampler_name="TCD", scheduler="TCD", eta=0.8)
    assert "Eta TCD: 0.8" in first.infotext
    assert host.pasted(first.infotext) == first.encoded
    default = host.txt2img(None, steps=4, sampler_name="TCD", scheduler="TCD")
    assert "Eta TCD: 0.3" in default.infotext and default.pixels != first.pixels
