"""What a release says of itself, by the rules of those who read it: the extension index, the hosts, the changelog."""

import configparser
import json
import re
from pathlib import Path

from lib_hypersd import __version__

ROOT = Path(__file__).parent.parent
ENTRY = json.loads((ROOT / "docs" / "index" / "hyper-sd.json").read_text(encoding="utf-8"))
# tags.json of the index, commit 956826e. Reserved: "installed" is the WebUI's own, "localization" for translations only,
# "ads" and "online" for what advertises or needs a server while it works.
TAGS = {
    "script", "tab", "dropdown", "training", "models", "UI related", "prompting", "editing", "manipulations", "animation",
    "query", "science", "extras",
}  # fmt: skip


def metadata():
    """As the hosts read it: sections keep their case, keys do not."""
    config = configparser.ConfigParser()
    config.read(ROOT / "metadata.ini", encoding="utf-8")
    return config


def test_the_entry_of_the_index_is_valid():
    """The rules of .github/scripts/validate.py of the index, and of its README."""
    assert set(ENTRY) == {"name", "url", "description", "tags"}, "four keys; the date is added there"
    assert ENTRY["tags"] and set(ENTRY["tags"]) <= TAGS and len(set(ENTRY["tags"])) == len(ENTRY["tags"])
    assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+\.git", ENTRY["url"])
    assert (
        ENTRY["description"].isascii() and 40 < len(ENTRY["description"]) < 300 and ENTRY["description"].endswith(".")
    )
    assert ENTRY["name"] == "Hyper-SD" and len((ROOT / "docs" / "index" / "hyper-sd.json").read_bytes()) < 1000


def test_the_name_is_one():
    """The folder that a host clones into is the last part of the address; it knows an extension by a lower-case name."""
    name = metadata()["Extension"]["Name"]
    assert name == name.lower().strip()
    assert name == ENTRY["url"].rpartition("/")[2].removesuffix(".git")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^name = "(.*)"$', project, re.M).group(1) == name


def test_every_package_is_installed():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"(lib_hypersd[\w.]*)"', re.search(r"^packages = (.*)$", project, re.M)[1]))
    folders = {path.parent for path in (ROOT / "lib_hypersd").rglob("__init__.py")}
    assert named == {".".join(folder.relative_to(ROOT).parts) for folder in folders}


def test_metadata_has_what_hosts_read_and_nothing_else():
    """A1111's modules/extensions.py and modules/scripts.py: what is misspelt there is passed over without a word."""
    config = metadata()
    allowed = {"Extension": {"name", "requires"}}
    for section in config.sections():
        if section.startswith("scripts/"):
            assert (ROOT / section).is_file()
            allowed[section] = {"requires", "before", "after"}
        assert set(config[section]) <= allowed[section]
    after = re.split(r"[,\s]+", config["scripts/hypersd.py"]["After"])
    assert after == [name.lower() for name in after]
    # X/Y/Z is a script in A1111 and a built-in extension of this name in Forge Classic; see webui/axes.py.
    assert {"xyz_grid.py", "xyz"} <= set(after)


def test_the_changelog_knows_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    versions = re.findall(r"^## (\S+)", changelog, re.M)
    assert [v for v in versions if v != "Unreleased"][0] == __version__ and versions.index(__version__) <= 1
    assert len(set(versions)) == len(versions)


def test_comfyuis_registry_reads_the_version_as_it_stands():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.*?)"', project, re.M).group(1) == __version__
    assert "dynamic" not in project
    assert re.search(r'^Repository = "(.*)"$', project, re.M).group(1) == ENTRY["url"].removesuffix(".git")
    comfy = project.partition("[tool.comfy]")[2].partition("\n[")[0]
    assert re.findall(r"^([\w-]+) = ", comfy, re.M) == ["PublisherId", "DisplayName", "requires-comfyui"]
