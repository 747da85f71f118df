"""LoRA tags: found and weighed as the hosts do, and edited without touching anything else."""

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib_hypersd.plan.tags import Tag, edit, find, remove_all, strip_comments, write

FILE = "Hyper-SDXL-8steps-lora"


def test_tags_are_found_in_order():
    assert find("a <lora:one> cat <lyco:two:0.5:0.7> <hypernet:three:1> <lora:four:te=1:unet=0.2>") == [
        Tag("lora", "one", ""),
        Tag("lyco", "two", ":0.5:0.7"),
        Tag("lora", "four", ":te=1:unet=0.2"),
    ]


@pytest.mark.parametrize(
    ("prompt", "tags"),
    [
        ("<lora:style:0.8 <lora:File:0.75>", [Tag("lora", "style", ":0.8 <lora:File:0.75")]),
        ("i <3: cats <lora:File:1>", []),
        ("a <b:c <lora:File:1>", []),
        ("outdoors <light <lora:File:1>", [Tag("lora", "File", ":1")]),
        ("<lora:a:<lora:File:1>>", [Tag("lora", "a", ":<lora:File:1")]),
        ("<lora:File", []),
        ("<lora:>", []),
        ("<LORA:File:1>", []),
        ("<lora:te=0.5:File:1>", [Tag("lora", "File", ":te=0.5:1")]),
        ("<lora:te=1>", [Tag("lora", "", ":te=1")]),
        ("<lora:a=b=c:1>", [Tag("lora", "a=b=c", ":1")]),
        ("<lora:two\nlines:1>", [Tag("lora", "two\nlines", ":1")]),
    ],
)
def test_a_damaged_prompt_is_read_as_the_hosts_read_it(prompt, tags):
    assert find(prompt) == tags


@pytest.mark.parametrize(
    ("arguments", "weight"),
    [
        ("", 1.0), (":0.75", 0.75), (":0.5:0.7", 0.7), (":te=0.5", 0.5), (":unet=0.3", 0.3), (":0.5:unet=0.3", 0.3),
        (":te=0.2:unet=0.3", 0.3), (":1:1:8", 1.0), (":-1", -1.0), (":1e-1", 0.1), (":.5", 0.5), (":1:1:lbw=OUTALL", 1.0),
        (":te=0:unet=0.6", 0.6), (":0.5:in=0:mid=1", 0.5), (":inf:0.3:te=1", 0.3),
        (":0.2:inf:unet=0.3", 0.3), (":1:0.5:4:dyn=3", 0.5), (":1:0.5:4:heavy", 0.5),
    ],
)  # fmt: skip
def test_the_weight_is_that_of_the_network(arguments, weight):
    assert Tag("lora", "x", arguments).weight == Tag("lora", "x", arguments).peak == weight


@pytest.mark.parametrize(
    "arguments",
    [
        ":", ":heavy", ":0,75", ":nan", ":inf", ":unet=", ":unet=0.5=1", ":heavy:0.5", ":1:1:x", ":dyn=x", ":te=x:unet=1",
        ":0.8:1,1,1,1", ":0@0,1@0.5", ":heavy:te=1:unet=0.5", ":1:heavy:unet=0.5", ":1:1:heavy:dyn=4", ":1:1:0.5:dyn=4",
    ],
)  # fmt: skip
def test_a_tag_that_the_host_cannot_read_has_no_weight(arguments):
    assert math.isnan(Tag("lora", "x", arguments).weight)


@pytest.mark.parametrize(
    ("arguments", "peak"),
    [(":0@0,1@0.5", 1.0), (":unet=0.2@0;0.8@1", 0.8), (":1:0.5@0,0.25@8", 0.5), (":0.7@0", 0.7), (":0.5,0.9@1", 0.9)],
)
def test_a_weight_that_changes_over_the_steps_has_a_peak(arguments, peak):
    assert Tag("lora", "x", arguments).peak == peak
    assert math.isnan(Tag("lora", "x", ":x@0,1@0.5").peak)


def test_comments_are_stripped_as_the_hosts_strip_them():
    assert strip_comments("a cat # <lora:x:1>\na dog") == "a cat \na dog"
    assert strip_comments("# all of it\na cat") == "\na cat"
    assert strip_comments("a cat\n# a line\na dog") == "a cat\na dog"
    assert strip_comments("a cat\n# <lora:x:1>") == "a cat\n"
    assert strip_comments("no comment") == "no comment"


def test_a_tag_is_put_in_front_once():
    once = edit("a cat", "Hyper", 0.75, {})
    assert once == "<lora:Hyper:0.75> a cat"
    assert edit(once, "Hyper", 0.75, {}) == once
    assert edit(once, "Hyper", 0.3, {}) == "<lora:Hyper:0.3> a cat", "it has the weight that is given"
    assert edit("", "Hyper", 1.0, {}) == "<lora:Hyper:1>"


def test_a_tag_of_the_right_weight_stays_as_it_was_written():
    for tag in ("<lora:File:0.5:0.75>", "<lyco:File:te=0:unet=.75:lbw=OUTALL>", "<lora:File:0@0,0.75@0.5>"):
        assert edit(f"a {tag} cat", "File", 0.75, {}) == f"a {tag} cat"
    assert edit("a <lora:File:heavy> cat", "File", 0.75, {}) == "a <lora:File:0.75> cat"


def test_an_alias_gets_its_file_and_keeps_what_was_written_of_the_same_weight():
    assert edit("a <lora:Hyper-SDXL:0.6:0.7> cat", "File", 0.7, {"Hyper-SDXL": "File"}) == "a <lora:File:0.6:0.7> cat"
    assert edit("a <lora:Hyper-SDXL> cat", "File", 0.75, {"Hyper-SDXL": "File"}) == "a <lora:File:0.75> cat"
    assert edit("a <lora:Hyper-SDXL> cat", "File", 1.0, {"Hyper-SDXL": "File"}) == "a <lora:File:1> cat"


def test_dropped_and_repeated_tags_go_and_others_stay():
    prompt = "a <lora:Wrong:1> <lora:style:0.4> <lora:File:0.5> <lora:File:0.9>"
    assert edit(prompt, "File", 0.5, {"Wrong": None}) == "a   <lora:style:0.4> <lora:File:0.5>  "
    assert edit("<lora:old:0.3:x=1> a", "File", 1.0, {"old": "new"}) == "<lora:File:1> <lora:new:0.3:x=1> a"


def test_what_stands_around_a_dropped_tag_does_not_become_one():
    edited = edit("<lo<lora:Wrong:1>ra:File:1> a", "File", 0.75, {"Wrong": None})
    assert [str(tag) for tag in find(edited)] == ["<lora:File:0.75>"]


def test_a_tag_is_written_as_the_host_reads_it():
    (tag,) = find(write(FILE, 0.125))
    assert tag.weight == 0.125 and tag.name == FILE


# Whatever else the prompt holds. The hosts' reading is written down once more here, in their own terms.

HOSTS_PATTERN = re.compile(r"<(\w+):([^>]+)>")


def networks_of(prompt):
    """Name and weight of every LoRA as the host's parser and its LoRA extension get them; None for no number."""
    found = []
    for kind, text in HOSTS_PATTERN.findall(prompt):
        items = text.split(":")
        positional = [item for item in items if len(item.split("=", 2)) != 2]
        named = dict(item.split("=", 2) for item in items if len(item.split("=", 2)) == 2)
        if kind not in ("lora", "lyco"):
            continue
        try:
            te = float(positional[1]) if len(positional) > 1 else 1.0
            te = float(named.get("te", te))
            unet = float(positional[2]) if len(positional) > 2 else te
            unet = float(named.get("unet", unet))
        except ValueError:
            unet = None
        found.append((positional[0] if positional else "", unet))
    return found


PIECES = st.sampled_from(
    [
        "a cat", ", ", "\n", " ", "<3: cats", "a <b:c", "<", ">", ":", "# ", "#", "<lora:", "<lora:mystyle:0.8", "<lo", "ra:",
        f"<lora:{FILE}:0.75", f"<lora:{FILE}:0.75>", f"<lora:{FILE}:0.3>", f"<lora:{FILE}>", f"<lyco:{FILE}:1:0.75>",
        f"# <lora:{FILE}:1>", f"<lora:a:<lora:{FILE}:1>>", f"<lora:{FILE}:te=0:unet=0.75:lbw=X>", f"<lora:{FILE}:heavy>",
        "<lora:Hyper-SDXL:0.6>", "<lora:Hyper-SDXL>", "<lora:wrong:1>", "<lora:style:0.4>", "<hypernet:x:1>", "[a:b:0.5]",
        "(a:1.2)", "BREAK", "AND", "{a|b}", "__wild__", "\\<", "<lora:x=1>", "<lora:te=1:y>", "🐈",
    ]
)  # fmt: skip
PROMPTS = st.lists(PIECES | st.text(alphabet="ab ,<>(:)#\n=", max_size=6), max_size=8).map("".join)
RENAME = {"Hyper-SDXL": FILE, "wrong": None}


@settings(max_examples=500)
@given(PROMPTS, st.sampled_from([0.75, 1.0, 0.125]))
@example("a cat <lora:mystyle:0.8", 0.75)
@example(f"a cat <lora:{FILE}:0.75", 0.75)
@example("i <3: cats", 0.75)
@example("a <b:c", 0.75)
@example(f"a # <lora:{FILE}:1>", 0.75)
@example("<lo<lora:wrong:1>ra:Hyper-SDXL:1>", 0.75)
@example(f"<lora:<lora:{FILE}:te=0:unet=0.75:lbw=X>", 0.75)
def test_after_an_edit_the_host_reads_the_lora_exactly_once(prompt, weight):
    prompt = strip_comments(prompt)
    edited = edit(prompt, FILE, weight, RENAME)
    networks = networks_of(strip_comments(edited))
    assert (
        networks
        == networks_of(edited)
        == [(tag.name, tag.weight if not math.isnan(tag.weight) else None) for tag in find(edited)]
    )
    assert [unet for name, unet in networks if name == FILE] == [weight]
    assert {"Hyper-SDXL", "wrong"}.isdisjoint(name for name, _ in networks)
    others = [network for network in networks_of(prompt) if network[0] not in (FILE, *RENAME)]
    assert [network for network in networks if network[0] != FILE] == others
    assert edit(edited, FILE, weight, RENAME) == edited, "a second edit changes nothing"
    assert "".join(remove_all(edited).split()) == "".join(remove_all(prompt).split())
