"""``pytest tests/live_comfyui --comfyui DIR``: boots ComfyUI once and asks it everything."""

from pathlib import Path

import pytest

from tests.live_comfyui.host import ComfyUI


def pytest_addoption(parser):
    parser.addoption("--comfyui", type=Path, required=True, help="folder of a ComfyUI that boots; it is left as it is")
    parser.addoption("--python", type=Path, help="the Python that ComfyUI runs with, where it has no venv of its own")
    parser.addoption("--models", type=Path, help="folder of the checkpoints, made where absent (default: the cache)")
    parser.addoption("--pictures", type=Path, help="folder for screenshots")


@pytest.fixture(scope="session")
def host(request, tmp_path_factory):
    option = request.config.getoption
    host = ComfyUI(option("--comfyui"), tmp_path_factory.mktemp("comfyui"), option("--python"), option("--models"))
    host.prepare("small_sd15")
    host.write_loras("sd15", "small_sd15")
    host.write_lora("Hyper-SDXL-4steps-lora", "small_sdxl")
    host.write_lora("hyper-sd15-4steps-of-another", "rand_sd15")
    host.boot()
    yield host
    host.stop()
