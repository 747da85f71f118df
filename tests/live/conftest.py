"""``pytest tests/live --webui DIR``: boots the host once and asks it everything."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.live.host import Host
from tests.live.kinds import kind_of
from tests.live.recording import Recording, family_of


def pytest_addoption(parser):
    parser.addoption("--webui", type=Path, required=True, help="folder of a WebUI that boots; it is left as it is")
    parser.addoption("--python", type=Path, help="the Python that the WebUI runs with, where it has no venv of its own")
    parser.addoption("--models", type=Path, help="folder of the checkpoints, made where absent (default: the cache)")
    parser.addoption("--pictures", type=Path, help="folder for screenshots")
    parser.addoption("--company", type=Path, help="folder of other extensions to be tried beside this one")
    parser.addoption(
        "--record", metavar="HOST", help="write docs/hosts.md and the contract, under this name and commit"
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "only(*kinds, why): what only these kinds of host have; why the others leave it out"
    )
    kind = kind_of(config.getoption("--webui"))
    config.recording = Recording(kind.name, kind.lacks, Path(__file__).parent)
    config.pluginmanager.register(config.recording)


@pytest.hookimpl(tryfirst=True)  # before what -k leaves out
def pytest_collection_modifyitems(config, items):
    """Leave out what is no check of this host, and put the checks of one family together: each loads its checkpoint once."""
    kind = kind_of(config.getoption("--webui"))
    families = list(kind.families)
    kept = config.recording.keep(items, lambda item: reason_to_leave_out(item, kind))
    items[:] = sorted(kept, key=lambda item: families.index(family_of(item)))


def reason_to_leave_out(item, kind) -> str | None:
    if family_of(item) not in kind.families:
        return kind.lacks[family_of(item)]
    return next((mark.kwargs["why"] for mark in item.iter_markers("only") if kind.name not in mark.args), None)


@pytest.fixture
def say(record_property):
    """For a silent case: what the host's user is told, which docs/hosts.md then says too."""
    return partial(record_property, "sentence")


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder, but for the one place where a host will not write elsewhere.

    Forge Classic opens a database in ``config_states`` of its own folder, whatever its data folder is.
    """
    files = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
    files = (f for f in files if f.parent != folder / "config_states")
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
    prepared, option = [], request.config.getoption

    def make():
        host = Host(option("--webui"), data, option("--python"), option("--models"))
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


@pytest.fixture
def fresh_host(make_host):
    """A host of a test's own."""
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


@pytest.fixture(scope="module")
def company(request, make_host):
    """A way to start a host with one of the user's extensions."""
    folder = request.config.getoption("--company")
    running = []

    def start(name, *arguments, prepare=lambda extension: None, **settings):
        if folder is None or not (folder / name).is_dir():
            pytest.skip(f"no {name} in --company")
        stop()
        running.append(make_host())
        target = running[0].data / "extensions" / name
        shutil.copytree(folder / name, target, dirs_exist_ok=True)
        prepare(target)
        shutil.copytree(folder / "models", running[0].data / "models", dirs_exist_ok=True)
        (running[0].data / "config.json").write_text(json.dumps({**running[0].kind.options, **settings}))
        running[0].boot(*arguments)
        return running[0]

    def stop():
        for host in running:
            host.stop()
            for other in folder.iterdir():
                shutil.rmtree(host.data / "extensions" / other.name, ignore_errors=True)
        running.clear()

    yield start
    stop()
