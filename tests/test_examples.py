"""Every program in examples/ runs as its head says; the one over diffusers is run in tests/playground."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import webui
from tests.test_docs import served

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs a program in an empty folder; what it has printed."""
    (tmp_path / "reader").mkdir()
    monkeypatch.chdir(tmp_path / "reader")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_each_is_short_and_listed():
    assert PROGRAMS == ["plan_over_diffusers", "request_to_the_api", "tcd_with_k_diffusion"], "and each has a test"
    for name in PROGRAMS:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 40 and f"python -m examples.{name}" in text
        assert f"python -m examples.{name}" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("steps", [(), ("1",), ("8",)])
def test_tcd_with_k_diffusion_ends_in_the_image_that_the_network_knows(run, steps):
    printed = run("tcd_with_k_diffusion", *steps)
    assert len(re.search("sigmas: (.*)", printed)[1].split()) == int(*steps or ("4",)) + 1
    assert float(re.search("from the image: (.*)", printed)[1]) < 1e-3


@pytest.mark.parametrize("kind", ["a1111", "forge"])
def test_a_request_to_the_api_makes_an_image(run, tmp_path, kind):
    with (
        webui.running(tmp_path, kind, "Hyper-SD15-4steps-lora") as host,
        served(host.app(host.load_script())) as address,
    ):
        assert run("request_to_the_api", address) == "image.png was made with hyper-sd15-4steps.\n"
    Image.open("image.png").verify()


def test_a_request_that_was_not_carried_out_saves_no_image(run, tmp_path):
    with (
        webui.running(tmp_path, "a1111") as host,
        served(host.app(host.load_script())) as address,
        pytest.raises(SystemExit, match="Hyper-SD: not applied"),
    ):
        run("request_to_the_api", address)
    assert not Path("image.png").exists()
