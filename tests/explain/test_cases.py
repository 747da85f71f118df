"""Infotexts of the kinds that public reports show: the right cause comes first, and a good image has none."""

import json
from pathlib import Path

import pytest

from lib_hypersd.explain import explain, read_text
from lib_hypersd.recipes.catalog import published

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
CATALOG = published()


def fields(case):
    return [cause.field for cause in explain(read_text(case["text"]), CATALOG).causes]


@pytest.mark.parametrize("case", [case for case in CASES if case["first"]], ids=lambda case: case["name"])
def test_the_right_cause_comes_first(case):
    found = fields(case)
    assert found[:1] == [case["first"]]
    assert set(found) == {case["first"], *case["also"]}


@pytest.mark.parametrize("case", [case for case in CASES if not case["first"]], ids=lambda case: case["name"])
def test_a_good_image_has_no_cause(case):
    assert fields(case) == []


def test_there_are_enough_of_each():
    assert sum(bool(case["first"]) for case in CASES) >= 40 and sum(not case["first"] for case in CASES) >= 20
    forms = [case["form"] for case in CASES]
    assert min(map(forms.count, set(forms))) >= 4 and len(set(forms)) == 8


def test_a_lora_is_known_by_its_hash_and_one_that_names_its_family_by_the_steps():
    for prompt, beside, found in (
        ("<lora:mine:0.75>", ', Lora hashes: "mine: 4f494295edb1"', ["cfg"]),
        ("<lora:mine:0.75>", "", ["lora"]),
        ("<lora:Hyper-SDXL:0.75>", "", ["cfg"]),
    ):
        text = (
            f"a cat {prompt}\nSteps: 8, Sampler: Euler, Schedule type: Simple, CFG scale: 7, Model: sd_xl_base{beside}"
        )
        assert [cause.field for cause in explain(read_text(text), CATALOG).causes] == found
