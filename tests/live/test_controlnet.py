"""The host's ControlNet with a network of random weights, beside few steps and on the tab Hyper-SD Live: it is asked at
every step, and its weight shows in the image."""

from pathlib import Path

import pytest
import torch
from playwright.sync_api import expect

from tests.live import make_models
from tests.live.common import ON, OWN, trailing
from tests.live.kinds import A1111, kind_of
from tests.live.test_company import scripts
from tests.live.test_families import PICTURE, encoded
from tests.live.test_live_tab import Live

FOUR = {**ON, "steps": 4}
# How wide AUTOMATIC1111's ControlNet builds SD1.5's networks, and how it is to build that of the tiny checkpoint.
WIDTHS = {"'model_channels': 320": "'model_channels': 32", '"num_heads": 8': '"num_heads": 4'}


def narrow(extension: Path) -> None:
    file = extension / "scripts" / "controlnet_model_guess.py"
    text = file.read_text()
    for wide, small in WIDTHS.items():
        text = text.replace(wide, small)
    file.write_text(text)


def write_controlnet(host) -> str:
    """The name of a ControlNet that fits the host's first checkpoint; some hosts list them only as they start."""
    checkpoint = host.first_checkpoint.removesuffix(".safetensors")
    file = host.data / "models" / "ControlNet" / f"{checkpoint}_scribble.safetensors"
    make_models.write(file, make_models.control(make_models.CHECKPOINTS[checkpoint]), torch.float16)
    return file.stem


@pytest.fixture(scope="module")
def controlled(request, make_host):
    """A host of its own with the name of a ControlNet, as its extension calls it."""
    if kind_of(request.config.getoption("--webui")) is A1111:
        host = request.getfixturevalue("company")("sd-webui-controlnet", prepare=narrow)
        stem = write_controlnet(host)
    else:
        host = make_host()
        stem = write_controlnet(host)
        host.boot()
    names = host.get("/controlnet/model_list?update=true")["model_list"]
    yield host, next(name for name in names if name.startswith(stem))
    host.stop()


def unit(model, **values):
    given = {"enabled": True, "model": model, "weight": 1.0, "image": encoded(PICTURE), **values}
    return scripts(ControlNet={"args": [given]})


def test_it_is_asked_at_every_step_and_its_weight_shows(controlled):
    host, model = controlled
    plain = host.txt2img(FOUR, **OWN)
    images = [plain.pixels[0]]
    for weight in (1.0, 0.5):
        host.post("/hypersd-probe/controls", {"on": True})
        result = host.txt2img(FOUR, **OWN, **unit(model, weight=weight))
        assert host.post("/hypersd-probe/controls", {"on": False}) == 4
        assert result.timesteps == pytest.approx(trailing(4), abs=2e-3) and result.rows == [1] * 4
        assert "ControlNet 0" in result.infotext and "not applied" not in result.infotext
        images.append(result.pixels[0])
    assert len(set(images)) == 3
    assert host.txt2img(FOUR, **OWN).pixels == plain.pixels


def test_on_the_live_tab_it_follows_the_scribble(controlled, browser):
    host, model = controlled
    live = Live(browser.new_page(viewport={"width": 1300, "height": 1000}), host)
    live.open()
    live.control("prompt").fill("a cat")
    live.wait_for("a cat")
    plain = live.pixels
    assert live.control("strength").is_visible()
    live.control("control").select_option(model)
    assert live.control("strength").is_hidden()
    found = []
    for weight in ("1", "0.5"):
        live.control("control_weight").fill(weight)
        live.draw()
        live.page.wait_for_timeout(500)
        live.control("prompt").fill(f"a cat at {weight}")
        live.wait_for(f"a cat at {weight}")
        live.control("prompt").fill("a cat")
        live.wait_for("a cat")
        found.append(live.pixels)
    assert len({plain, *found}) == 3
    live.press("Keep")
    live.expect_status("Kept as ")
    assert "txt2img" in live.page.locator("#hypersd_live [role=status]").inner_text()
    live.control("control").select_option("")
    expect(live.control("strength")).to_be_visible()
    live.page.close()
    assert not live.errors, live.errors
