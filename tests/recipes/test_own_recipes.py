"""The user's own recipes: read beside the published ones, and a sentence for each broken entry."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.recipes.catalog import Recipe, load_catalog, parse_entries, published


def test_no_file_of_the_users_means_the_published_catalog(tmp_path):
    assert load_catalog(tmp_path / "none.json") is published()


def own(tmp_path, text):
    path = tmp_path / "hypersd-recipes.json"
    path.write_text(text, encoding="utf-8")
    return load_catalog(path)


def recipe(catalog, name):
    return next(r for r in catalog.recipes if r.id == name)


NEW = {
    "id": "mine", "family": "sdxl", "kind": "fixed", "steps_min": 6, "steps_max": 6, "steps": 6, "weight": 0.9, "cfg": 1,
    "cfg_min": 1, "cfg_max": 2, "sampler": "Euler", "schedule": "Trailing", "words": "mine 6step",
}  # fmt: skip


def test_a_user_adds_a_recipe_and_changes_single_values_of_another(tmp_path):
    catalog = own(tmp_path, json.dumps([NEW, {"id": "hyper-sdxl-8steps", "weight": 0.9}]))
    assert not catalog.problems
    assert recipe(catalog, "mine").sampler == "Euler" and recipe(catalog, "mine").eta is None
    changed, original = recipe(catalog, "hyper-sdxl-8steps"), recipe(published(), "hyper-sdxl-8steps")
    assert changed.weight == 0.9 and changed.sha256 == original.sha256
    assert len(catalog.recipes) == len(published().recipes) + 1


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path):
    first = own(tmp_path, json.dumps([NEW]))
    assert load_catalog(tmp_path / "hypersd-recipes.json") is first
    assert len(own(tmp_path, "[]").recipes) == len(published().recipes)


@pytest.mark.parametrize(
    ("broken", "line", "what"),
    [
        ('{"id": "x", "weight": }', 2, "Expecting value"),
        ('{"id": "x" "weight": 1}', 2, "Expecting ',' delimiter"),
        ('{"id": "x",\n "weight": tru}', 3, "Expecting value"),
        ('{"weight": 1}', 2, "an entry needs an “id”"),
        ('{"id": 7}', 2, "an entry needs an “id”"),
        ('{"id": "x"}', 2, "“x” lacks “family”"),
        ('{"id": "hyper-sdxl-8steps", "wieght": 1}', 2, "has “wieght”, which no recipe has"),
        ('{"id": "hyper-sdxl-8steps", "weight": "a lot"}', 2, "weight must be a number from 0 to 2, not 'a lot'"),
        ('{"id": "hyper-sdxl-8steps", "weight": NaN}', 2, "weight must be a number from 0 to 2"),
        ('{"id": "hyper-sdxl-8steps", "weight": true}', 2, "weight must be a number from 0 to 2"),
        (f'{{"id": "hyper-sdxl-8steps", "weight": 1{"0" * 400}}}', 2, "weight must be a number from 0 to 2"),
        ('{"id": "hyper-sdxl-8steps", "bytes": true}', 2, "bytes must be null or a size, not True"),
        ('{"id": "hyper-sdxl-8steps", "steps": 9}', 2, "steps must be between steps_min and steps_max"),
        ('{"id": "hyper-sdxl-8steps", "steps": 8.0}', 2, "steps must be a whole number"),
        ('{"id": "hyper-sdxl-8steps", "cfg": 9}', 2, "cfg must be between cfg_min and cfg_max"),
        ('{"id": "hyper-sdxl-8steps", "family": "sd4"}', 2, "family must be one of"),
        ('{"id": "hyper-sdxl-8steps", "family": []}', 2, "family must be one of"),
        ('{"id": "hyper-sdxl-8steps", "file": "../../evil.safetensors"}', 2, "file must be a bare file name"),
        ('{"id": "hyper-sdxl-8steps", "file": "a\\\\b.safetensors"}', 2, "file must be a bare file name"),
        ('{"id": "hyper-sdxl-8steps", "words": " "}', 2, "words must be words of the file name"),
        ('{"id": "hyper-sdxl-8steps", "eta": -1}', 2, "eta must be null or a number from 0 to 1"),
        ('{"id": "hyper-sdxl-8steps", "eta_min": 0}', 2, "eta_min must be there with eta_max or not at all"),
        ('{"id": "hyper-sdxl-8steps", "eta_max": 1}', 2, "eta_min must be there with eta_max or not at all"),
        ('{"id": "hyper-sdxl-unified", "eta_max": 2}', 2, "eta_max must be null or a number from 0 to 1"),
        (
            '{"id": "hyper-sdxl-unified", "eta_min": 0.5, "eta": 0.3}',
            2,
            "eta must be between eta_min and eta_max, not 0.3",
        ),
        ('{"id": "hyper-sdxl-unified", "eta": null}', 2, "eta must be between eta_min and eta_max, not None"),
        ('{"id": "hyper-sdxl-8steps", "source": "me"}', 2, "source must be a list of texts"),
        ('{"id": "hyper-sdxl-8steps", "bases": "SDXL"}', 2, "bases must be a list of texts, not 'SDXL'"),
        ('{"id": "hyper-sdxl-8steps", "bases": ["SDXXL"]}', 2, "bases must be a list of architectures' names"),
        ('{"id": "hyper-sdxl-8steps", "shift": -1}', 2, "shift must be null or a number from 0 to 30"),
        ('{"id": "hyper-flux-8steps", "shift": 3}', 2, "shift must be null where there is a distilled_cfg, not 3"),
    ],
)
def test_a_broken_entry_is_named_with_its_line_and_the_rest_is_used(tmp_path, broken, line, what):
    catalog = own(tmp_path, f"[\n{broken},\n{json.dumps(NEW)}]\n")
    (problem,) = catalog.problems
    assert problem.startswith(f"hypersd-recipes.json, line {line}: ") and what in problem
    assert problem.endswith("This entry is left out.")
    assert recipe(catalog, "mine").weight == 0.9
    assert recipe(catalog, "hyper-sdxl-8steps") == recipe(published(), "hyper-sdxl-8steps")


@pytest.mark.parametrize("text", ["", "{}", '{"id": "x"}', "not json", '"[]"'])
def test_a_file_that_is_no_list_is_a_sentence(tmp_path, text):
    catalog = own(tmp_path, text)
    assert "not a list of recipes" in catalog.problems[0] and catalog.recipes == published().recipes


def test_a_file_that_is_too_large_or_no_text_is_a_sentence(tmp_path):
    assert "larger than" in own(tmp_path, "[" + " " * 1_000_001 + "]").problems[0]
    (tmp_path / "hypersd-recipes.json").write_bytes(b"[\xff\xfe]")
    assert "could not be read" in load_catalog(tmp_path / "hypersd-recipes.json").problems[0]


@given(st.text() | st.text(alphabet='[]{}",:\\ \nid0123456789eE+-.truefalsn'))
def test_no_text_makes_reading_fail(text):
    lines = text.count("\n") + 1
    for line, entry in parse_entries(text):
        assert 1 <= line <= lines and isinstance(entry, dict | str)


def test_deep_nesting_is_a_sentence_and_not_a_crash():
    assert [entry for _, entry in parse_entries("[" + '{"a":' * 100_000)][0] == "nested too deeply."


def test_recipes_compare_by_value():
    assert Recipe(**NEW) == Recipe(**NEW) and hash(Recipe(**NEW)) == hash(Recipe(**NEW))
