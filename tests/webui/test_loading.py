"""Whether the LoRA of a plan is in the model, on every kind of host: never few steps without it."""

import pytest

from tests.double import KINDS, Host, Processing, running
from tests.loras import layers, write
from tests.webui.common import LORAS, ON, recorded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", ["a cat", "a cat <lora:some-style:1>"])
def test_a_lora_that_the_host_drops_is_not_taken_for_loaded(tmp_path, kind, prompt):
    with running(tmp_path, kind, *LORAS, "some-style") as host:
        script = host.load_script()
        p = Processing(host, prompt)
        host.process_images(p, script, [ON])
        assert not p.comments and len(recorded(host)) == 8
        host.placed["Hyper-SD15-8steps-lora"] = 0
        p = Processing(host, prompt)
        host.process_images(p, script, [ON])
        assert "could not load Hyper-SD15-8steps-lora" in list(p.comments)[0] and len(recorded(host)) == 20
        del host.placed["Hyper-SD15-8steps-lora"]
        p = Processing(host, prompt)
        host.process_images(p, script, [ON])
        assert not p.comments and len(recorded(host)) == 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("placed", "enough"), [(100, True), (92, True), (91, False), (50, False)])
def test_a_lora_of_which_the_host_loads_too_few_layers_takes_the_plan_back(tmp_path, kind, placed, enough):
    host = Host(tmp_path, kind)
    host.install_loras("Hyper-SD15-8steps-lora")
    write(host.lora("Hyper-SD15-8steps-lora"), layers({f"layer_{i}": (8, 8) for i in range(100)}, "kohya", 4))
    host.placed["Hyper-SD15-8steps-lora"] = placed
    with host.as_modules():
        p = Processing(host)
        host.process_images(p, host.load_script(), [{**ON, "steps": 8}])
        assert len(recorded(host)) == (8 if enough else 20)
        if not enough:
            sentence = f"The WebUI could load only {placed} of 100 layers of Hyper-SD15-8steps-lora"
            assert sentence in p.extra_generation_params["Hyper-SD note"]


def test_a_network_that_keeps_its_loras_itself_says_which(tmp_path):
    host = Host(tmp_path, "neo")
    host.install_loras(*LORAS)
    host.networks.load_lora_for_models = keep_in_network
    with host.as_modules():
        script = host.load_script()
        host.model.forge_objects.unet.model.diffusion_model.loras = []
        p = Processing(host)
        host.process_images(p, script, [ON])
        assert not p.comments and len(recorded(host)) == 8
        host.networks.load_lora_for_models = lambda model, clip, lora, a, b, filename="": (model, clip)
        host.model.forge_objects.unet.model.diffusion_model.loras = [("another.safetensors", 1.0)]
        p = Processing(host)
        host.process_images(p, script, [ON])
        assert "could not load" in list(p.comments)[0] and len(recorded(host)) == 20


def keep_in_network(model, clip, lora, strength_model, strength_clip, filename="default"):
    """What Neo does with Nunchaku's networks."""
    model.model.diffusion_model.loras.append((filename, strength_model))
    return model, clip


@pytest.mark.parametrize("kind", KINDS)
def test_counting_leaves_the_hosts_loading_as_it_is_however_often_the_ui_reloads(tmp_path, kind):
    host = Host(tmp_path, kind)
    own = getattr(host.networks, "load_lora_for_models", None)
    with host.as_modules():
        host.load_script()
        host.load_script()
        ours = getattr(host.networks, "load_lora_for_models", None)
        assert ours is own is None or ours.__wrapped__ == own
