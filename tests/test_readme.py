"""The README says what the catalog says, and its commands exist."""

import json
import re
from pathlib import Path

import pytest

from lib_hypersd.catalog import HYPER_SD, published
from lib_hypersd.cli import main
from lib_hypersd.settings import read

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def row(recipe):
    def number(value):
        return "–" if value is None else f"{value:g}"

    steps = f"{recipe.steps_min}" if recipe.steps_min == recipe.steps_max else f"{recipe.steps_min}–{recipe.steps_max}"
    cfg = f"{recipe.cfg:g} ({recipe.cfg_min:g}–{recipe.cfg_max:g})"
    if recipe.distilled_cfg is not None:
        cfg = f"{recipe.cfg:g}, distilled {recipe.distilled_cfg:g}"
    name = recipe.file.removesuffix(".safetensors") + ("" if recipe.is_lora else " (checkpoint)")
    return f"| {name} | {steps} | {number(recipe.weight)} | {cfg} | {recipe.sampler} | {recipe.schedule} | {number(recipe.eta)} |"


def test_the_table_is_the_catalogs():
    table = re.search(r"<!-- recipes:.*?-->\n\|.*\n\|.*\n((?:\|.*\n)+)", README).group(1).splitlines()
    ours = [r for r in published().recipes if r.file and r.maker == HYPER_SD]
    assert table == [row(r) for r in ours if r.kind != "unet-diffusers"]


def test_the_neighbours_table_is_the_catalogs():
    table = re.search(r"<!-- neighbours:.*?-->\n\|.*\n\|.*\n((?:\|.*\n)+)", README).group(1).splitlines()
    assert table == [row(r) for r in published().recipes if r.file and r.maker != HYPER_SD]


def test_the_examples_of_the_api_are_understood():
    (example,) = [json.loads(text) for text in re.findall(r"```json\n(\{.*?\})\n```", README, re.S)]
    settings, problems, comments = read(example["alwayson_scripts"]["Hyper-SD"]["args"])
    assert settings.steps == 4 and settings.enabled and not problems and not comments
    assert read([True, None, 4])[0] == settings
    named = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", README, re.M)
    assert {name for cell in named for name in re.findall(r"`(\w+)`", cell)} == set(settings.__dataclass_fields__)


def test_the_example_of_the_command_line_runs(capsys):
    command = re.search(r"`python -m lib_hypersd (plan .*?)`", README).group(1)
    assert main(command.split()) == 0 and json.loads(capsys.readouterr().out)["steps"] == 8


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md", "docs/reliability.md"])
def test_links_and_rooms_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / document).parent / target).exists(), target
    for room in re.findall(r"`((?:lib_hypersd|scripts|tests|tools|javascript|bench)/[\w./]*)`", text):
        assert (ROOT / room).exists(), room
