"""Prompts however damaged are read by ``lib_hypersd.plan.tags`` as the host itself reads them."""

import random

import pytest

from lib_hypersd.plan import tags
from tests.live.test_reports import FOUR_STEPS

WORDS = (
    "a cat", "in a hat", " ", ",", "\n", "\n\n", "#", "# ", "\n#", "#\n", "//", "/*", "*/", "<", ">", ":", "=", "<3: ",
    "a <b:c", "<lora:", "<lora:>", "<lora:x>", "<lora:x:0.5>", "<lora:x:1:0.5:dyn=4>", "<lyco:y:te=0.5:unet=1>",
    "<lora:x:a=b=c>", "<lora:te=1:x>", f"<lora:{FOUR_STEPS}:1>", f"<lora:{FOUR_STEPS}", "<lora:<lora:x:1>:2>",
    "<hypernet:z:1>", "<LORA:x:1>", "< lora:x:1>", "<lora:x:1\n>", "<lora:ü ñ:1>", "<lora:x#y:1>",
)  # fmt: skip


def damaged_prompts(count):
    chance = random.Random(1)
    return ["".join(chance.choices(WORDS, k=chance.randint(1, 9))) for _ in range(count)]


def parts_of(tag):
    """A tag in the host's words: what stands between its colons behind the kind, in any order."""
    return sorted(filter(None, [tag.name, *tag.arguments.split(":")]))


def loras_of(by_host):
    """The networks of the LoRA's kinds that the host has found, each as what stands between its colons."""
    return {kind: found for kind, found in by_host["networks"].items() if kind in tags.KINDS}


def name_of(items):
    """The first part that is no ``a=b``, as the host's class for a network's arguments takes it."""
    return next((item for item in items if item.count("=") != 1), None)


@pytest.fixture(scope="module")
def read(host):
    """A way to have the host read prompts: what is left of each without comments, its networks, and its text."""

    def by_host(prompts):
        return zip(prompts, host.post("/hypersd-probe/prompts", {"prompts": prompts}), strict=True)

    return by_host


def test_damaged_prompts_are_read_as_the_host_reads_them(read):
    for prompt, by_host in read(damaged_prompts(600)):
        for kind in tags.KINDS:
            found = [parts_of(tag) for tag in tags.find(prompt) if tag.kind == kind]
            assert found == [sorted(filter(None, items)) for items in loras_of(by_host).get(kind, [])], prompt
        assert tags.remove_all(prompt) == by_host["text"], prompt


def test_the_tag_that_is_added_is_the_hosts_only_one_of_that_name(read):
    for prompt, by_host in read([tags.edit(prompt, FOUR_STEPS, 1.0, {}) for prompt in damaged_prompts(600)]):
        names = [name_of(items) for found in loras_of(by_host).values() for items in found]
        assert names.count(FOUR_STEPS) == 1, prompt


@pytest.mark.only("AUTOMATIC1111", "Forge", "Forge Classic", why="comments are taken out by its own function")
def test_comments_are_stripped_as_the_host_strips_them(read):
    for prompt, by_host in read(damaged_prompts(600)):
        assert tags.strip_comments(prompt) == by_host["stripped"], prompt
