"""Sentences in other languages: which language it is, the forms of words, and that no English is left in any."""

import copy
import json
import pickle
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_hypersd.explain import explain, read_text
from lib_hypersd.plan import Memory, Model, SecondPass, make_plan, point_out
from lib_hypersd.recipes.settings import Settings, read_settings
from lib_hypersd.translation import PLURALS, find_language, load, translate
from lib_hypersd.wording import AND, COMMA, OR, fill, join
from tests.plans import CATALOG, REQUESTS
from tests.sentences import ROOT, all_templates, cores, sentences, speakers, templates
from tests.translations import find_faults, words_left

# Said by the API or the command line, or explained where a host translates its page.
ENGLISH = {
    "identify.py",
    "library.py",
    "reading.py",
    "controls.py",
    "api.py",
    "downloads.py",
    "payloads.py",
    "schedules.py",
}
CASES = json.loads((ROOT / "tests" / "explain" / "cases.json").read_text(encoding="utf-8"))
LANGUAGES = pytest.mark.parametrize("language", PLURALS)


@pytest.mark.parametrize(
    ("localization", "language"),
    [
        *((language, language) for language in PLURALS), ("zh-Hans (Stable)", "zh_CN"), ("zh-Hant (Stable)", "zh_TW"),
        ("chinese-all-0726", "zh_CN"), ("chinese-english-0726", "zh_CN"), ("zh_HK", "zh_TW"), ("ja", "ja_JP"),
        ("Français", "fr_FR"), ("ko_KR-full", "ko_KR"), ("None", None), ("", None), ("ar_AR", None), ("nl_NL", None),
        ("id_ID", None), ("my de", None), ("design", None), ("itself", None),
    ],
)  # fmt: skip
def test_the_language_is_that_of_the_localizations_name(localization, language):
    assert find_language(localization) == language


def test_a_sentence_is_its_english_text():
    sentence = fill("{count} steps of {what}", "{count} step of {what}", count=1, what=fill("no LoRA"))
    assert (
        sentence == "1 step of no LoRA" and str(sentence) is sentence and json.dumps(sentence) == '"1 step of no LoRA"'
    )
    for same in (copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))):
        assert same == sentence and same.template == sentence.template and same.values == sentence.values
    assert str(ValueError(sentence)) is sentence
    assert translate(sentence, None) is sentence and translate("Steps", "de_DE") == "Steps"
    assert join([]) == "" and join(["a"]) == "a" and join(["a", "b", "c"], COMMA) == "a, b, c"


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("de_DE", ["0 Schritte", "1 Schritt", "2 Schritte", "5 Schritte", "11 Schritte", "21 Schritte", "22 Schritte"]),
        ("fr_FR", ["0 étape", "1 étape", "2 étapes", "5 étapes", "11 étapes", "21 étapes", "22 étapes"]),
        ("pl_PL", ["0 kroków", "1 krok", "2 kroki", "5 kroków", "11 kroków", "21 kroków", "22 kroki"]),
        ("ru_RU", ["0 шагов", "1 шаг", "2 шага", "5 шагов", "11 шагов", "21 шаг", "22 шага"]),
        ("ja_JP", [f"{count}ステップ" for count in (0, 1, 2, 5, 11, 21, 22)]),
    ],
)
def test_words_have_the_form_that_goes_with_their_number(language, written):
    assert [translate(fill("{count} steps", count=count), language) for count in (0, 1, 2, 5, 11, 21, 22)] == written


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty folder in the place of the localizations."""
    monkeypatch.setattr("lib_hypersd.translation.FOLDER", tmp_path)
    load.cache_clear()
    yield tmp_path
    load.cache_clear()


@pytest.mark.parametrize("content", [None, "", "{", "[]", "\xff"])
def test_a_broken_file_leaves_the_panel_in_english(folder, content):
    if content is not None:
        (folder / "de_DE.json").write_text(content, encoding="latin-1")
    assert translate(fill("{count} steps", count=2), "de_DE") == "2 steps"


@pytest.mark.parametrize(
    "entry", ["{name} steps", "{count:q} steps", "{count steps", "{count.real.none}", {"many": "{count}"}, 3, None]
)
def test_a_broken_entry_leaves_its_sentence_in_english(folder, entry):
    (folder / "de_DE.json").write_text(json.dumps({"{count} steps": entry}), encoding="utf-8")
    assert translate(fill("{count} steps", count=4), "de_DE") == "4 steps"


def test_thousands_are_grouped_as_the_language_does():
    sentence = fill("The transfer ended after {done:,} of {total:,} bytes.", done=1234, total=1234567)
    assert "1\u202f234 von 1\u202f234\u202f567 Bytes" in translate(sentence, "de_DE")
    assert "1,234 / 1,234,567" in translate(sentence, "zh_CN")


def test_sentences_and_lists_are_joined_as_the_language_does():
    parts = [fill("It is not used."), fill("No checkpoint is loaded.")]
    assert translate(join(parts), "zh_CN") == "该文件不会被使用。没有加载模型。"
    assert translate(join(parts), "fr_FR") == "Il n’est pas utilisé. Aucun checkpoint n’est chargé."
    many = [f"N{number}" for number in range(5000)]
    assert translate(join(many, COMMA), "ja_JP") == "、".join(many)
    assert [translate(join(["A", "B"], how), "it_IT") for how in (AND, OR, COMMA)] == ["A e B", "A o B", "A, B"]


# No English is left.


def put_in(template: str, count: int):
    """The sentence of a template with a name or a number in each place."""
    values = {
        name: f"N{index}" if not form and name != "count" else count
        for index, (_, name, form, _) in enumerate(Formatter().parse(template))
        if name
    }
    if "!r:" in template:
        values["value"] = "N0"
    return fill(template, **values)


@LANGUAGES
def test_every_sentence_of_the_source_is_in_the_language(language):
    left = {
        template: words
        for template in all_templates()
        for count in (1, 2, 5)
        if (words := words_left(put_in(template, count), language))
    }
    assert left == {} and len(all_templates()) > 250


@pytest.mark.parametrize("path", [path for path in speakers() if path.name not in ENGLISH], ids=lambda path: path.name)
def test_no_sentence_is_put_together_without_a_template(path):
    assert sentences(path) - cores(templates(path)) == set()


OTHERS = [
    Model("sdxl", "other"), Model("sdxl", "xl_hyper_8step"), Model("sd2", "other"), Model("flux", "other"),
    Model("sd15", "other", "v_prediction", coarse=True), Model("flux-pruned", "other", architecture=fill("none of these")),
]  # fmt: skip
MORE = st.fixed_dictionaries(
    {
        "refiner": st.none() | st.sampled_from(OTHERS),
        "second_pass": st.none() | st.sampled_from([SecondPass(model=model) for model in (None, *OTHERS)]),
        "eta": st.none() | st.just(0.5),
        "control_weights": st.sampled_from([(), (1.0,)]),
        "model": st.none() | st.sampled_from(OTHERS)
        | st.sampled_from([
            Model("sdxl", "other", memory=Memory(inside, Settings(steps=4, weight=0.5)))
            for inside in (None, "", "Lightning", "Hyper-SD")
        ]),
    }
)  # fmt: skip


@settings(max_examples=200)
@given(REQUESTS, MORE)
def test_every_plan_is_in_every_language(request, more):
    plan = make_plan(request._replace(**{name: value for name, value in more.items() if value}), CATALOG)
    spoken = [plan.sentence, plan.problem, *plan.warnings, point_out(request, CATALOG)]
    for language in PLURALS:
        assert [words for text in spoken if text and (words := words_left(text, language))] == []


def test_every_explanation_is_in_every_language():
    for found in (explain(read_text(case["text"]), CATALOG) for case in CASES):
        spoken = [found.sentence, found.advice, *map(str, found.causes)]
        left = {language: words for language in PLURALS for text in spoken if (words := words_left(text, language))}
        assert left == {}, found.record


@LANGUAGES
def test_what_a_value_must_be_is_in_the_language(language):
    wrong = {name: ["N0"] for name in Settings._fields} | {"N1": 1}
    _, problems, comments = read_settings([wrong])
    assert len(problems) > 10 and comments
    assert [words for text in [*problems, *comments] if (words := words_left(text, language))] == []


# What the tests above find.


FAULTS = (
    ("fields", "{name} is {form}, not a LoRA.", "N0: {from}"),
    ("fields", "{file}: {done:,.0f} of {total:,.0f} MB", "{file}: {done} / {total:,.0f}"),
    ("forms", "{count} steps", {"one": "{count}", "two": "{count}"}),
    ("forms", "It is not used.", {"other": "N0"}),
    ("spaces", "It is not used.", "N0 "),
    ("spaces", "It is not used.", ""),
    ("English", "It is not used.", "It is not used."),
    ("English", "It is not used.", "This file is left out."),
)


@LANGUAGES
def test_a_fault_of_a_translation_is_found(language):
    entries = load(language)
    assert find_faults(entries, language, all_templates()) == []
    for fault, template, instead in FAULTS:
        assert f"{fault}: {template}" in find_faults({**entries, template: instead}, language, all_templates())
    for template in ("It is not used.", "{count} steps"):
        without = {text: form for text, form in entries.items() if text != template}
        assert find_faults(without, language, all_templates()) == [f"missing: {template}"]


def test_english_that_is_left_is_found(tmp_path: Path):
    done = fill("{name} is {form}, not a LoRA.", name="N0", form=fill("a checkpoint"))
    assert words_left(done, "fr_FR") == set()
    assert words_left(fill("{name} is another matter.", name="N0"), "fr_FR") >= {"matter"}
    assert words_left("It is not used.", "fr_FR") == {"It is not used."}
    assert words_left(fill("{name} is {form}, not a LoRA.", name="N0", form="a checkpoint"), "fr_FR") == {
        "a checkpoint"
    }
    assert words_left(fill("{what} {what}", what="the name of a sampler"), "fr_FR") == {"the name of a sampler"}
    path = tmp_path / "speaker.py"
    path.write_text('def f(name): return f"{name} is not used here."\n')
    assert sentences(path) - cores(templates(path)) == {"is not used here."}
