"""``pytest tests/live_comfyui --comfyui DIR``: boots ComfyUI once and asks it everything."""

from pathlib import Path

import pytest

from tests.live_comfyui.host import ComfyUI


def pytest_addoption(parser):
    parser.addoption("--comfyui", type=Path, help="folder of a ComfyUI that boots; it is left as it is")
    parser.addoption("--python", type=Path, help="the Python that ComfyUI runs with, where it has no venv of its own")
    parser.addoption("--models", type=Path, help="folder of the checkpoints, made where absent (default: the cache)")
    parser.addoption("--record", action="store_true", help="write the names that we use of it into the contract")
    parser.addoption("--pictures", type=Path, help="folder for screenshots")


# What the example workflows name, and which of our models stands in for it.
NAMED = {
    "checkpoints/v1-5-pruned-emaonly": "Stable-diffusion/small_sd15",
    "checkpoints/sd_xl_base_1.0": "Stable-diffusion/small_sdxl",
    "checkpoints/Hyper-SDXL-1step-Unet-Comfyui.fp16": "Stable-diffusion/small_sdxl",
    "controlnet/control_v11p_sd15_canny": "controlnet/small_sd15_canny",
    "diffusion_models/flux1-dev": "Stable-diffusion/rand_flux",
    "vae/ae": "VAE/rand_ae",
}


def pytest_ignore_collect(config):
    """Without a ComfyUI there is nothing to run."""
    return config.getoption("--comfyui", None) is None or None


@pytest.fixture(scope="session")
def workflow_host(host):
    """The host with a model for every name in the workflows."""
    for name, model in NAMED.items():
        host.link(f"{model}.safetensors", f"{name}.safetensors")
    host.write_loras("sdxl", "small_sdxl")
    host.write_loras("flux", "rand_flux")
    host.write_image("example.png")
    return host


@pytest.fixture(scope="session")
def pictures(request, tmp_path_factory):
    folder = request.config.getoption("--pictures") or tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
