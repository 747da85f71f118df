"""A LoRA that declares its own recipe: believed where every value is in range, and no further than its layers go."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files.declared import KEY, MOST_LETTERS, declaration, declared_recipe, fingerprint, is_from
from lib_hypersd.files.identify import Clues, recognise
from lib_hypersd.files.library import Library, file_of
from lib_hypersd.files.lora import Lora
from lib_hypersd.recipes.recipe import check
from tests import loras
from tests.files.shelf import BY_ID, CATALOG

FOUR = declaration("sdxl", "fixed", 4, 4, "")


def declared(**changes):
    return declared_recipe(CATALOG, {KEY: json.dumps({**json.loads(FOUR), **changes})})


def test_what_is_declared_is_hyper_sds_with_other_steps():
    recipe, published = declared(), BY_ID["hyper-sdxl-4steps"]
    assert (recipe.steps_min, recipe.steps, recipe.steps_max, recipe.weight) == (4, 4, 4, 1.0)
    assert (recipe.sampler, recipe.schedule, recipe.eta) == (published.sampler, published.schedule, published.eta)
    assert not recipe.can_be_fetched and recipe.id == "own-sdxl-fixed-4" and recipe not in CATALOG.recipes
    unified = declared(kind="unified", steps_min=1, steps_max=6)
    assert (unified.sampler, unified.steps_min, unified.steps_max, unified.takes_eta) == ("TCD", 1, 6, True)
    assert declared(kind="cfg", steps_min=8, steps_max=8).cfg == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "sd99"}, {"family": ["sdxl"]}, {"family": None}, {"kind": "merged"}, {"kind": {}}, {"steps_min": 5},
        {"steps_max": 0, "steps_min": 0}, {"steps_max": 1000}, {"steps_max": "4"}, {"steps_max": True}, {"steps_max": 4.5},
        {"steps_max": float("inf")}, {"steps_max": None}, {"family": "flux"}, {"steps_max": 10**30},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_out_of_range_is_passed_over(changes):
    assert declared(**changes) is None


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_a_strangers_text_never_raises(text):
    assert declared_recipe(CATALOG, {KEY: text}) is None and is_from({KEY: text}, "missing") in (None, False)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "family": st.sampled_from(["sd15", "sdxl", "sd3", "flux", "x"]) | st.integers(),
            "kind": st.sampled_from(["fixed", "unified", "cfg", "merged", "unet"]) | st.lists(st.text()),
            "steps_min": st.integers() | st.floats(), "steps_max": st.integers() | st.text(), "weight": st.floats(),
        },
    )
)  # fmt: skip
def test_whatever_comes_out_is_a_recipe_in_range(values):
    recipe = declared_recipe(CATALOG, {KEY: json.dumps(values)})
    if recipe is not None:
        check(recipe)
        assert recipe.weight == 1.0 and recipe.file is None


def test_a_text_that_is_too_long_is_not_read():
    assert declared_recipe(CATALOG, {KEY: FOUR + " " * MOST_LETTERS}) is None
    assert declared_recipe(CATALOG, {KEY: "[" * (MOST_LETTERS - 1)}) is None


def test_it_comes_after_a_hash_and_before_a_name():
    lora = Lora("sdxl", "kohya", 64, False)
    found = recognise(CATALOG, Clues("Hyper-SDXL-8steps-lora", 1, lora=lora, metadata={KEY: FOUR}))
    assert (found.recipe.id, found.evidence, found.confidence) == ("own-sdxl-fixed-4", "own recipe", "likely")
    assert found.sentence.endswith("told by its own recipe (likely).")
    published = BY_ID["hyper-sdxl-8steps"]
    assert recognise(CATALOG, Clues("x", 1, sha256=published.sha256, metadata={KEY: FOUR})).recipe == published


def test_layers_of_another_family_are_refused_whatever_is_declared():
    found = recognise(CATALOG, Clues("x", 1, lora=Lora("sd15", "kohya", 64, False), metadata={KEY: FOUR}))
    assert found.refused and found.recipe is None


def test_a_fingerprint_is_the_contents_and_not_the_names(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    content = bytearray(range(256)) * 20_000
    a.write_bytes(content)
    b.write_bytes(content)
    assert len(fingerprint(str(a))) == 64 and fingerprint(str(a)) == fingerprint(str(b))
    content[len(content) // 63 + 10] ^= 1  # within one of the places that are read
    a.write_bytes(content)
    assert fingerprint(str(a)) != fingerprint(str(b))
    b.write_bytes(content + b"x")
    assert fingerprint(str(a)) != fingerprint(str(b)) and fingerprint(str(tmp_path / "none")) == ""
    (tmp_path / "empty").touch()
    assert len(fingerprint(str(tmp_path / "empty"))) == 64


def test_the_library_keeps_what_a_file_declares(tmp_path):
    """In its cache too, so that no file is opened again; whole, or not at all."""
    base = tmp_path / "base"
    base.write_bytes(b"weights")
    shapes, _ = loras.published("sdxl")
    text = declaration("sdxl", "fixed", 4, 4, fingerprint(str(base)))
    loras.write(tmp_path / "a.safetensors", shapes, loras.F16, {KEY: text})
    loras.write(tmp_path / "b.safetensors", shapes, loras.F16, {KEY: text + " " * MOST_LETTERS})
    paths = [str(tmp_path / name) for name in ("a.safetensors", "b.safetensors")]
    first = Library(tmp_path / "cache.json")
    first.examine(paths, CATALOG, open_all=True)
    first.save()
    for library in (first, Library(tmp_path / "cache.json")):
        a, b = library.examine(paths, CATALOG)
        assert a.identification.recipe.id == "own-sdxl-fixed-4" and b.identification.recipe is None
        assert file_of(a, (), str(base)).own is True and file_of(a, (), paths[0]).own is False
        assert file_of(a).own is None
