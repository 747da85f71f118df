"""Small random models for the playground's tests. They need its own environment (requirements/playground.txt), where
the session "playground" of the noxfile runs them; the other tests' environment has the hosts' gradio instead."""

import os
from importlib.metadata import PackageNotFoundError, version

import pytest


def is_installed() -> bool:
    """Whether this is the playground's environment: peft is there, and gradio is not one of the hosts'."""
    try:
        return bool(version("peft")) and int(version("gradio").split(".")[0]) > 4
    except PackageNotFoundError:
        return False


if not is_installed():
    collect_ignore_glob = ["test_*.py"]
else:
    os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    import torch

    torch.set_num_threads(1)  # networks this small gain nothing from more, and lose much where others compute as well

    from tests.playground import models


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """``sd15.safetensors``, and Hyper-SD's LoRAs for it in ``loras``."""
    return models.write_sd15(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def playground(folder):
    return models.playground_of(folder / "sd15.safetensors", folder / "loras")
