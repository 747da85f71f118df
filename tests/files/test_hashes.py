"""Files of a published size are hashed in the background, once, and the host's hash comes first."""

import os
import struct
import time

from lib_hypersd.files import library
from lib_hypersd.files.library import Library, hashes_of
from tests import loras
from tests.files.shelf import BY_ID, CATALOG, UNKNOWN, like


def test_hashes_are_those_of_the_plainest_way(tmp_path):
    path = tmp_path / "some.safetensors"
    loras.write(path, {"a": [300, 2000]})
    assert hashes_of(str(path)) == loras.hashes(path)
    for content in (b"", b"abc", struct.pack("<Q", 2**63) + b"{}"):
        path.write_bytes(content)
        assert hashes_of(str(path))[0] == loras.hashes(path)[0]


def test_a_file_is_hashed_once_and_the_hosts_hash_is_taken_first(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    requested, hashed = [], []
    monkeypatch.setattr(
        library, "hashes_of", lambda path: (hashed.append(path), (BY_ID["hyper-sdxl-2steps"].sha256, UNKNOWN))[1]
    )
    for answer, expected in (
        (("", ""), "hyper-sdxl-2steps"),
        ((BY_ID["hyper-sdxl-8steps"].sha256, ""), "hyper-sdxl-8steps"),
    ):
        shelf = Library(tmp_path / f"{expected}.json", lambda path, answer=answer: (requested.append(path), answer)[1])
        for _ in range(3):
            shelf.examine([str(path)], CATALOG)
            shelf.background.finish(pause=0)
        assert shelf.examine([str(path)], CATALOG)[0].identification.recipe.id == expected
    assert len(requested) == 2 and len(hashed) == 1
    Library(tmp_path / "hyper-sdxl-2steps.json").examine([str(path)], CATALOG)
    unwilling = Library(may_hash=False)
    unwilling.examine([str(path)], CATALOG)
    assert not unwilling.background.queue and len(hashed) == 1


def test_a_hash_cache_of_the_host_that_fails_is_no_fault(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(library, "hashes_of", lambda path: (BY_ID["hyper-sdxl-2steps"].sha256, UNKNOWN))
    shelf = Library(hash_of=lambda path: 1 / 0)
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe.id == "hyper-sdxl-2steps"


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)

    def change(_):
        os.utime(path, ns=(1, time.time_ns()))
        return BY_ID["hyper-sdxl-8steps"].sha256, UNKNOWN

    monkeypatch.setattr(library, "hashes_of", change)
    shelf = Library()
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe is None and shelf.background.queue


def test_a_file_that_cannot_be_hashed_is_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(
        library, "hashes_of", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    shelf = Library()
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe is None
