"""What the user has set: read from every kind of argument, written to infotext and pasted back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.recipes.catalog import Catalog, published
from lib_hypersd.recipes.settings import (
    FIELDS,
    READERS,
    RECOMMENDED,
    VARIANTS,
    Settings,
    list_keys,
    make_infotext,
    read_pasted,
    read_settings,
)

BY_NAME = {f.name: f for f in FIELDS}


def test_the_order_of_positional_arguments_is_a_promise_to_clients():
    assert [f.name for f in FIELDS] == [
        "variant",
        "steps",
        "weight",
        "cfg",
        "eta",
        "file",
        "schedule",
        "two_pass",
        "fast_decoding",
    ]
    assert list_keys() == [
        "Hyper-SD", "Hyper-SD variant", "Hyper-SD steps", "Hyper-SD weight", "Hyper-SD CFG", "Hyper-SD eta", "Hyper-SD file",
        "Hyper-SD schedule", "Hyper-SD two passes", "Hyper-SD fast decoding",
    ]  # fmt: skip


def test_no_arguments_and_a_panel_that_is_off():
    for args in ([], [False], [False, *[RECOMMENDED] * 6], [{"enabled": False}]):
        assert read_settings(args) == (Settings(), [], [])


@pytest.mark.parametrize(
    "args",
    [
        [True, "cfg", 8, 0.7, 5, 0.3, "File"],
        [True, VARIANTS["cfg"], "8", "0.7", "5.0", "0.3", " File "],
        [{"enabled": True, "variant": "CFG", "steps": 8.0, "weight": 0.7, "cfg": 5, "eta": 0.3, "file": "File"}],
        [
            {"variant": "cfg", "steps": 8, "weight": 0.7, "cfg": 5, "eta": 0.3, "file": "File"},
            "later arguments are not read",
        ],
    ],
)
def test_positional_and_named_arguments_come_to_the_same(args):
    settings, problems, comments = read_settings(args)
    assert settings == Settings(True, "cfg", 8, 0.7, 5.0, 0.3, "File") and not problems and not comments
    assert isinstance(settings.steps, int)


@pytest.mark.parametrize("nothing", [None, "", " ", "Recommended", "recommended"])
def test_recommended_in_all_its_spellings(nothing):
    assert read_settings([True, *[nothing] * 6]) == (Settings(True), [], [])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("steps", float("nan"), "Steps must be a whole number from 1 to 150, not 'nan'."),
        ("steps", float("inf"), "Steps must be a whole number from 1 to 150, not 'inf'."),
        ("steps", -1, "Steps must be a whole number from 1 to 150, not '-1'."),
        ("steps", 0, "Steps must be a whole number from 1 to 150, not '0'."),
        ("steps", 10**400, "Steps must be a whole number from 1 to 150, not '1000"),
        ("steps", 4.5, "Steps must be a whole number from 1 to 150, not '4.5'."),
        ("steps", True, "Steps must be a whole number from 1 to 150, not 'True'."),
        ("steps", [4], "Steps must be a whole number from 1 to 150, not '[4]'."),
        ("steps", "four", "Steps must be a whole number from 1 to 150, not 'four'."),
        ("weight", -0.1, "LoRA weight must be a number from 0 to 2, not '-0.1'."),
        ("weight", "nan", "LoRA weight must be a number from 0 to 2, not 'nan'."),
        ("cfg", 0, "CFG must be a number from 1 to 30, not '0'."),
        ("cfg", 1e9, "CFG must be a number from 1 to 30, not '1000000000.0'."),
        ("eta", 1.5, "Eta must be a number from 0 to 1, not '1.5'."),
        ("variant", "turbo", "Variant must be one of fixed, unified, cfg, merged, not 'turbo'."),
        ("variant", 3, "Variant must be one of fixed, unified, cfg, merged, not '3'."),
        ("file", 7, "LoRA file must be the name of a LoRA file, not '7'."),
        ("file", "x" * 256, "LoRA file must be the name of a LoRA file, not 'xxx"),
        ("schedule", 7, "Schedule must be the name of a schedule, not '7'."),
        ("sampler", 5, "“sampler” must be the name of a sampler, not '5'."),
        ("hires_steps", -1, "“hires_steps” must be a whole number from 0 to 150, not '-1'."),
        ("distilled_cfg", "inf", "“distilled_cfg” must be a number from 0 to 30, not 'inf'."),
        ("enabled", "yes", "“enabled” must be true or false, not 'yes'."),
    ],
)
def test_a_value_that_cannot_be_carried_out_is_a_sentence(name, value, sentence):
    settings, problems, _ = read_settings([{"enabled": True, name: value}])
    assert len(problems) == 1 and problems[0].startswith(sentence)
    assert settings.enabled, "so that the sentence is not lost"


def test_a_key_that_means_nothing_is_passed_over_with_a_comment():
    settings, problems, comments = read_settings([{"enabled": True, "steps": 4, "turbo": 1}])
    assert settings == Settings(True, steps=4) and not problems
    assert comments == ["“turbo” is unknown to this version of Hyper-SD and was passed over."]


def test_what_an_axis_fixes_comes_before_the_panel():
    assert read_settings([True, RECOMMENDED, "8"], {"steps": 4, "sampler": "Euler"})[0] == Settings(
        True, steps=4, sampler="Euler"
    )
    assert read_settings([False], {"enabled": True, "eta": 0.5})[0] == Settings(True, eta=0.5)
    assert read_settings([True], {"enabled": False})[0] == Settings(False)
    assert read_settings([True], {"eta": 7})[1] == ["Eta must be a number from 0 to 1, not '7'."]


ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.text())
)


@given(st.lists(ANY, max_size=9) | st.dictionaries(st.sampled_from([*BY_NAME, "enabled", "x"]), ANY).map(lambda d: [d]))
def test_whatever_arrives_gives_settings_in_range_or_a_sentence(args):
    settings, problems, _ = read_settings(args)
    assert all(isinstance(p, str) and p.endswith(".") for p in problems)
    for name, low, high in (("steps", 1, 150), ("weight", 0, 2), ("cfg", 1, 30), ("eta", 0, 1)):
        value = getattr(settings, name)
        assert value is None or (math.isfinite(value) and low <= value <= high)
    assert settings.variant in (None, *VARIANTS)


@given(
    st.builds(
        dict,
        enabled=st.just(True),
        variant=st.none() | st.sampled_from(list(VARIANTS)),
        steps=st.none() | st.integers(1, 150),
        weight=st.none() | st.floats(0, 2),
        cfg=st.none() | st.floats(1, 30),
        eta=st.none() | st.floats(0, 1),
        file=st.none() | st.just("Hyper-SDXL-8steps-lora"),
        two_pass=st.sampled_from([None, True]),
        fast_decoding=st.sampled_from([None, True]),
    ).map(lambda values: Settings(**values))
)
def test_infotext_restores_the_panel(settings):
    params = make_infotext(settings, next(r for r in published().recipes if r.id == "hyper-sdxl-8steps"))
    assert all(value and isinstance(value, str) for value in params.values())
    args = [True, *(read_pasted(f, params, published()) for f in FIELDS)]
    assert read_settings(args) == (settings, [], [])


OPEN = {f.name: False if f.is_switch else RECOMMENDED for f in FIELDS}


def test_a_foreign_image_leaves_everything_recommended():
    foreign = {"Steps": "20", "CFG scale": "7", "Hyper-SD two passes": "True"}
    assert {f.name: read_pasted(f, foreign, published()) for f in FIELDS} == OPEN


def test_two_passes_are_on_or_off_and_off_is_recommended():
    for value, expected in ((True, True), ("true", True), (False, None), ("False", None), (None, None)):
        assert read_settings([{"two_pass": value}])[0].two_pass is expected
    assert read_settings([{"two_pass": "maybe"}])[1] == ["Two passes must be true or false, not 'maybe'."]


def test_what_two_passes_recommend_is_recommended_again_when_pasted():
    params = {"Hyper-SD": "hyper-sdxl-8steps-cfg", "CFG scale": "3", "Steps": "8"}
    assert read_pasted(BY_NAME["cfg"], params, published()) == "3", "in one pass 5 is recommended"
    assert read_pasted(BY_NAME["cfg"], params | {"Hyper-SD two passes": "True"}, published()) == RECOMMENDED


def test_what_was_recommended_then_and_is_not_now_is_fixed():
    params = {"Hyper-SD": "hyper-sdxl-unified", "Steps": "4", "CFG scale": "1.0", "Eta TCD": "0.3"}
    shown = {name: read_pasted(f, params, published()) for name, f in BY_NAME.items()}
    assert shown == {**OPEN, "steps": "4", "eta": "0.3"}
    now = {**params, "Steps": "8", "Eta TCD": "1.0"}
    assert {f.name: read_pasted(f, now, published()) for f in FIELDS} == OPEN
    assert read_pasted(BY_NAME["steps"], now, Catalog(())) == "8", "a recipe that is unknown here recommends nothing"
    assert read_pasted(BY_NAME["steps"], {**params, "Steps": "many"}, published()) == RECOMMENDED


def test_an_unknown_variant_is_not_shown():
    assert read_pasted(BY_NAME["variant"], {"Hyper-SD": "x", "Hyper-SD variant": "turbo"}, published()) == RECOMMENDED


def test_an_image_that_says_no_schedule_fixes_none():
    """Hosts without schedules write none, and hosts read "Automatic" where there is none."""
    for keys_beside in ({}, {"Schedule type": "Automatic"}, {"Schedule type": "Trailing"}):
        assert (
            read_pasted(BY_NAME["schedule"], {"Hyper-SD": "hyper-sd15-8steps", **keys_beside}, published())
            == RECOMMENDED
        )
    params = {"Hyper-SD": "hyper-sd15-8steps", "Schedule type": "Karras"}
    assert read_pasted(BY_NAME["schedule"], params, published()) == "Karras"


# As clients and people write it.


def test_null_is_recommended_for_every_key():
    every = dict.fromkeys((*READERS, "enabled"))
    assert read_settings([every]) == read_settings([{}]) == (Settings(True), [], [])
    off, problems, comments = read_settings([None, None, 4])
    assert off == Settings(False, steps=4) and problems == []
    assert comments == ["The first argument is null, so Hyper-SD is off; true switches it on."]
    assert read_settings([]) == read_settings([False]) == (Settings(False), [], [])


def test_nothing_is_said_of_unknown_keys_while_it_is_off():
    assert read_settings([{"enabled": False, "weigth": 1}]) == (Settings(False), [], [])
    assert read_settings([{"weigth": 1}])[2] == ["“weigth” is unknown to this version of Hyper-SD and was passed over."]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("schedule", "trailing", "Trailing"), ("schedule", "START AT 800", "Start at 800"), ("schedule", "tcd", "TCD"),
        ("schedule", "by_image_size", "By image size"), ("schedule", "Karras", "Karras"), ("sampler", "ddim trailing", "DDIM-Trailing"),
        ("sampler", "euler", "Euler"), ("sampler", " Euler a ", "Euler a"), ("variant", "CFG", "cfg"), ("variant", "Unified", "unified"),
        ("variant", "already in the Checkpoint", "merged"),
    ],
)  # fmt: skip
def test_names_are_read_in_any_spelling(key, value, expected):
    settings, problems, _ = read_settings([{key: value}])
    assert problems == [] and getattr(settings, key) == expected
