"""What used to make a wrong image without a word: each case on every host where it can happen, with what is said there.

The first line of each docstring and the sentence go to docs/hosts.md.
"""

import json
import re
import shutil

import pytest
import torch

from lib_hypersd.plan import tags
from tests.live import make_models
from tests.live.common import ON, OWN, by_hand, plot, trailing
from tests.live.test_reports import ask, plan
from tests.server import Answer, Hub

FOUR = {**ON, "steps": 4}
LORA = "Hyper-SD15-4steps-lora"
NOTE = "Hyper-SD note"
ONLY_NEO = pytest.mark.only("Forge Neo", why="it has no such thing")
RIGHT = "nothing: the image is the right one"


@pytest.fixture
def add_lora(host):
    """A way to give the host one more LoRA: its name and its layers."""
    folder, added = host.data / "models" / "Lora", []

    def add(name, shapes):
        added.append(folder / f"{name}.safetensors")
        make_models.write(added[0], shapes, torch.float16, make_models.lora_values, {"ss_output_name": name})
        host.post("/sdapi/v1/refresh-loras", {})
        return name

    yield add
    for file in added:
        file.unlink()
    host.post("/sdapi/v1/refresh-loras", {})


def first_loras_layers(host):
    return make_models.lora(host.first_checkpoint)


def is_taken_back(host, result, **payload):
    """Whether it is the user's own image, with a sentence; ``payload`` is what was asked for beside Hyper-SD."""
    own = host.txt2img(None, **{**OWN, **payload})
    return (
        result.extra[NOTE].startswith("not applied. ")
        and result.pixels == own.pixels
        and result.timesteps == own.timesteps
    )


def has_the_lora(result, name=LORA, steps=4):
    return len(result.timesteps) == steps and all(name in loras for loras in result.loras)


# LoRAs that are not there, or not whole.


def test_a_lora_that_fits_nowhere_beside_one_that_does(host, add_lora, say):
    """No layer of the LoRA has a place in the checkpoint, while another LoRA of the prompt loads."""
    strange = {f"odd_{key}": shape for key, shape in first_loras_layers(host).items()}
    name, prompt = add_lora("Hyper-SD15-4steps-odd", strange), "a cat <lora:some-style:0.8>"
    result = host.txt2img({**FOUR, "file": name}, prompt=prompt, **OWN)
    say(result.extra[NOTE])
    assert is_taken_back(host, result, prompt=prompt) and name in result.extra[NOTE]


def test_a_lora_that_the_host_drops_beside_one_that_it_loads(host, add_lora, say):
    """Every layer of the LoRA has a place, and so much else is in the file that some hosts drop it."""
    layers = first_loras_layers(host)
    modules = {key.removesuffix(".alpha") for key in layers if key.endswith(".alpha")}
    more = {f"{module}.note_{i}": (1,) for module in modules for i in range(5)}
    name, prompt = add_lora("Hyper-SD15-4steps-notes", layers | more), "a cat <lora:some-style:0.8>"
    result = host.txt2img({**FOUR, "file": name}, prompt=prompt, **OWN)
    if NOTE in result.extra:
        say(result.extra[NOTE])
        assert is_taken_back(host, result, prompt=prompt) and name in result.extra[NOTE]
    else:
        say(RIGHT)
        alone = by_hand(host, result, prompt=prompt)
        assert has_the_lora(result, name) and result.timesteps == alone.timesteps and result.pixels != alone.pixels


def test_a_lora_that_fits_by_half(host, add_lora, say):
    """Half of the LoRA's layers have a place in the checkpoint."""
    layers = list(first_loras_layers(host).items())
    half = {(f"odd_{key}" if i % 6 < 3 else key): shape for i, (key, shape) in enumerate(layers)}
    name = add_lora("Hyper-SD15-4steps-half", half)
    result = host.txt2img({**FOUR, "file": name}, **OWN)
    say(result.extra[NOTE])
    assert is_taken_back(host, result) or has_the_lora(result, name)
    assert "layers" in result.extra[NOTE] and name in result.extra[NOTE]


def test_another_lora_of_the_prompt_is_missing(host, say):
    """The prompt names another LoRA, which the host does not have."""
    prompt = "a cat <lora:no-such-style:1>"
    result = host.txt2img(FOUR, prompt=prompt, **OWN)
    if NOTE in result.extra:
        say(result.extra[NOTE])
        assert is_taken_back(host, result, prompt=prompt) and "no-such-style" in result.extra[NOTE]
    else:
        say(RIGHT)
        assert has_the_lora(result) and result.pixels == host.txt2img(FOUR, **OWN).pixels


def test_loras_switched_off_by_the_request(host, say):
    """The request switches LoRAs off (``disable_extra_networks``)."""
    result = host.txt2img(FOUR, disable_extra_networks=True, **OWN)
    say(result.extra[NOTE])
    assert is_taken_back(host, result, disable_extra_networks=True) and "disable_extra_networks" in result.extra[NOTE]


@ONLY_NEO
@pytest.mark.parametrize("whole", [True, False], ids=["checkpoint", "weights only"])
def test_the_refiner_renames_the_lora(host, say, whole):
    """The refiner takes the LoRA for another one (``refiner_lora_replacement``)."""
    settings = {
        "refiner_lora_replacement": f"{LORA}=no-such-lora",
        "refiner_use_steps": True,
        "refiner_fast_sd": not whole,
    }
    other = {
        "refiner_checkpoint": host.families["sd15-two"]["sd_model_checkpoint"],
        "refiner_switch_at": 0.5,
        "override_settings": settings,
    }
    result = host.txt2img(FOUR, **other, **OWN)
    assert "Refiner: " in result.infotext
    if NOTE in result.extra:
        say(result.extra[NOTE])
        assert "LoRA" in result.extra[NOTE]
    else:
        say(RIGHT)
        assert has_the_lora(result)


# Networks that predict otherwise.


@pytest.mark.parametrize("family", ["sdxl-rectified"])
def test_a_flow_predictor_on_a_unet(host, family, say):
    """The checkpoint's path makes the host sample SDXL as rectified flow."""
    own, result = ask(host, family), ask(host, family, ON)
    say(result.extra[NOTE])
    assert result.extra[NOTE].startswith("not applied. ")
    assert result.pixels == own.pixels and result.timesteps == own.timesteps


@pytest.mark.parametrize("family", ["sdxl-v"])
def test_a_v_predictor_that_only_its_keys_tell(host, family, say):
    """The checkpoint's keys make the host sample SDXL with v-prediction and zero terminal SNR."""
    own, result = ask(host, family), ask(host, family, FOUR)
    say(result.extra[NOTE])
    assert re.search(r"predicts v|v-prediction", result.extra[NOTE])
    assert not result.extra[NOTE].startswith("not applied. ") or result.pixels == own.pixels


@pytest.mark.only(why="a FLUX of all its blocks is too large here, and the header of a smaller one tells nothing")
@pytest.mark.parametrize("family", ["flux-kontext"])
def test_kontext_is_told_by_its_name(host, family, say):
    """FLUX.1 Kontext has FLUX.1-dev's layers."""
    result = ask(host, family, ON)
    say(result.extra[NOTE])
    assert "Kontext" in result.extra[NOTE]
    assert "Kontext" in json.dumps(plan(host, override_settings=host.families[family]))


# What else the host has.


def test_a_checkpoint_is_downloaded_where_the_host_looks(host, say):
    """The host has no ``ckpt_dir``, or several."""
    with Hub(otherwise=Answer(404)) as hub:
        download = host.download("hyper-sdxl-unet", hub.address)
    assert "does not have the file (404)" in download["problem"]
    say(RIGHT)


@ONLY_NEO
@pytest.mark.parametrize("family", ["flux"])
def test_the_axis_shift_is_the_users_own_value(host, family, say):
    """An X/Y/Z plot varies “Shift”, which is the host's field for distilled guidance."""
    _, cells = plot(host, "Shift", "2,4", ON, **OWN, override_settings=host.families[family])
    shifts = [re.search(r"(?:Shift|Distilled CFG Scale): ([\d.]+)", cell) for cell in cells]
    assert [float(shift[1]) for shift in shifts] == [2, 4]
    assert all("Hyper-SD: " in cell for cell in cells)
    say(RIGHT)


@pytest.fixture
def host_with(make_host):
    """A way to start a host of one's own with other settings and switches."""
    running = []

    def start(settings, *arguments):
        host = make_host()
        config = host.data / "config.json"
        running.append((host, config, config.read_text()))
        config.write_text(json.dumps({**json.loads(config.read_text()), **settings}))
        host.boot(*arguments)
        return host

    yield start
    for host, config, before in running:
        host.stop()
        config.write_text(before)


@ONLY_NEO
def test_schedules_that_the_user_hides(host_with, say):
    """The user hides our schedules (``hide_schedulers``)."""
    host = host_with({"hide_schedulers": ["Trailing", "TCD"]})
    result = host.txt2img(FOUR, **OWN)
    assert result.timesteps == pytest.approx(trailing(4), abs=2e-3) and has_the_lora(result)
    say(RIGHT)


@ONLY_NEO
def test_a_second_folder_of_loras(host_with, tmp_path, say):
    """LoRAs stand in a second folder (``--lora-dirs``)."""
    folder = tmp_path / "more-loras"
    folder.mkdir()
    host = host_with({}, "--lora-dirs", str(folder))
    copy = folder / "Hyper-SD15-4steps-second.safetensors"
    shutil.copy(host.data / "models" / "Lora" / f"{LORA}.safetensors", copy)
    host.post("/sdapi/v1/refresh-loras", {})
    assert copy.stem in {file["name"] for file in host.get("/hypersd/v1/files")["files"]}
    result = host.txt2img({**FOUR, "file": copy.stem}, **OWN)
    assert has_the_lora(result, copy.stem) and tags.find(result.infotext)[0].name == copy.stem
    say(RIGHT)
