"""A LoRA file is one whatever the case of its suffix, as on the hosts: listed, read, hashed and named alike."""

import json
import os
from dataclasses import replace

import pytest

from lib_hypersd.cli.main import main
from lib_hypersd.download.source import Folder, Server
from lib_hypersd.files.library import Library, file_of
from lib_hypersd.files.scan import below
from lib_hypersd.recipes.catalog import published
from tests import loras
from tests.server import recipe

CATALOG = published()
BY_ID = {recipe.id: recipe for recipe in CATALOG.recipes}
SUFFIXES = pytest.mark.parametrize("suffix", [".safetensors", ".SAFETENSORS", ".Safetensors", ".SafeTensors"])
EIGHT = {"ss_output_name": "Hyper-SDXL-8steps-lora"}
PAGE = b"<!DOCTYPE html><html><body>Sign in to this network</body></html>"


def write(path, metadata=None, size=None):
    shapes, own = loras.published("sdxl")
    loras.write(path, shapes, metadata=metadata or own, size=size)
    return path


def examine(*paths, **options):
    library = Library(**options)
    library.examine(map(str, paths), CATALOG, open_all=True)
    library.background.finish(pause=0)
    return library.examine(map(str, paths), CATALOG)


@SUFFIXES
def test_a_file_is_listed_and_told_by_what_is_in_it(tmp_path, suffix):
    path = write(tmp_path / "deep" / f"speed{suffix}", EIGHT)
    assert below(tmp_path) == [str(path)]
    (file,) = examine(path)
    assert (file.name, file.identification.recipe.id) == ("speed", "hyper-sdxl-8steps")
    assert file.identification.evidence == "metadata" and file_of(file).name == "speed"


@SUFFIXES
def test_a_file_that_is_none_is_refused(tmp_path, suffix):
    path = tmp_path / f"Hyper-SDXL-4steps-lora{suffix}"
    path.write_bytes(PAGE)
    (file,) = examine(path)
    assert file.identification.recipe is None and file.identification.refused
    assert file.clues.problem.startswith(f"Hyper-SDXL-4steps-lora{suffix} says that its header has")


@SUFFIXES
def test_a_file_of_a_published_size_is_hashed(tmp_path, suffix):
    path = write(tmp_path / f"eight{suffix}", size=BY_ID["hyper-sdxl-8steps"].bytes)
    (file,) = examine(path, hash_of=lambda path: (BY_ID["hyper-sdxl-8steps"].sha256, ""))
    assert (file.identification.recipe.id, file.identification.evidence) == ("hyper-sdxl-8steps", "SHA-256")


def test_files_of_one_folder_keep_their_order_and_folders_called_so_are_named(tmp_path):
    for name in ("b.SAFETENSORS", "a.safetensors", "c.Safetensors"):
        write(tmp_path / name)
    (tmp_path / "d.SAFETENSORS").mkdir()
    (tmp_path / "e.ckpt").touch()
    assert [os.path.basename(path) for path in below(tmp_path)] == [
        "a.safetensors", "b.SAFETENSORS", "c.Safetensors", "d.SAFETENSORS"
    ]  # fmt: skip


def test_the_command_line_names_them_and_plans_with_them(tmp_path, capsys):
    write(tmp_path / "speed.SAFETENSORS", EIGHT)
    assert main(["identify", "--no-hash", str(tmp_path)]) == 0
    assert "speed is Hyper-SDXL-8steps-lora of Hyper-SD" in capsys.readouterr().out
    assert main(["plan", "--family", "sdxl", "--loras", str(tmp_path), "--prompt", "a cat", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "<lora:speed:0.75> a cat"
    (tmp_path / "Hyper-SDXL-4steps-lora.SAFETENSORS").write_bytes(PAGE)
    assert main(["identify", "--no-hash", str(tmp_path)]) == 1


def test_what_an_earlier_version_has_kept_of_such_a_file_is_looked_at_anew(tmp_path):
    """It was taken for no LoRA and never opened."""
    path = write(tmp_path / "speed.SAFETENSORS", EIGHT)
    status, cache = path.stat(), tmp_path / "cache.json"
    kept = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "opened": True}
    cache.write_text(json.dumps({"version": 1, "files": {str(path): kept}}))
    (file,) = examine(path, cache=cache)
    assert file.identification.recipe.id == "hyper-sdxl-8steps"


def test_a_recipe_may_name_its_file_so(tmp_path):
    entry = replace(recipe(), file="Hyper.SAFETENSORS")
    assert Server("http://x").place(entry) == "http://x/ByteDance/Hyper-SD/resolve/main/Hyper.SAFETENSORS"
    assert Folder(tmp_path).place(entry) == str(tmp_path / "Hyper.SAFETENSORS")
