"""LoRAs in the weights: nothing of them is left when they are out, and what has not changed is not done again."""

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file

from lib_hypersd.playground import merging
from lib_hypersd.playground.merging import MergedLoras
from tests import loras
from tests.playground import models
from tests.playground.models import relative_rms
from tests.playground.pictures import BOUND, job_of, latents

OFF = {"base": True, "steps": 2, "cfg": 1}


def weights_of(playground) -> dict[str, bytes]:
    """The bytes of each of the network's own weights, whether LoRAs hang on its layers or not."""
    named = playground.pipeline.network.state_dict().items()
    return {name.replace(".base_layer", ""): t.numpy().tobytes() for name, t in named if "lora_" not in name}


@pytest.fixture
def fresh(folder):
    return models.playground_of(folder / "sd15.safetensors", folder / "loras")


def test_taking_loras_out_gives_every_bit_back(fresh, tmp_path):
    style = models.write_lora(tmp_path / "style.safetensors", loras.unet(**models.UNET))
    with_style = models.playground_of(fresh.loras.paths[0].parent / "sd15.safetensors", *fresh.loras.paths, style)
    before = weights_of(with_style)
    for values in ({"steps": 4}, {"prompt": "a red cat <lora:style:0.7>", "steps": 4}, {"steps": 2, "weight": 0.3}):
        latents(with_style, job_of(**values))
        merged = weights_of(with_style)
        assert merged.keys() == before.keys()
        assert sum(merged[name] != before[name] for name in before) > 20
    latents(with_style, job_of(**OFF))
    assert weights_of(with_style) == before


def test_a_merged_network_has_nothing_of_peft_in_its_way_and_draws_the_same(fresh, monkeypatch):
    job = job_of(steps=4)
    merged = latents(fresh, job)
    layers = [type(layer) for layer in fresh.pipeline.network.modules()]
    assert fresh.pipeline.are_merged and not any(issubclass(layer, BaseTunerLayer) for layer in layers)
    latents(fresh, job_of(**OFF))
    monkeypatch.setattr(merging, "free_memory", lambda device: 0)
    beside = latents(fresh, job)
    assert not fresh.pipeline.are_merged and fresh.pipeline.merged.originals == []
    assert 0 < relative_rms(merged, beside) <= BOUND
    plan = fresh.plan(job)
    assert "stay beside the weights" in fresh.warnings(job, plan)[-1]


def test_memory_that_ends_in_the_midst_leaves_all_as_it_was(fresh, monkeypatch):
    before, merge, calls = weights_of(fresh), MergedLoras.merge, []

    def third_fails(self, place, layer):
        merge(self, place, layer)
        calls.append(place)
        if len(calls) == 3:
            raise torch.OutOfMemoryError

    monkeypatch.setattr(MergedLoras, "merge", third_fails)
    latents(fresh, job_of(steps=4))
    assert len(calls) == 3 and not fresh.pipeline.are_merged and weights_of(fresh) == before


def test_what_is_unchanged_is_not_done_again(fresh, monkeypatch):
    """Neither a LoRA merged nor a prompt encoded; another number of steps with another LoRA encodes nothing either."""
    merged, encoded = [], []
    merge, encode = MergedLoras.put_in, fresh.pipeline.pipe.encode_prompt
    monkeypatch.setattr(MergedLoras, "put_in", lambda self: merged.append(1) or merge(self))
    monkeypatch.setattr(fresh.pipeline.pipe, "encode_prompt", lambda *a, **k: encoded.append(a[0]) or encode(*a, **k))
    first = latents(fresh, job_of(steps=4))
    assert torch.equal(first, latents(fresh, job_of(steps=4)))
    latents(fresh, job_of(steps=4, seed=6))
    assert (len(merged), encoded) == (1, ["a red cat"])
    latents(fresh, job_of(steps=2))
    assert (len(merged), encoded) == (2, ["a red cat"])
    for i in range(20):
        fresh.pipeline.encode_prompt(f"cat {i}", fresh.pipeline.device, 1, False)
    latents(fresh, job_of(steps=2))
    assert encoded[-1] == "a red cat", "only the last few prompts are kept"


def test_a_lora_in_the_text_encoder_has_prompts_encoded_anew(folder, tmp_path):
    path = models.write_lora(tmp_path / "words.safetensors", loras.unet(**models.UNET))
    layer = "lora_te_text_model_encoder_layers_0_self_attn_out_proj"
    text = {f"{layer}.lora_down.weight": torch.randn(4, 64), f"{layer}.lora_up.weight": torch.randn(64, 4)}
    save_file(load_file(path) | text, path)
    pipeline = models.playground_of(folder / "sd15.safetensors").pipeline

    def words():
        with torch.inference_mode():
            return pipeline.encode_prompt("a red cat", pipeline.device, 1, False)[0]

    without = words()
    pipeline.set_adapters({str(path): 1.0})
    assert relative_rms(words(), without) > 1e-3
    pipeline.set_adapters({})
    assert torch.equal(words(), without)


def test_beside_weights_of_8_bits_a_lora_keeps_its_own_numbers(tmp_path):
    pipeline = models.playground_of(models.write_flow(tmp_path, "flux")).pipeline
    layers = loras.flux(width=32, double=1, single=1, prompt=64, pooled=32)
    path = models.write_lora(tmp_path / "lora.safetensors", layers, "peft")
    pipeline.network.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    pipeline.set_adapters({str(path): 1.0})
    layer = pipeline.network.get_submodule("transformer_blocks.0.attn.to_q")
    file = load_file(path)["transformer.transformer_blocks.0.attn.to_q.lora_A.weight"]
    assert not pipeline.are_merged and layer.base_layer.weight.dtype == torch.float8_e4m3fn
    assert torch.equal(layer.lora_A["lora1"].weight, file.float())
