"""A plan is whole or a sentence, whatever is requested; each name is looked up once."""

import math
import re
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from lib_hypersd.files.identify import identify
from lib_hypersd.files.names import distillation_of
from lib_hypersd.plan import Model, NoPlan, Request, SecondPass, make_plan, plan_as_json
from lib_hypersd.plan.choose import PREFERENCE
from lib_hypersd.plan.tags import find, strip_comments
from lib_hypersd.recipes.settings import Settings
from tests.plans import BY_ID, CATALOG, REQUESTS, file, plan


def test_a_refusal_carries_no_settings():
    refused = plan(files=[])
    assert refused == NoPlan(family="sdxl", problem=refused.problem, missing=BY_ID["hyper-sdxl-8steps"])
    assert refused.edit("a <lora:x:1>") == "a <lora:x:1>"
    refusal = plan_as_json(refused, "a <lora:x:1>")
    assert {name for name, value in refusal.items() if value} == {"family", "problem", "sentence", "missing", "prompt"}
    result = plan_as_json(plan(), "a cat")
    assert refusal.keys() == result.keys(), "what there is not is null"
    assert result["family"] == "sdxl" and {"rename", "strip"}.isdisjoint(result), (
        "what becomes of the tags stands in the prompt"
    )


def test_a_request_without_a_prompt_has_a_plan():
    request = Request(Settings(True), Model("sdxl"), prompts=())
    assert make_plan(request, CATALOG) == make_plan(request._replace(prompts=("",)), CATALOG)


def test_a_refusal_says_all_else_that_is_off():
    assert plan("sdxl-pruned").warnings == plan(None).warnings == ()
    refused = plan(files=[], prompt="<lora:Hyper-SD15-4steps-lora:1>")
    assert isinstance(refused, NoPlan) and refused.warnings == (
        "Hyper-SD15-4steps-lora was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
    )


@settings(max_examples=500)
@given(REQUESTS)
def test_a_plan_is_whole_or_a_sentence_and_the_users_settings_win(request):
    result, fixed = make_plan(request, CATALOG), request.settings
    assert result.sentence.endswith(".")
    if result.problem:
        assert (result.missing is not None) == (
            "It is published at huggingface.co/ByteDance/Hyper-SD." in result.problem
        )
        assert result.sentence == result.problem and all(result.edit(p) == p for p in request.prompts)
        return
    assert result.recipe.family == request.model.family
    assert result.sampler and result.schedule and result.steps >= 1 and math.isfinite(result.cfg)
    for name in ("steps", "cfg", "sampler", "schedule"):
        assert getattr(fixed, name) in (None, getattr(result, name))
    assert fixed.eta is None or result.eta == fixed.eta
    edited = [result.edit(p) for p in request.prompts]
    few_step = {"hyper-sd15", "Hyper-SDXL", "Hyper-SD15-4steps-lora", "Hyper-SDXL-1step-lora"}
    if result.file is None:
        assert result.weight is None and few_step.isdisjoint(tag.name for prompt in edited for tag in find(prompt))
        return
    assert math.isfinite(result.weight)
    assert request.files is None or result.file in {f.name for f in request.files}
    for prompt, once in zip(request.prompts, edited, strict=True):
        names = [tag.name for tag in find(once)]
        assert [tag.weight for tag in find(once) if tag.name == result.file] == [result.weight]
        assert names.count(result.file) == 1 and few_step.isdisjoint(set(names) - {result.file})
        assert names.count("style") == [tag.name for tag in find(prompt)].count("style")
        assert result.edit(once) == once
    again = make_plan(request._replace(prompts=tuple(edited)), CATALOG)
    assert (again.problem, again.file, again.weight) == (None, result.file, result.weight), (
        "the infotext's prompt gives the same plan"
    )


# Each name is looked up once.


def test_every_name_of_a_request_is_looked_up_once(monkeypatch):
    resolve, names, checkpoints = sys.modules["lib_hypersd.plan.resolve"], [], []
    monkeypatch.setattr(resolve, "identify", lambda catalog, name: names.append(name) or identify(catalog, name))
    monkeypatch.setattr(
        resolve, "distillation_of", lambda name, metadata: checkpoints.append(name) or distillation_of(name, metadata)
    )
    prompts = (
        "a <lora:Hyper-SDXL-4steps-lora:1> <lora:style:1> <lora:Hyper-SDXL-4steps-lora:0.5>",
        "b <lora:style:0.5> <lora:Hyper-SD15:1> <lora:held:1>",
    )
    request = Request(
        Settings(True, file="Hyper-SDXL-8steps-lora"), Model("sdxl", "base"), [file("hyper-sdxl-8steps", "held")], prompts,
        SecondPass(model=Model("sdxl", "second")), Model("sdxl", "refiner"), others={"style"},
    )  # fmt: skip
    make_plan(request, CATALOG)
    assert sorted(names) == sorted(
        ["Hyper-SDXL-4steps-lora", "Hyper-SD15", "Hyper-SDXL-8steps-lora", "base", "second", "refiner"]
    ), "what is at hand needs no name to be told"
    assert sorted(checkpoints) == ["base", "refiner", "second"]
    names.clear()
    make_plan(request._replace(refiner=Model("sdxl", "base")), CATALOG)
    assert names.count("base") == 1


def test_the_order_of_preference_is_data():
    first = ["fits a CFG that is set", "was distilled from this checkpoint", "is Hyper-SD's"]
    assert [name for name, _ in PREFERENCE][:3] == first
    recipe, held = BY_ID["hyper-sdxl-8steps"], file("hyper-sdxl-8steps")
    assert all(key(Settings(True, two_pass=True), recipe, held) is not None for _, key in PREFERENCE)


# Comments, as two kinds of hosts write them.

NEO_COMMENTS = (re.compile(r"/\*.*?\*/", re.DOTALL), re.compile(r"[^\S\n]*(?:#|//).*"))


def strip_as_neo(prompt):
    for pattern in NEO_COMMENTS:
        prompt = pattern.sub("", prompt)
    return prompt


HYPER = "Hyper-SDXL-8steps-lora"
COMMENTED = st.lists(
    st.sampled_from(
        [
            "a cat", " ", "\n", "# ", "//", "/*", "*/", f"<lora:{HYPER}:0.75>", f"<lora:{HYPER}:0.3>", f"<lora:{HYPER[:6]}", HYPER[6:],
            ":1>", "<lora:mystyle:0.8", "<lora:style:1>", "<lora:Hyper-SDXL:0.6>", "<lora:Hyper-SD15:1>", "<3: ", "<b:", ">",
        ]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(COMMENTED, st.sampled_from([strip_comments, strip_as_neo, None]))
def test_whatever_the_host_strips_it_reads_the_plans_lora_once_at_the_plans_weight(prompt, strip):
    result = plan(prompt=prompt, strip=strip)
    if result.problem:
        return
    edited = result.edit(prompt)
    visible = strip(edited) if strip else edited
    assert [tag.weight for tag in find(visible) if tag.name == result.file] == [result.weight]
    assert {"Hyper-SDXL", "Hyper-SD15"}.isdisjoint(tag.name for tag in find(visible))
    assert result.edit(edited) == edited
    again = plan(prompt=visible, strip=strip)
    assert (again.file, again.weight) == (result.file, result.weight)
