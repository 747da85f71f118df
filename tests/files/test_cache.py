"""What was read of a file is kept until the file changes, whatever becomes of the cache."""

import json
import os
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_hypersd.files import library
from lib_hypersd.files.cache import CacheEntry, read_cache
from lib_hypersd.files.library import Library
from lib_hypersd.files.scan import below
from tests.files.shelf import CATALOG, style


@pytest.fixture
def small(tmp_path):
    """A folder of three small LoRAs, and a shelf with a cache."""
    for name in ("Hyper-SDXL-4steps-lora", "style", "other"):
        style("sdxl")(tmp_path / "loras" / f"{name}.safetensors")
        os.truncate(tmp_path / "loras" / f"{name}.safetensors", 9_000_000_000)
    return tmp_path


def test_what_was_seen_is_kept_between_starts_and_read_again_when_it_changes(small, monkeypatch):
    cache, paths = small / "files.json", below(small / "loras")
    shelf = Library(cache)
    shelf.examine(paths, CATALOG)
    shelf.background.start()
    shelf.background.thread.join(10)
    assert len(json.loads(cache.read_text())["files"]) == 3 and shelf.background.thread is None and shelf.news == 2
    with monkeypatch.context() as patch:
        patch.setattr(library, "read_header", lambda path: pytest.fail("read twice"))
        again = Library(cache)
        files = again.examine(paths, CATALOG)
        again.background.finish(pause=0)
    assert [file.clues.lora.family for file in files] == ["sdxl"] * 3 and again.is_current(files)
    style("sd15")(small / "loras" / "Hyper-SDXL-4steps-lora.safetensors")
    assert not again.is_current(files)
    assert again.examine(paths, CATALOG)[0].identification.refused


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 0, "files": {}}', '{"version": 2}', '{"version": 2, "files": []}',
     '{"version": 2, "files": {"x": 1}}', '{"version": 2, "files": {"x": {"size": "1", "mtime_ns": 1}}}',
     '{"version": 2, "files": {"x": {"size": 1}}}', '{"version": 2, "files": {"x": {"size": 1, "mtime_ns": 1, "evil": 1}}}',
     '{"version": 2, "files": {"x": {"size": 1, "mtime_ns": 1, "lora": {"family": []}}}}', "[" * 100_000, "\u00e9"],
)  # fmt: skip
def test_a_broken_cache_is_made_again(small, content):
    cache = small / "files.json"
    cache.write_text(content, encoding="utf-8")
    assert read_cache(cache) == {}
    shelf = Library(cache)
    assert shelf.examine(below(small / "loras"), CATALOG)[0].identification.recipe.id == "hyper-sdxl-4steps"
    shelf.background.finish(pause=0)
    assert len(read_cache(cache)) == 3 and not list(small.glob("*.tmp"))


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda v: st.lists(v) | st.dictionaries(st.sampled_from([*CacheEntry._fields, "version", "files"]), v),
    )
)
def test_no_json_in_the_cache_does_harm(tmp_path_factory, content):
    cache = tmp_path_factory.getbasetemp() / "any-cache.json"
    cache.write_text(json.dumps({"version": 2, "files": {"x": content}}))
    assert all(isinstance(entry, CacheEntry) for entry in read_cache(cache).values())


def test_a_cache_that_cannot_be_written_is_no_fault(small):
    shelf = Library(small / "no such folder" / "files.json")
    shelf.examine(below(small / "loras"), CATALOG)
    shelf.background.finish(pause=0)
    assert len(shelf.entries) == 3


def test_a_file_that_is_gone_hides_no_change_of_another(small):
    shelf, paths = Library(), below(small / "loras")
    os.remove(paths[0])
    files = shelf.examine(paths, CATALOG)
    assert shelf.is_current(files)
    os.utime(paths[1], ns=(1, 1))
    assert not shelf.is_current(files)


def test_files_that_are_gone_are_forgotten(small):
    shelf = Library(small / "files.json")
    paths = below(small / "loras")
    files = shelf.examine(paths, CATALOG)
    os.remove(paths[0])
    assert not shelf.is_current(files)
    assert "cannot be read" in shelf.examine(paths, CATALOG)[0].identification.sentence
    shelf.background.finish(pause=0)
    assert len(read_cache(small / "files.json")) == 2


def test_many_threads_may_ask_at_once(small):
    shelf, paths, answers = Library(small / "files.json"), below(small / "loras"), []

    def ask():
        for _ in range(20):
            answers.append([k.identification.recipe for k in shelf.examine(paths, CATALOG)])
            shelf.background.start()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    while shelf.background.thread:
        time.sleep(0.01)
    assert len(answers) == 160 and all(a == answers[0] for a in answers) and len(read_cache(small / "files.json")) == 3
