"""What prompt tags decide, and what becomes of them."""

import pytest

from lib_hypersd.plan import File, Model, Request, point_out
from lib_hypersd.plan.tags import find
from lib_hypersd.recipes.settings import Settings
from tests.plans import CATALOG, DDIM, file, plan, summary


@pytest.mark.parametrize("alias", ["Hyper-SDXL", "hyper-sdxl", "HYPER-SDXL", "HyperSDXL", "hyper_sdxl"])
def test_an_alias_becomes_the_file_for_the_step_count(alias):
    for steps, name in ((2, "Hyper-SDXL-2steps-lora"), (5, "Hyper-SDXL-1step-lora"), (None, "Hyper-SDXL-8steps-lora")):
        result = plan(prompt=f"a cat <lora:{alias}:0.6>", steps=steps)
        assert result.file == name and result.weight == 0.6
        assert result.edit(f"a cat <lora:{alias}:0.6>") == f"a cat <lora:{name}:0.6>"
    assert plan(prompt=f"<lora:{alias}>").edit(f"<lora:{alias}>") == "<lora:Hyper-SDXL-8steps-lora:0.75>"
    assert plan(prompt=f"<lora:{alias}>", weight=0.5).weight == 0.5


def test_a_name_of_a_step_count_resolves_to_the_installed_file():
    result = plan(
        prompt="<lora:hyper sdxl 4 steps:0.7>", files=[file("hyper-sdxl-4steps", "renamed"), file("hyper-sdxl-8steps")]
    )
    prompt = "<lora:hyper sdxl 4 steps:0.7> a cat"
    assert result.file == "renamed" and result.edit(prompt) == "<lora:renamed:0.7> a cat" and not result.warnings
    assert (
        "(787 MB) is not among"
        in plan(prompt="<lora:Hyper-SDXL-4steps-lora:1>", files=[file("hyper-sdxl-8steps")]).problem
    )


def test_a_hand_written_tag_is_followed_and_never_doubled():
    prompt = "a cat <lora:Hyper-SDXL-4steps-lora:0.9>"
    result = plan(prompt=prompt)
    assert summary(result) == ("Hyper-SDXL-4steps-lora", 4, 0.9, 1, *DDIM) and result.edit(prompt) == prompt
    by_alias = plan(prompt="<lora:trained_as:0.9>", files=[file("hyper-sdxl-4steps", "renamed", "trained_as")])
    assert by_alias.steps == 4 and by_alias.edit("<lora:trained_as:0.9>") == "<lora:renamed:0.9>"
    after_another = plan(prompt="<lora:style:0.5> <lora:Hyper-SDXL-4steps-lora:0.9>")
    assert (after_another.steps, after_another.weight) == (4, 0.9)


def test_a_tag_comes_before_the_panel_and_says_so():
    result = plan(prompt="<lora:Hyper-SDXL-4steps-lora:0.9>", weight=0.5, file="Hyper-SDXL-8steps-lora", steps=6)
    assert (result.file, result.weight, result.steps) == ("Hyper-SDXL-4steps-lora", 0.9, 6)
    assert result.warnings == (
        "The prompt's tag Hyper-SDXL-4steps-lora comes before the file Hyper-SDXL-8steps-lora that the panel has fixed.",
        "6 steps are set, and this is made for 4 steps.",
        "The tag's weight 0.9 comes before the 0.5 that the panel has fixed.",
    )


def test_an_alias_leaves_the_file_to_the_panel():
    result = plan(prompt="<lora:Hyper-SDXL:0.6>", file="Hyper-SDXL-2steps-lora")
    assert result.file == "Hyper-SDXL-2steps-lora" and result.weight == 0.6


def test_a_tag_of_the_wrong_family_is_called_out_and_dropped():
    for name in ("Hyper-SD15-4steps-lora", "Hyper-SD15"):
        prompt = f"a <lora:{name}:1> <lora:style:0.5>"
        result = plan(prompt=prompt)
        assert result.warnings == (
            f"{name} was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
        )
        assert [t.name for t in find(result.edit(prompt))] == ["Hyper-SDXL-8steps-lora", "style"]


def test_a_second_few_step_lora_is_dropped():
    prompt = "<lora:Hyper-SDXL-4steps-lora:1> <lora:Hyper-SDXL-8steps-lora:1> <lora:Hyper-SDXL-4steps-lora:1>"
    result = plan(prompt=prompt)
    assert result.steps == 4 and [t.name for t in find(result.edit(prompt))] == ["Hyper-SDXL-4steps-lora"]
    assert result.warnings == ("Hyper-SDXL-8steps-lora would be a second few-step LoRA: its tag is not applied.",)
    result = plan(prompt="<lora:Hyper-SDXL-4steps-lora:1> <lora:hyper sdxl 8 steps:1>")
    assert result.warnings == ("hyper sdxl 8 steps would be a second few-step LoRA: its tag is not applied.",), (
        "also under a name that no file has"
    )


def test_every_prompt_of_a_batch_gets_the_tag_of_the_first():
    prompts = ("one <lora:Hyper-SDXL:0.6>", "two", "three <lora:Hyper-SD15:1> <lora:Hyper-SDXL-2steps-lora:1>")
    result = plan(prompts=prompts, steps=4)
    assert [result.edit(p) for p in prompts] == [
        "one <lora:Hyper-SDXL-4steps-lora:0.6>",
        "<lora:Hyper-SDXL-4steps-lora:0.6> two",
        "<lora:Hyper-SDXL-4steps-lora:0.6> three",
    ]
    assert plan(prompts=("no tag", "<lora:Hyper-SDXL-2steps-lora:1>")).steps == 8, "only the first prompt decides"


def test_a_tag_of_the_plans_own_file_in_another_prompt_gets_the_weight_of_the_first():
    second = "sharper <lora:Hyper-SDXL-8steps-lora:0.5> <lora:HYPER-sdxl:0.4>"
    for first, weight in (
        ("no tag", "0.75"),
        ("<lora:Hyper-SDXL:0.6>", "0.6"),
        ("<lora:Hyper-SDXL-8steps-lora:0.6>", "0.6"),
    ):
        result = plan(prompts=(first, second))
        assert result.edit(second) == f"sharper <lora:Hyper-SDXL-8steps-lora:{weight}>  "
        assert result.warnings == (
            f"The tag <lora:Hyper-SDXL-8steps-lora:0.5> of another prompt gets the weight {weight} of the first.",
        )
    assert plan(prompts=("a", "<lora:Hyper-SDXL:0.5>")).warnings == (
        "The tag <lora:Hyper-SDXL:0.5> of another prompt gets the weight 0.75 of the first.",
    )
    assert plan(prompts=("a", "<lora:Hyper-SDXL-8steps-lora:0.75>", "<lora:Hyper-SDXL>")).warnings == ()
    assert plan(prompts=("<lora:Hyper-SDXL>", "<lora:Hyper-SDXL-4steps-lora:1>")).warnings == (
        "Hyper-SDXL-4steps-lora would be a second few-step LoRA: its tag is not applied.",
    )


def test_what_stands_in_a_comment_decides_nothing_where_the_host_strips_comments():
    prompt = "a cat\n# <lora:Hyper-SDXL-4steps-lora:1>"
    result = plan(prompt=prompt)
    assert (result.steps, result.file, result.weight) == (8, "Hyper-SDXL-8steps-lora", 0.75)
    assert result.edit(prompt) == f"<lora:Hyper-SDXL-8steps-lora:0.75> {prompt}", "the comment stays"
    hidden = "a cat # <lora:Hyper-SDXL-8steps-lora:0.75>"
    assert result.edit(hidden) == "<lora:Hyper-SDXL-8steps-lora:0.75> a cat", "it would stand for the tag"
    kept = plan(prompt=prompt, strip=None)
    assert kept.steps == 4 and kept.edit(prompt) == prompt


def test_a_tag_that_another_one_swallows_is_none():
    prompt = "a <lora:mystyle:0.8 <lora:Hyper-SDXL-4steps-lora:1>"
    result = plan(prompt=prompt)
    assert result.steps == 8 and result.edit(prompt) == f"<lora:Hyper-SDXL-8steps-lora:0.75> {prompt}"


def test_a_tag_without_a_name_names_nothing():
    prompt = "a cat <lora::1>"
    result = plan(prompt=prompt)
    assert result.edit(prompt) == f"<lora:Hyper-SDXL-8steps-lora:0.75> {prompt}" and result.warnings == ()
    assert plan("sdxl-pruned", prompt=prompt).problem == plan("sdxl-pruned").problem


def test_a_lora_that_is_no_few_step_one_is_left_alone_whatever_it_is_called():
    prompt = "a <lora:Hyper-SDXL_8steps_anime:0.6>"
    named_alike = plan(prompt=prompt)
    assert named_alike.weight == 0.6 and "anime" not in named_alike.edit(prompt)
    result = plan(prompt=prompt, others={"Hyper-SDXL_8steps_anime"})
    assert result.weight == 0.75 and result.edit(prompt) == f"<lora:Hyper-SDXL-8steps-lora:0.75> {prompt}"
    name = "Hyper-SDXL_8steps_anime"
    assert plan(file=name, others={name}).problem.startswith(f"{name} is not a LoRA with a known recipe;")


def test_a_weight_that_changes_over_the_steps_counts_where_somebody_can_read_it():
    prompt = "a cat <lora:Hyper-SDXL-8steps-lora:0@0,0.75@0.5>"
    result = plan(prompt=prompt, schedules=True)
    assert result.weight == 0.75 and result.edit(prompt) == prompt and result.warnings == ()
    assert plan(prompt=prompt).problem == "The weight in <lora:Hyper-SDXL-8steps-lora:0@0,0.75@0.5> is no number."
    style = "a cat <lora:style:0@0,1@0.5>"
    assert plan(prompt=style).edit(style).endswith(style)


def test_a_checkpoint_that_needs_no_lora_loses_the_tags_of_others():
    prompts = ("a cat <lora:Hyper-SD15-4steps-lora:1>", "a dog <lora:Hyper-SDXL-4steps-lora:1> <lora:style:1>")
    result = plan(model="epicrealismXL_4SHyper", prompts=prompts)
    assert result.file is None and [result.edit(prompt) for prompt in prompts] == ["a cat  ", "a dog   <lora:style:1>"]
    assert result.warnings[:2] == (
        "Hyper-SD15-4steps-lora was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
        "Hyper-SDXL-4steps-lora would be a second few-step LoRA: its tag is not applied.",
    )


def test_a_file_called_like_an_alias_whose_recipe_nobody_knows_is_refused():
    unknown = File("Hyper-SDXL", None)
    assert plan(prompt="<lora:Hyper-SDXL:1>", files=[unknown]).problem.startswith(
        "Hyper-SDXL is not a LoRA with a known recipe"
    )


# While the panel is off.


@pytest.mark.parametrize("name", ["Hyper-SDXL", "hyper_sd15", "Hyper-SDXL-4steps-lora", "renamed", "alias"])
def test_a_tag_is_pointed_out_while_the_panel_is_off(name):
    request = Request(
        Settings(), Model("sdxl"), [file("hyper-sdxl-8steps", "renamed", "alias")], (f"a <lora:{name}:1>",)
    )
    assert point_out(request, CATALOG).startswith(f"The prompt has the few-step LoRA {name}.")


def test_a_tag_is_pointed_out_where_every_published_file_is_taken_to_be_at_hand():
    request = Request(Settings(), Model("sdxl"), None, ("a <lora:Hyper-SDXL-4steps-lora:1>",))
    assert point_out(request, CATALOG).startswith("The prompt has the few-step LoRA Hyper-SDXL-4steps-lora.")


def test_other_tags_are_not_pointed_out():
    assert point_out(Request(Settings(), Model("sdxl"), [], ("a <lora:style:1>",)), CATALOG) is None
