"""``pytest tests/live_comfyui --comfyui DIR``: boots ComfyUI once and asks it everything."""

from pathlib import Path

import pytest

from tests.browser import chromium
from tests.live.recording import Recording
from tests.live_comfyui.host import LACKS, ComfyUI
from tests.live_comfyui.page import load


def pytest_addoption(parser):
    parser.addoption("--comfyui", type=Path, help="folder of a ComfyUI that boots; it is left as it is")
    parser.addoption("--python", type=Path, help="the Python that ComfyUI runs with, where it has no venv of its own")
    parser.addoption("--models", type=Path, help="folder of the checkpoints, made where absent (default: the cache)")
    parser.addoption(
        "--record", metavar="HOST", help="write docs/hosts.md and the contract, under this name and commit"
    )
    parser.addoption("--pictures", type=Path, help="folder for screenshots")
    parser.addoption("--workflows", type=Path, help="folder of workflow files that others have published")


def pytest_configure(config):
    if config.getoption("--comfyui", None):
        config.recording = Recording("ComfyUI", LACKS, Path(__file__).parent)
        config.pluginmanager.register(config.recording)


@pytest.hookimpl(tryfirst=True)  # before what -k leaves out
def pytest_collection_modifyitems(config, items):
    if config.getoption("--comfyui", None):
        items[:] = config.recording.keep(items)


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


@pytest.fixture(scope="session")
def page_errors():
    """What the page has said of errors in its scripts."""
    return []


@pytest.fixture(scope="session")
def page(workflow_host, page_errors):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 2120, "height": 1380})
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        load(page, workflow_host.url)
        yield page
