"""``pytest tests/live --webui DIR``: boots the host once and asks it everything."""

import os
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.live.host import Host


def pytest_addoption(parser):
    parser.addoption("--webui", type=Path, required=True, help="folder of a WebUI that boots; it is left as it is")
    parser.addoption("--python", type=Path, help="the Python that the WebUI runs with, where it has no venv of its own")
    parser.addoption("--pictures", type=Path, help="folder for screenshots")


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    files = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
    return {str(f): (f.lstat().st_size, f.lstat().st_mtime_ns) for f in files}


@pytest.fixture(scope="session")
def data(request, tmp_path_factory):
    """Everything that the hosts of this run write, and the proof that they wrote nowhere else."""
    webui = request.config.getoption("--webui")
    before = state_of(webui)
    yield tmp_path_factory.mktemp("webui-data")
    assert state_of(webui) == before, "the host folder is not as it was"


@pytest.fixture(scope="session")
def make_host(request, data):
    """A host over the same data folder; prepared once."""
    prepared = []

    def make():
        host = Host(request.config.getoption("--webui"), data, request.config.getoption("--python"))
        if not prepared:
            host.prepare()
            prepared.append(True)
        return host

    return make


@pytest.fixture(scope="session")
def host(make_host):
    host = make_host()
    host.boot()
    yield host
    host.stop()


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def pictures(request, tmp_path):
    folder = request.config.getoption("--pictures") or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder
