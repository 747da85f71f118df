"""The README says what the catalog says, and its example is understood."""

import json
import re
from pathlib import Path

from lib_hypersd.recipes.catalog import HYPER_SD, published
from lib_hypersd.recipes.settings import read_settings
from tools.recipes import row, values

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_the_catalogs():
    table = re.search(r"<!-- recipes:.*?-->\n\|.*\n\|.*\n((?:\|.*\n)+)", README).group(1).splitlines()
    ours = [r for r in published().recipes if r.file and r.maker == HYPER_SD]
    assert table == [row(*values(r)[:-1]) for r in ours if r.kind != "unet-diffusers"]


def test_every_other_maker_is_named():
    named = re.search(r"where you hold them \(([^)]*)\)", README).group(1)
    assert set(re.split(r",\s", named)) == {r.maker for r in published().recipes if r.is_lora} - {HYPER_SD}


def test_the_examples_of_the_api_are_understood():
    (example,) = [json.loads(text) for text in re.findall(r"```json\n(\{.*?\})\n```", README, re.S)]
    settings, problems, comments = read_settings(example["alwayson_scripts"]["Hyper-SD"]["args"])
    assert settings.steps == 4 and settings.enabled and not problems and not comments
    assert read_settings([True, None, 4])[0] == settings
