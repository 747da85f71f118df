"""The addresses and folders that files come from."""

from dataclasses import replace

import pytest

from lib_hypersd.download.source import HUB, Failed, Folder, Server
from lib_hypersd.download.transfer import Download
from lib_hypersd.recipes.catalog import published
from tests.download.fetches import NAME, RECIPE, left
from tests.server import CONTENT, OTHER


def test_every_file_that_is_published_on_the_hub_has_its_address_there():
    assert all(entry.repository for entry in published().recipes if entry.can_be_fetched)
    for entry in published().recipes:
        if entry.file and entry.repository:
            assert Server().place(entry) == f"{HUB}/{entry.repository}/resolve/main/{entry.file}"


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
