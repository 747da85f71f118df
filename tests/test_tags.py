"""LoRA tags: found and weighed as the hosts do, and edited without touching anything else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.tags import TAG, Tag, edit, find, write


def test_tags_are_found_in_order():
    assert find("a <lora:one> cat <lyco:two:0.5:0.7> <hypernet:three:1> <lora:four:te=1:unet=0.2>") == [
        Tag("lora", "one", ""),
        Tag("lyco", "two", ":0.5:0.7"),
        Tag("lora", "four", ":te=1:unet=0.2"),
    ]


@pytest.mark.parametrize(
    ("arguments", "weight"),
    [
        ("", 1.0), (":0.75", 0.75), (":0.5:0.7", 0.7), (":te=0.5", 0.5), (":unet=0.3", 0.3), (":0.5:unet=0.3", 0.3),
        (":te=0.2:unet=0.3", 0.3), (":1:1:8", 1.0), (":-1", -1.0), (":1e-1", 0.1), (":.5", 0.5),
    ],
)  # fmt: skip
def test_the_weight_is_that_of_the_network(arguments, weight):
    assert Tag("lora", "x", arguments).weight == weight


@pytest.mark.parametrize("arguments", [":", ":heavy", ":0,75", ":nan", ":unet=", ":unet=0.5=1"])
def test_a_weight_that_is_no_number_is_nan(arguments):
    assert math.isnan(Tag("lora", "x", arguments).weight)


def test_a_tag_is_appended_once():
    once = edit("a cat", "Hyper", 0.75, {})
    assert once == "a cat <lora:Hyper:0.75>"
    assert edit(once, "Hyper", 0.3, {}) == once, "a tag that is there keeps its weight"
    assert edit("", "Hyper", 1.0, {}) == "<lora:Hyper:1>"


def test_an_alias_gets_its_file_and_keeps_its_weight():
    assert edit("a <lora:Hyper-SDXL:0.6:0.7> cat", "File", 0.75, {"Hyper-SDXL": "File"}) == "a <lora:File:0.6:0.7> cat"
    assert edit("a <lora:Hyper-SDXL> cat", "File", 0.75, {"Hyper-SDXL": "File"}) == "a <lora:File:0.75> cat"


def test_dropped_and_repeated_tags_go_and_others_stay():
    prompt = "a <lora:Wrong:1> <lora:style:0.4> <lora:File:0.5> <lora:File:0.9>"
    assert edit(prompt, "File", 0.75, {"Wrong": None}) == "a  <lora:style:0.4> <lora:File:0.5> "


NAMES = st.sampled_from(["File", "alias", "wrong", "style"])
PROMPTS = st.lists(
    st.text(alphabet="ab ,<>(:)") | NAMES.map(lambda n: f"<lora:{n}:0.5>") | NAMES.map(lambda n: f"<lora:{n}>")
).map("".join)


@given(PROMPTS)
def test_after_an_edit_the_lora_stands_there_exactly_once(prompt):
    rename = {"alias": "File", "wrong": None}
    edited = edit(prompt, "File", 0.75, rename)
    names = [tag.name for tag in find(edited)]
    assert names.count("File") == 1 and "alias" not in names and "wrong" not in names
    assert names.count("style") == [tag.name for tag in find(prompt)].count("style")
    assert edit(edited, "File", 0.75, rename) == edited, "a second edit changes nothing"
    without = TAG.sub("", edited)
    assert without in (
        TAG.sub("", prompt),
        TAG.sub("", prompt) + " ",
        TAG.sub("", prompt).lstrip(),
        (TAG.sub("", prompt) + " ").lstrip(),
    )


def test_a_tag_is_written_as_the_host_reads_it():
    (tag,) = find(write("Hyper-SDXL-8steps-lora", 0.125))
    assert tag.weight == 0.125 and tag.name == "Hyper-SDXL-8steps-lora"
