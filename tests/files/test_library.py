"""The files on disk: every one of a folder is known for what it is, whatever it is called and however it is broken."""

import os

import pytest

from lib_hypersd.files import library
from lib_hypersd.files.library import Library
from lib_hypersd.files.scan import below
from tests.files.shelf import BY_ID, CATALOG, GOOD, OTHER, REFUSED, UNKNOWN, hash_of, like, style


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("loras")
    for name, write in [(row[0], row[1]) for row in GOOD] + [(n, w) for n, (w, _) in {**OTHER, **REFUSED}.items()]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write(root / name)
    yield root
    for path in below(root):  # sparse, but huge to whoever copies them
        if os.path.isfile(path):
            os.remove(path)


def examine_below(folder, shelf):
    host_knows = "known to the host"
    paths = {p: BY_ID["hyper-sdxl-8steps-cfg"].addnet if host_knows in p else "" for p in below(folder)}
    return {os.path.relpath(file.path, folder): file for file in shelf.examine(paths, CATALOG)}


def test_sixty_one_files_are_all_known_for_what_they_are(folder, monkeypatch):
    monkeypatch.setattr(library, "hashes_of", lambda path: (UNKNOWN, UNKNOWN))
    assert len(GOOD) + len(OTHER) + len(REFUSED) == 61
    shelf = Library(hash_of=hash_of)
    first = examine_below(folder, shelf)
    assert set(first) == {row[0] for row in GOOD} | OTHER.keys() | REFUSED.keys()

    def verdict_on(answer, name):
        found = answer[name].identification
        return found.recipe and found.recipe.id, found.evidence

    assert {row[0]: verdict_on(first, row[0]) for row in GOOD} == {row[0]: row[2:4] for row in GOOD}

    shelf.background.finish(pause=0)
    last = examine_below(folder, shelf)
    by_hash = {row[0]: row[4:6] for row in GOOD if len(row) > 4}
    assert {name: verdict_on(last, name) for name in by_hash} == by_hash
    for row in GOOD:
        recipe, evidence = row[-2:]
        if recipe and "size" not in evidence:
            assert verdict_on(last, row[0]) == (recipe, evidence)
    for name, (_, sentence) in OTHER.items():
        found = last[name].identification
        assert found.recipe is None and not found.refused and sentence in found.sentence
    for name, (_, sentence) in REFUSED.items():
        found = first[name].identification
        assert (found.recipe, found.refused) == (None, True) and sentence in found.sentence, name
        assert found.sentence.isprintable() and found.sentence.endswith(".")
    assert last["saved/old/Hyper-SD3-4steps-CFG-lora.safetensors"].clues.lora.family == "sd3"
    assert first["saved/old/Hyper-SD3-4steps-CFG-lora.safetensors"].identification.superseded


def test_only_promising_files_are_opened_at_once_and_the_rest_later(folder, monkeypatch):
    read, real = [], library.read_header
    monkeypatch.setattr(
        library, "read_header", lambda path: (read.append(str(path.relative_to(folder))), real(path))[1]
    )
    monkeypatch.setattr(library, "hashes_of", lambda path: (UNKNOWN, UNKNOWN))
    shelf = Library(hash_of=hash_of)
    examine_below(folder, shelf)
    assert not {*OTHER} & {*read} and {"saved/speed.safetensors", "saved/Hyper 8steps.safetensors"} <= {*read}
    first = len(read)
    examine_below(folder, shelf)
    assert len(read) == first == len(set(read))
    for _ in range(3):
        shelf.background.finish(pause=0)
        examine_below(folder, shelf)
    assert {*OTHER} <= {*read} and len(read) == len(set(read))


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "Hyper-SDXL-8steps-lora.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(
        library, "read_header", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    (file,) = Library().examine([str(path)], CATALOG)
    assert file.identification.refused
    assert (
        file.identification.sentence
        == "Hyper-SDXL-8steps-lora.safetensors cannot be read (Permission denied). It is not used."
    )


@pytest.mark.parametrize("path", ["a\0b.safetensors", "x" * 5000 + ".safetensors", "", "\udcff.safetensors"])
def test_a_path_that_cannot_be_is_a_sentence(path):
    (file,) = Library().examine([path], CATALOG)
    assert file.identification.recipe is None and file.identification.sentence.isprintable()


def test_a_pickle_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "Hyper-SDXL-8steps-lora.pt"
    path.write_bytes(b"\x80\x04pickle")
    monkeypatch.setattr(library, "read_header", lambda path: pytest.fail("opened"))
    shelf = Library()
    (file,) = shelf.examine([str(path)], CATALOG, open_all=True)
    shelf.background.finish(pause=0)
    assert (file.identification.recipe.id, file.identification.confidence) == ("hyper-sdxl-8steps", "weak")


def test_folders_are_walked_once_however_they_are_linked(tmp_path):
    style("sd15")(tmp_path / "b" / "x.safetensors")
    style("sd15")(tmp_path / "a.safetensors")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "note.txt").touch()
    assert [os.path.relpath(p, tmp_path) for p in below(tmp_path)] == ["a.safetensors", "b/x.safetensors"]
    assert below(tmp_path / "a.safetensors") == [str(tmp_path / "a.safetensors")]
