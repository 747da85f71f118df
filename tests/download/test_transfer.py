"""Transfers from a real server with every fault: the file is whole under its name, or there is none of that name."""

import json

import pytest

from lib_hypersd.download import transfer
from lib_hypersd.download.source import Server
from lib_hypersd.download.transfer import Download
from tests.download.fetches import NAME, RECIPE, fetch, left
from tests.server import CONTENT, OTHER, Answer, Hub


def test_the_file_comes_from_the_catalogs_address_and_nothing_else_is_left(tmp_path):
    with Hub() as hub:
        done = fetch(tmp_path / "new", hub)
    assert (done.state, done.problem, done.done, done.total) == ("done", None, len(CONTENT), len(CONTENT))
    assert (tmp_path / "new" / NAME).read_bytes() == CONTENT and left(tmp_path / "new") == [NAME]
    assert [r.path for r in hub.requests] == [f"/ByteDance/Hyper-SD/resolve/main/{NAME}"]
    assert "Authorization" not in hub.requests[0].headers and hub.requests[0].headers["Accept-Encoding"] == "identity"


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
    ("status", "sentence"),
    [
        (401, "127.0.0.1 asks for an account (401). Look for http://127.0.0.1"),
        (403, "127.0.0.1 refuses the file (403). Look for http://127.0.0.1"),
        (404, "127.0.0.1 does not have the file (404). Look for http://127.0.0.1"),
        (418, "127.0.0.1 does not give the file (418)."),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(tmp_path, status, sentence):
    with Hub(otherwise=Answer(status)) as hub:
        failed = fetch(tmp_path, hub)
    assert sentence in failed.problem and "set a mirror or an offline folder in the settings" in failed.problem
    assert len(hub.requests) == 1 and left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (429, "is asked too often (429)"),
        (500, "has a fault of its own (500)"),
        (408, "did not get the request in time"),
    ],
)
def test_a_passing_fault_is_tried_again_a_few_times(tmp_path, status, sentence):
    with Hub(*[Answer(status)] * 4) as hub:
        assert fetch(tmp_path / "first", hub).state == "done"
    tmp_path = tmp_path / "second"
    with Hub(otherwise=Answer(status)) as hub:
        failed = fetch(tmp_path, hub)
    assert sentence in failed.problem and "Try again later" in failed.problem
    assert len(hub.requests) == 5 and left(tmp_path) == []


def test_pauses_grow_and_the_servers_wish_is_heard_within_bounds(tmp_path):
    waits = []
    wishes = [{}, {"Retry-After": "7"}, {"Retry-After": "86400"}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}]
    with Hub(*[Answer(429, headers=headers) for headers in wishes]) as hub:
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
    ("location", "sentence"),
    [
        ("/round", "sends the request around in circles."),
        ("ftp://127.0.0.1/file", "sends on to what is no web address."),
        ("file:///etc/hostname", "sends on to what is no web address."),
        ("http://[", "sends on to what is no web address."),
        ("http://127.0.0.1:1/", "The connection to 127.0.0.1 broke"),
        ("http://127.0.0.1:99999/", "127.0.0.1"),
    ],
)
def test_redirects_lead_to_the_web_and_not_in_circles(tmp_path, location, sentence):
    with Hub(otherwise=Answer(302, headers={"Location": location})) as hub:
        failed = fetch(tmp_path, hub, attempts=2)
    assert failed.state == "failed" and sentence in failed.problem and "unexpected" not in failed.problem
    assert left(tmp_path) == [] and len(hub.requests) <= 2 * 6


def test_parts_that_never_fit_together_come_to_an_end(tmp_path):
    """Each attempt goes on with the bytes of one file in those of another."""
    one, other = Answer(cut=100_000, content=OTHER, etag=None), Answer(etag=None)
    with Hub(*[one, other] * 20) as hub:
        failed = fetch(tmp_path, hub)
    assert failed.state == "failed" and len(hub.requests) == 5 and NAME not in left(tmp_path)
