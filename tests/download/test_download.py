"""Downloads against a real server with every fault: the file is whole under its name, or there is none of that name."""

import collections
import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lib_hypersd.download import transfer, unfinished
from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import HUB, Failed, Folder, Server
from lib_hypersd.download.transfer import Download
from lib_hypersd.recipes.catalog import Catalog, published
from tests.server import CONTENT, OTHER, Answer, Hub, recipe, wait_until

RECIPE = recipe()
NAME = RECIPE.file


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(folder, hub, stall_s=10, **options):
    """Fetch the file from the hub into the folder, to the end."""
    server = Server(hub.address, connect_s=10, stall_s=stall_s)
    download = Download(RECIPE, folder / NAME, lambda: server, **{"pause_s": 0.001, **options})
    download.run()
    return download


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_comes_from_the_catalogs_address_and_nothing_else_is_left(tmp_path):
    with Hub() as hub:
        done = fetch(tmp_path / "new", hub)
    assert (done.state, done.problem, done.done, done.total) == ("done", None, len(CONTENT), len(CONTENT))
    assert (tmp_path / "new" / NAME).read_bytes() == CONTENT and left(tmp_path / "new") == [NAME]
    assert [r.path for r in hub.requests] == [f"/ByteDance/Hyper-SD/resolve/main/{NAME}"]
    assert "Authorization" not in hub.requests[0].headers and hub.requests[0].headers["Accept-Encoding"] == "identity"


def test_every_file_that_is_published_on_the_hub_has_its_address_there():
    assert all(entry.repository for entry in published().recipes if entry.can_be_fetched)
    for entry in published().recipes:
        if entry.file and entry.repository:
            assert Server().place(entry) == f"{HUB}/{entry.repository}/resolve/main/{entry.file}"


def test_a_broken_transfer_goes_on_where_it_stopped(tmp_path):
    with Hub(Answer(cut=50_000), Answer(cut=30_000)) as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [r.range for r in hub.requests] == [None, "bytes=50000-", "bytes=80000-"]
    assert {r.headers.get("If-Range") for r in hub.requests[1:]} == {'"one"'}
    assert (tmp_path / NAME).read_bytes() == CONTENT and left(tmp_path) == [NAME]


def test_it_goes_on_after_a_restart_too(tmp_path):
    with Hub(Answer(cut=50_000), otherwise=Answer(503)) as hub:
        failed = fetch(tmp_path, hub)
    assert failed.problem == ("127.0.0.1 has a fault of its own (503). Try again later; it goes on where it stopped.")
    assert left(tmp_path) == [f"{NAME}.part", f"{NAME}.part.json"]
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [r.range for r in hub.requests] == ["bytes=50000-"] and left(tmp_path) == [NAME]


@pytest.mark.parametrize("note", ["", "[]", '{"sha256": "other", "version": "x"}', "[" * 100_000, None])
def test_a_part_of_unknown_origin_is_begun_anew(tmp_path, note):
    (tmp_path / f"{NAME}.part").write_bytes(b"who knows")
    if note is not None:
        (tmp_path / f"{NAME}.part.json").write_text(note)
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [r.range for r in hub.requests] == [None]


@pytest.mark.parametrize("version", ["a\nb", 7, None, "é"])
def test_a_version_that_no_header_can_carry_is_not_sent(tmp_path, version):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:100])
    (tmp_path / f"{NAME}.part.json").write_text(json.dumps({"sha256": RECIPE.sha256, "version": version}))
    with Hub() as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [(r.range, r.headers.get("If-Range")) for r in hub.requests] == [("bytes=100-", None)]


@pytest.mark.parametrize(
    ("second", "ranges"),
    [
        (Answer(ignores_range=True), [None, "bytes=50000-"]),
        (Answer(etag='"two"'), [None, "bytes=50000-"]),
        (Answer(range_off=5), [None, "bytes=50000-", None]),
        (Answer(416), [None, "bytes=50000-", None]),
        (Answer(206, headers={"Content-Range": "bytes nonsense"}), [None, "bytes=50000-", None]),
        (Answer(length=30_000), [None, "bytes=50000-", "bytes=80000-"]),
    ],
)
def test_a_server_that_does_not_go_on_as_asked(tmp_path, second, ranges):
    with Hub(Answer(cut=50_000), second) as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [r.range for r in hub.requests] == ranges
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_file_that_changes_between_two_parts_is_fetched_once_more(tmp_path):
    """The server has no tag to tell them by, so only the sum does."""
    first = Answer(cut=50_000, content=OTHER, etag=None)
    with Hub(first, Answer(etag=None), Answer(etag=None)) as hub:
        assert fetch(tmp_path, hub).state == "done"
    assert [r.range for r in hub.requests] == [None, "bytes=50000-", None]
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_wrong_bytes_are_thrown_away(tmp_path):
    with Hub(otherwise=Answer(content=OTHER)) as hub:
        failed = fetch(tmp_path, hub)
    assert failed.state == "failed" and "its SHA-256 is another. It was thrown away." in failed.problem
    assert left(tmp_path) == [] and len(hub.requests) == 1


@pytest.mark.parametrize("content", [CONTENT + b"!", CONTENT[:-1], b"<html>Sign in to this network</html>"])
def test_a_file_of_another_size_is_not_even_begun_and_what_is_here_stays(tmp_path, content):
    with Hub(Answer(cut=50_000), otherwise=Answer(content=content, ignores_range=True)) as hub:
        failed = fetch(tmp_path, hub)
    assert f"offers a file of {len(content):,} bytes, and {NAME} has 200,000" in failed.problem
    assert (tmp_path / f"{NAME}.part").stat().st_size == 50_000 and len(hub.requests) == 2


@pytest.mark.parametrize(("content", "tries"), [(CONTENT + b"!", 3), (CONTENT[:-1], 3)])
def test_a_server_that_hides_the_length_gives_no_wrong_file(tmp_path, content, tries):
    with Hub(otherwise=Answer(content=content, chunked=True)) as hub:
        assert fetch(tmp_path, hub, attempts=tries).state == "failed"
    assert NAME not in left(tmp_path)


def test_a_right_file_without_a_length_is_taken(tmp_path):
    with Hub(otherwise=Answer(chunked=True)) as hub:
        assert fetch(tmp_path, hub).state == "done"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "127.0.0.1 asks for an account (401). Look for http://127.0.0.1"),
        (403, "127.0.0.1 refuses the file (403). Look for http://127.0.0.1"),
        (404, "127.0.0.1 does not have the file (404). Look for http://127.0.0.1"),
        (418, "127.0.0.1 does not give the file (418)."),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(tmp_path, status, said):
    with Hub(otherwise=Answer(status)) as hub:
        failed = fetch(tmp_path, hub)
    assert said in failed.problem and "set a mirror or an offline folder in the settings" in failed.problem
    assert len(hub.requests) == 1 and left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "is asked too often (429)"),
        (500, "has a fault of its own (500)"),
        (408, "did not get the request in time"),
    ],
)
def test_a_passing_fault_is_tried_again_a_few_times(tmp_path, status, said):
    with Hub(*[Answer(status)] * 4) as hub:
        assert fetch(tmp_path / "first", hub).state == "done"
    tmp_path = tmp_path / "second"
    with Hub(otherwise=Answer(status)) as hub:
        failed = fetch(tmp_path, hub)
    assert said in failed.problem and "Try again later" in failed.problem
    assert len(hub.requests) == 5 and left(tmp_path) == []


def test_pauses_grow_and_the_servers_wish_is_heard_within_bounds(tmp_path):
    waits = []
    asked = [{}, {"Retry-After": "7"}, {"Retry-After": "86400"}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}]
    with Hub(*[Answer(429, headers=headers) for headers in asked]) as hub:
        server = Server(hub.address)
        download = Download(RECIPE, tmp_path / NAME, lambda: server)
        download.cancel_requested.wait = waits.append
        download.run()
    assert download.state == "done" and waits == [1, 7, 60, 8]


def test_progress_starts_the_count_of_faults_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "FURTHER_BYTES", 10_000)
    with Hub(*[Answer(cut=12_000)] * 16) as hub:
        assert fetch(tmp_path, hub, attempts=2).state == "done"
    monkeypatch.setattr(transfer, "FURTHER_BYTES", 13_000)
    with Hub(*[Answer(cut=12_000)] * 16) as hub:
        assert fetch(tmp_path / "2", hub, attempts=2).state == "failed"


@pytest.mark.parametrize(
    "answer",
    [Answer(stall=60), Answer(stall=60, cut=1000), Answer(drip=0.05)],
    ids=["before the headers", "in the middle", "a byte at a time"],
)
def test_a_server_that_stands_still_is_given_up(tmp_path, answer):
    with Hub(answer) as hub:
        assert fetch(tmp_path, hub, stall_s=0.3).state == "done"
    assert len(hub.requests) >= 2


def test_redirects_are_followed_with_what_was_asked(tmp_path):
    with Hub() as other, Hub(Answer(cut=50_000)) as hub:
        hub.otherwise = Answer(302, headers={"Location": f"{other.address}/elsewhere?signed=1"})
        assert fetch(tmp_path, hub).state == "done"
    assert [(r.path, r.range) for r in other.requests] == [("/elsewhere?signed=1", "bytes=50000-")]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/round", "sends the request around in circles."),
        ("ftp://127.0.0.1/file", "sends on to what is no web address."),
        ("file:///etc/hostname", "sends on to what is no web address."),
        ("http://[", "sends on to what is no web address."),
        ("http://127.0.0.1:1/", "The connection to 127.0.0.1 broke"),
        ("http://127.0.0.1:99999/", "127.0.0.1"),
    ],
)
def test_redirects_lead_to_the_web_and_not_in_circles(tmp_path, location, said):
    with Hub(otherwise=Answer(302, headers={"Location": location})) as hub:
        failed = fetch(tmp_path, hub, attempts=2)
    assert failed.state == "failed" and said in failed.problem and "unexpected" not in failed.problem
    assert left(tmp_path) == [] and len(hub.requests) <= 2 * 6


def test_parts_that_never_fit_together_come_to_an_end(tmp_path):
    """Each attempt goes on with the bytes of one file in those of another."""
    one, other = Answer(cut=100_000, content=OTHER, etag=None), Answer(etag=None)
    with Hub(*[one, other] * 20) as hub:
        failed = fetch(tmp_path, hub)
    assert failed.state == "failed" and len(hub.requests) == 5 and NAME not in left(tmp_path)


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
from tests.download.test_download import *
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
    ("number", "said"), [(errno.ENOSPC, "has no room for it"), (errno.EIO, "could not be read or written")]
)
def test_an_error_of_the_disk_is_said(tmp_path, monkeypatch, number, said):

    def refuse(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with Hub() as hub:
        failed = fetch(tmp_path, hub)
    assert said in failed.problem and NAME not in left(tmp_path)


def downloads(hub, folder, **options):
    """A registry whose catalog has small files under the published ids."""
    catalog = Catalog(tuple(recipe(r.id) if r.file else r for r in published().recipes))
    server = Server(hub.address, connect_s=2, stall_s=5)
    return Downloads(lambda: server, lambda r: folder, catalog=lambda: catalog, pause_s=0.001, **options)


def test_two_clicks_make_one_download(tmp_path):
    with Hub(Answer(stall=60, cut=1000)) as hub:
        registry, finished = downloads(hub, tmp_path, finished=lambda r: over.append(r.id)), []
        over, barrier = [], threading.Barrier(8)

        def click():
            barrier.wait()
            finished.append(registry.start(RECIPE.id))

        threads = [threading.Thread(target=click) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: finished[0].done == 1000)
        assert len(finished) == 8 and len(set(map(id, finished))) == 1 and registry.active() == [finished[0]]
        hub.over.set()
        finished[0].thread.join(10)
    assert finished[0].state == "done" and over == [RECIPE.id] and registry.active() == []
    assert len(hub.requests) == 2 and left(tmp_path) == [NAME]


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


def test_cancelling_leaves_nothing(tmp_path):
    with Hub(Answer(stall=60, cut=1000), otherwise=Answer(500)) as hub:
        registry = downloads(hub, tmp_path)
        download = registry.start(RECIPE.id)
        wait_until(lambda: download.done == 1000)
        download.cancel()
        hub.over.set()
        download.thread.join(10)
        assert download.state == "cancelled" and left(tmp_path) == [] and download.problem is None
        again = registry.start(RECIPE.id)
        assert again is not download, "a click after that begins anew"
        again.cancel()
        again.thread.join(10)
    assert again.state == "cancelled" and left(tmp_path) == []


def test_cancelling_in_a_pause_and_while_the_sum_is_taken(tmp_path, monkeypatch):
    with Hub(otherwise=Answer(429, headers={"Retry-After": "60"})) as hub:
        download = downloads(hub, tmp_path).start(RECIPE.id)
        wait_until(lambda: hub.requests)
        download.cancel()
        download.thread.join(10)
    assert download.state == "cancelled" and left(tmp_path) == []
    real = transfer.hashlib.sha256
    with Hub() as hub:
        download = Download(RECIPE, tmp_path / NAME, lambda: Server(hub.address))
        monkeypatch.setattr(transfer.hashlib, "sha256", lambda: download.cancel() or real())
        download.run()
    assert download.state == "cancelled" and left(tmp_path) == []


def test_only_ids_of_the_published_catalog_name_a_file(tmp_path):
    registry = Downloads(lambda: Server("http://127.0.0.1:9"), lambda r: tmp_path)
    assert registry.find("hyper-sd15-8steps").bytes == 269127064 and registry.find("hyper-sdxl-unet").kind == "unet"
    for id in (
        "",
        "../x",
        "hyper-sdxl-unet-diffusers",
        "hyper-sd15-merged",
        "lightning-sdxl-4steps",
        "lcm-sdxl",
        "Hyper-SD15-8steps-lora.safetensors",
        None,
    ):
        assert registry.find(id) is None
        with pytest.raises(Failed, match="The catalog has no file of that id"):
            registry.start(id)
    assert registry.all() == [] and registry.get("hyper-sd15-8steps") is None


@pytest.mark.parametrize("field", ["file", "repository"])
@pytest.mark.parametrize(
    "value",
    ["../x.safetensors", "a b.safetensors", "a/b/c", ".x.safetensors", "ä/b", "x\n.safetensors", "a/b?c", "", None],
)
def test_an_odd_name_makes_no_address(field, value):
    entry = replace(RECIPE, **{field: value})
    with pytest.raises(Failed, match="does not say where its file is published"):
        Server().place(entry)


@pytest.mark.parametrize("base", ["", "ftp://x", "//x", "http://", "http://a b", "http://u:p@x", "http://x?q", "http://x#f", "http://x:y", "http://[", "http://ä", "javascript:alert(1)"])  # fmt: skip
def test_a_mirror_must_be_an_address(base):
    with pytest.raises(Failed, match="is no address such as https"):
        Server(base)


def test_a_mirror_may_have_a_path(tmp_path):
    assert Server(" https://nexus.local:8443/hf/ ").place(RECIPE) == (
        f"https://nexus.local:8443/hf/ByteDance/Hyper-SD/resolve/main/{NAME}"
    )


def test_a_mirror_that_is_none_is_said_when_it_is_used(tmp_path):
    registry = Downloads(lambda: Server("nonsense"), lambda r: tmp_path)
    assert registry.place(RECIPE).startswith("The mirror “nonsense” is no address")
    download = registry.start(RECIPE.id)
    download.thread.join(10)
    assert download.problem.startswith("The mirror “nonsense” is no address")


def test_an_offline_folder_is_copied_from_and_the_net_is_not_asked(tmp_path):
    source, target = tmp_path / "usb stick", tmp_path / "loras"
    source.mkdir()

    def copy():
        download = Download(RECIPE, target / NAME, lambda: Folder(source), pause_s=0.001)
        download.run()
        return download

    assert f"The offline folder {source} has no {NAME}. Put it there" in copy().problem
    (source / NAME).write_bytes(CONTENT[:-1])
    assert "it is another one" in copy().problem
    (source / NAME).write_bytes(OTHER)
    assert "its SHA-256 is another" in copy().problem and left(target) == []
    (source / NAME).write_bytes(CONTENT)
    assert copy().state == "done" and (target / NAME).read_bytes() == CONTENT and left(source) == left(target) == [NAME]
    assert Folder(source).place(RECIPE) == str(source / NAME)


FAULTS = 200


def faulty(random):
    """Answers with one to four faults, of all kinds, in any order."""

    def size():
        return random.randrange(len(CONTENT))

    kinds = [
        lambda: Answer(cut=size()),
        lambda: Answer(cut=size(), ignores_range=True),
        lambda: Answer(cut=size(), etag=None, content=OTHER),
        lambda: Answer(cut=size(), etag=random.choice([None, '"two"', 'W/"one"'])),
        lambda: Answer(content=OTHER, etag=random.choice([None, '"one"', '"two"'])),
        lambda: Answer(length=size()),
        lambda: Answer(length=len(CONTENT) + size() + 1),
        lambda: Answer(content=CONTENT[: size()]),
        lambda: Answer(content=CONTENT + b"x" * (size() + 1), chunked=random.random() < 0.5),
        lambda: Answer(content=CONTENT[:size()], chunked=True),
        lambda: Answer(cut=size(), chunked=True),
        lambda: Answer(range_off=random.choice([-1, 1, 7])),
        lambda: Answer(stall=60, cut=random.choice([None, size()])),
        lambda: Answer(random.choice([302, 307]), headers={"Location": random.choice(["/round", "/other", "ftp://x/", "http://127.0.0.1:1/", ""])}),
        lambda: Answer(random.choice([400, 401, 403, 404, 410, 416, 418])),
        lambda: Answer(random.choice([408, 425, 429, 500, 502, 503, 504]), headers=random.choice([{}, {"Retry-After": "0"}])),
        lambda: Answer(random.choice([204, 300, 304])),
        lambda: Answer(headers={"Content-Encoding": "gzip"}, content=random.choice([CONTENT, OTHER])),
    ]  # fmt: skip
    return [random.choice(kinds)() for _ in range(random.randrange(1, 5))]


def test_two_hundred_faults_and_no_wrong_file(tmp_path):
    """Each folder takes one to three runs over faults; whatever happens, the name has the right bytes or no file."""
    random, faults, states, folder = Random(20240), 0, collections.Counter(), 0
    while faults < FAULTS:
        folder += 1
        where = tmp_path / str(folder)
        for _ in range(random.randrange(1, 4)):
            answers = faulty(random)
            with Hub(*answers) as hub:
                download = fetch(where, hub, attempts=4, stall_s=0.3)
                faults += len(answers) - len(hub.answers)
            states[download.state] += 1
            there = (where / NAME).exists()
            assert there == (download.state == "done") and "unexpected" not in (download.problem or "")
            assert not there or (where / NAME).read_bytes() == CONTENT
            assert set(left(where)) <= {NAME, f"{NAME}.part", f"{NAME}.part.json"}
            if there:
                assert left(where) == [NAME]
                break
    assert states["done"] >= 20 and states["failed"] >= 20, states
