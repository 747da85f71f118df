"""Whatever the disk does or has on it, the file is whole under its name, or there is none of that name."""

import collections
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib_hypersd.download import unfinished
from lib_hypersd.download.transfer import Download
from tests.download.fetches import NAME, RECIPE, downloads, fetch, left
from tests.server import CONTENT, OTHER, Answer, Hub, wait_until


def test_an_existing_file_is_never_replaced(tmp_path):
    (tmp_path / NAME).write_bytes(OTHER)
    with Hub() as hub:
        failed = fetch(tmp_path, hub)
        assert f"{tmp_path} already has another {NAME}. It was left as it is" in failed.problem
        (tmp_path / NAME).write_bytes(b"")
        assert fetch(tmp_path, hub).state == "failed" and (tmp_path / NAME).read_bytes() == b""
        (tmp_path / NAME).write_bytes(CONTENT)
        assert fetch(tmp_path, hub).state == "done", "it is the very file"
        (tmp_path / NAME).unlink()
        (tmp_path / NAME).symlink_to(tmp_path / "nowhere")
        assert fetch(tmp_path, hub).state == "failed"
    assert hub.requests == [] and left(tmp_path) == [NAME]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
@pytest.mark.parametrize(("content", "state"), [(OTHER, "failed"), (CONTENT, "done"), (None, "done")])
def test_nor_is_one_that_comes_into_being_meanwhile(tmp_path, monkeypatch, links, content, state):
    def link(source, target):
        if content is not None:
            Path(target).write_bytes(content)
        if not links:
            raise OSError(errno.EPERM, "no hard links here")
        return real(source, target)

    real = os.link
    monkeypatch.setattr(os, "link", link)
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == state
    assert (tmp_path / NAME).read_bytes() == (content or CONTENT)


def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 99_999_999))
    with Hub() as hub:
        failed = fetch(tmp_path, hub)
    assert failed.problem == (f"{NAME} needs 100 MB in {tmp_path}, where 100 MB are free. Make room and try again.")
    assert hub.requests == [] and left(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_disk_that_fills_up_meanwhile(tmp_path):
    """The kernel itself refuses to write on: a limit on the size of files, in a process of its own."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from tests.server import *
from tests.download.fetches import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
with Hub() as hub:
    print(fetch(Path({str(tmp_path)!r}), hub).problem)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout == f"{tmp_path} has no room for it. Make room and try again.\n", done.stderr
    assert left(tmp_path) == [f"{NAME}.part", f"{NAME}.part.json"]
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert hub.requests[0].range == "bytes=120000-"


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "folder").write_bytes(b"a file")
    with Hub() as hub:
        failed = fetch(tmp_path / "folder", hub)
    assert failed.state == "failed" and "could not be read or written" in failed.problem


def test_without_locks_of_posix(tmp_path, monkeypatch):
    """As on Windows, where what is open has to be closed before it is renamed or removed."""
    monkeypatch.setattr(unfinished, "IS_POSIX", False)
    with Hub(Answer(cut=1000)) as hub:
        assert fetch(tmp_path, hub).state == "done" and left(tmp_path) == [NAME]
    with Hub(Answer(404)) as hub:
        assert fetch(tmp_path / "2", hub).state == "failed" and left(tmp_path / "2") == []


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "no locks"), BlockingIOError()])
def test_a_file_system_without_locks_and_one_that_has_them(tmp_path, monkeypatch, error):
    def refuse(*args):
        raise error

    monkeypatch.setattr(unfinished.fcntl, "flock", refuse)
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == ("failed" if isinstance(error, BlockingIOError) else "done")


def test_a_fault_that_nobody_thought_of_is_said(tmp_path):
    def source():
        raise RuntimeError("surprise")

    download = Download(RECIPE, tmp_path / NAME, source)
    download.run()
    assert download.problem == f"{NAME}: unexpected fault (RuntimeError: surprise)."


@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.ENOSPC, "has no room for it"), (errno.EIO, "could not be read or written")]
)
def test_an_error_of_the_disk_is_said(tmp_path, monkeypatch, number, sentence):

    def refuse(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with Hub() as hub:
        failed = fetch(tmp_path, hub)
    assert sentence in failed.problem and NAME not in left(tmp_path)


def test_two_programs_do_not_write_into_one_file(tmp_path):
    with Hub(Answer(stall=60, cut=1000)) as hub:
        one, other = downloads(hub, tmp_path), downloads(hub, tmp_path)
        first = one.start(RECIPE.id)
        wait_until(lambda: first.done == 1000)
        second = other.start(RECIPE.id)
        second.thread.join(10)
        assert second.problem == f"Another program is fetching {NAME} right now. Wait for it, then refresh the list."
        hub.over.set()
        first.thread.join(10)
    assert first.state == "done" and (tmp_path / NAME).read_bytes() == CONTENT


def test_a_leftover_that_is_the_finished_file_itself_is_not_written_into(tmp_path):
    """A program that ended between giving the name and removing the part; the user has renamed the file since."""
    (tmp_path / "mine.safetensors").write_bytes(OTHER)
    os.link(tmp_path / "mine.safetensors", tmp_path / f"{NAME}.part")
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert (tmp_path / "mine.safetensors").read_bytes() == OTHER
