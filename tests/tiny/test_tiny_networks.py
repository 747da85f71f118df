"""The small model's networks: names round trip, and LoRAs and denoiser compute what diffusers and k-diffusion do."""

import json

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

from lib_hypersd.files import identify
from lib_hypersd.files.header import read_header
from lib_hypersd.files.lora import lora_of
from lib_hypersd.playground import layout
from lib_hypersd.recipes import catalog
from tests.tiny.common import changed_lora
from tools.tiny import model
from tools.tiny.lora import Lora, guided, predict
from tools.tiny.pictures import SCENES, pictures
from tools.tiny.sampling import Denoiser, automatic_timesteps, leading_timesteps
from tools.tiny.train import alphas_cumprod
from tools.tiny.train_vae import scale_latents


class TestLayout:
    """Our names against diffusers' own conversion."""

    def test_the_unet_is_read_by_diffusers(self, networks):
        tensors = model.to_original(networks)
        converted = convert_ldm_unet_checkpoint(dict(tensors), model.UNET)
        state = networks["unet"].state_dict()
        assert converted.keys() == state.keys()
        assert all(torch.equal(converted[key], state[key].half()) for key in state)

    def test_the_vae_is_read_by_diffusers(self, networks):
        converted = convert_ldm_vae_checkpoint(model.to_original(networks), model.VAE)
        state = networks["vae"].state_dict()
        assert converted.keys() == state.keys()
        assert all(torch.equal(converted[key].reshape(state[key].shape), state[key].half()) for key in state)

    def test_all_comes_back(self, networks):
        again = model.make_networks()
        model.from_original(model.to_original(networks), again)
        for name, network in networks.items():
            for key, tensor in network.state_dict().items():
                assert torch.equal(again[name].state_dict()[key], tensor.half().float()), key

    def test_a_missing_tensor_is_named(self, networks):
        tensors = model.to_original(networks)
        del tensors["model.diffusion_model.out.2.bias"]
        with pytest.raises(KeyError, match=r"out\.2\.bias"):
            model.from_original(tensors, model.make_networks())

    def test_the_vocabulary_is_clips(self, tmp_path):
        tokens = model.tokens_of(model.make_tokenizer(tmp_path), ["a photo of a cat", ""])
        assert tokens.shape == (2, 77)
        assert tokens[0, :8].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407, 49407]
        assert tokens[1, 1:].eq(49407).all() and len(json.loads((tmp_path / "vocab.json").read_text())) == 49408

    def test_scaling_the_latents_changes_no_picture(self):
        torch.manual_seed(1)
        vae = model.make_vae().eval()
        shown = torch.from_numpy(pictures(SCENES, 8, seed=1))
        before = vae.encode(model.to_pixels(shown)).latent_dist
        rebuilt = vae.decode(before.mean).sample
        scale_latents(vae, shown)
        after = vae.encode(model.to_pixels(shown)).latent_dist
        assert torch.allclose(vae.decode(after.mean).sample, rebuilt, atol=1e-3)
        latents = model.encode(vae, shown)
        assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3) and latents.mean().abs() < 1e-3
        # The noise of the posterior grows or shrinks as the latents do.
        ratio = (after.std / before.std).mean((0, 2, 3)) * before.mean.std((0, 2, 3)) * model.SCALE
        assert torch.allclose(ratio, torch.ones(4), atol=1e-3)


def test_the_playground_reads_the_networks_sizes_from_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "write_tokenizer", lambda *_, **__: None)  # its words are in another package
    model.save(model.make_networks(), tmp_path / "small.safetensors")
    layout.write_config(tmp_path, read_header(tmp_path / "small.safetensors"), "sd15")
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    assert {name: config[name] for name in model.UNET} == json.loads(json.dumps(model.UNET))


class TestLora:
    def test_a_file_is_known_for_what_it_is(self, networks, tmp_path):
        path = tmp_path / "Hyper-SD15-4steps-lora-tiny.safetensors"
        changed_lora(networks["unet"]).save(path, "Hyper-SD15-4steps-tiny")
        header = read_header(path)
        found = lora_of({key: tensor["shape"] for key, tensor in header.tensors.items()})
        assert (found.naming, found.rank, found.text_encoder) == ("kohya", 2, False)
        recipe = identify.recognise(
            catalog.published(), identify.Clues(path.stem, lora=found, metadata=header.metadata)
        ).recipe
        assert recipe.id == "hyper-sd15-4steps"

    def test_diffusers_computes_the_same_with_it(self, networks, tmp_path):
        from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers
        from safetensors.torch import load_file

        unet, path = networks["unet"], tmp_path / "lora.safetensors"
        lora = changed_lora(unet)
        lora.save(path, "x")
        state, alphas = _convert_non_diffusers_lora_to_diffusers(load_file(path))
        name = "down_blocks.1.resnets.0.conv1"
        down = state[f"unet.{name}.lora.down.weight"].float()
        up = state[f"unet.{name}.lora.up.weight"].float()
        x = torch.randn(1, down.shape[1], 4, 4)
        change = torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, down, padding=1), up)
        ours = lora.weights(unet)[name + ".weight"] - unet.get_parameter(name + ".weight")
        assert torch.allclose(torch.nn.functional.conv2d(x, ours, padding=1), change, atol=5e-3, rtol=1e-2)
        assert len(state) == 2 * len(lora.down) and set(alphas.values()) == {2.0}

    def test_a_new_lora_changes_nothing_and_strength_scales_one(self, networks):
        unet = networks["unet"]
        fresh, lora = Lora(unet, rank=2), changed_lora(unet)
        name = "mid_block.attentions.0.proj_in.weight"
        weight = unet.get_parameter(name)
        assert torch.equal(fresh.weights(unet)[name], weight)
        whole, half = (lora.weights(unet, strength)[name] - weight for strength in (1.0, 0.5))
        assert whole.abs().max() > 0.01 and torch.allclose(half * 2, whole, atol=1e-6)

    def test_guidance(self, networks):
        unet, x, t = networks["unet"], torch.randn(2, 4, 8, 8), torch.tensor([10, 900])
        text, empty = torch.randn(2, 77, model.WIDTH), torch.randn(1, 77, model.WIDTH)
        with torch.no_grad():
            with_text, without = predict(unet, x, t, text), predict(unet, x, t, empty.expand_as(text))
            assert torch.allclose(guided(unet, x, t, text, empty, 1), with_text)
            found = guided(unet, x, t, text, empty, 3.0)
            each = guided(unet, x, t, text, empty, torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1))
        assert torch.allclose(found, without + 3 * (with_text - without), atol=1e-5)
        assert torch.allclose(each, torch.stack([with_text[0], found[1]]), atol=1e-5)


class TestSampling:
    def test_the_denoiser_is_k_diffusions(self, networks):
        from k_diffusion.external import DiscreteEpsDDPMDenoiser

        class Reference(DiscreteEpsDDPMDenoiser):
            def get_eps(self, x, t, text, **_):
                return self.inner_model(x, t, text).sample

        unet, text = networks["unet"], torch.randn(2, 77, model.WIDTH)
        ours = Denoiser(unet)
        reference = Reference(unet, alphas_cumprod(), quantize=True)
        assert torch.allclose(ours.sigmas, reference.sigmas, rtol=1e-5)
        sigma = ours.sigmas[[999, 250]]
        x = torch.randn(2, 4, 8, 8) * sigma[:, None, None, None]
        with torch.no_grad():
            assert torch.allclose(ours(x, sigma, text, None, 1), reference(x, sigma, text=text), atol=1e-4)

    def test_wrong_schedules_are_those_of_the_hosts(self):
        assert leading_timesteps(4) == [751, 501, 251, 1]
        assert automatic_timesteps(4) == [999, 666, 333, 0]
