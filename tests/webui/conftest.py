"""Hosts of several kinds, as far as the tests share them."""

import pytest

from tests import double
from tests.webui.common import LORAS


@pytest.fixture
def host(tmp_path):
    with double.running(tmp_path, "a1111", *LORAS, "Hyper-SDXL-4steps-lora", "some-style") as host:
        yield host


@pytest.fixture
def script(host):
    return host.load_script()


@pytest.fixture
def forge(tmp_path):
    """A host with FLUX, which patches its network, fires hooks twice, and has a CFG of its own for the second pass."""
    with double.running(tmp_path, "forge", *LORAS, "Hyper-FLUX.1-dev-8steps-lora") as host:
        yield host


@pytest.fixture
def classic(tmp_path):
    """A host without schedules."""
    with double.running(tmp_path, "classic", *LORAS) as host:
        yield host


@pytest.fixture
def neo(tmp_path):
    with double.running(tmp_path, "neo", *LORAS, "some-style") as host:
        yield host
