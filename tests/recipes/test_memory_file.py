"""What is remembered of a checkpoint: found again by hash or by name and size, and never lost in silence."""

import json

import pytest

from lib_hypersd.plan import Memory
from lib_hypersd.recipes.memory import CannotRemember, Entry, Memories, read_memory
from lib_hypersd.recipes.settings import Settings

PLAIN, FAST = Memory(""), Memory("SDXL-Lightning", Settings(steps=6, cfg=1.5))


@pytest.fixture
def memories(tmp_path):
    return Memories(tmp_path / "hypersd-checkpoints.json")


def test_nothing_is_remembered_at_first(memories):
    assert memories.find("a", 1) == Memory() and memories.read().entries == () and not memories.path.exists()


def test_a_checkpoint_is_known_again_by_name_and_size_or_by_hash(memories):
    memories.keep(Entry("a", 1, "", PLAIN))
    memories.keep(Entry("b", 2, "beef", FAST))
    again = Memories(memories.path)
    assert again.find("a", 1) == again.find("a", 1, "feed") == PLAIN
    assert again.find("b", 2, "beef") == again.find("renamed", 3, "beef") == again.find("b", 2) == FAST
    assert again.find("b", 2, "other") == Memory(), "another file of that name and size"
    assert again.find("a", 2) == again.find("b", 1) == Memory()


def test_the_last_word_counts_and_an_empty_one_forgets(memories):
    memories.keep(Entry("a", 1, "", PLAIN))
    memories.keep(Entry("a", 1, "beef", FAST))
    assert memories.find("a", 1) == FAST and len(memories.read().entries) == 1
    memories.keep(Entry("a", 1, "beef"))
    assert memories.read().entries == () and json.loads(memories.path.read_text()) == []


def test_what_is_written_can_be_read_by_people(memories):
    memories.keep(Entry("ü 名", 1, "beef", FAST))
    (value,) = json.loads(memories.path.read_text(encoding="utf-8"))
    assert value == {
        "name": "ü 名", "size": 1, "sha256": "beef", "inside": "SDXL-Lightning", "settings": {"steps": 6, "cfg": 1.5},
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "{", "{}", "3", "[3]", '[{"name": "a"}]', '[{"name": 1, "size": 1, "sha256": ""}]', "[" * 100_000,
        '[{"name": "a", "size": 1, "sha256": "", "settings": {"steps": "many"}}]',
        '[{"name": "a", "size": 1, "sha256": "", "inside": 3}]', "[" + " " * 1_000_000 + "]",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_and_left_as_it_is(memories, text):
    memories.path.write_text(text)
    assert memories.read().entries == () and memories.read().problem.startswith(
        "hypersd-checkpoints.json could not be read ("
    )
    with pytest.raises(CannotRemember, match="mend it or delete it"):
        memories.keep(Entry("a", 1, "", PLAIN))
    assert memories.path.read_text() == text


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(CannotRemember, match="could not be written"):
        Memories(tmp_path / "absent" / "file.json").keep(Entry("a", 1, "", PLAIN))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"inside": 3}, "“inside” must be"), ({"settings": 3}, "“settings” must be"),
        ({"settings": {"steps": 0}}, "Steps must be"), ({"settings": {"weigth": 1}}, "“weigth” is unknown"),
    ],
)  # fmt: skip
def test_what_cannot_be_remembered_is_said(value, problem):
    with pytest.raises(CannotRemember, match=problem):
        read_memory(value)


def test_what_is_left_open_is_not_remembered():
    assert read_memory({}) == read_memory({"inside": None, "settings": {"steps": None}}) == Memory()
