"""Sentences in the languages of ``localizations/``: the template and the forms of its words are looked up there.

Beside the templates the files hold texts of the page, which the WebUIs translate by themselves from the same files.
What is not found there is English.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from .wording import Sentence

__all__ = ["FOLDER", "PLURALS", "find_language", "load", "translate"]

FOLDER = Path(__file__).parent.parent / "localizations"
COMMAS = ("ja_JP", "ko_KR", "zh_CN", "zh_TW")  # stand between thousands there, and narrow spaces elsewhere


def one_or_other(count: int) -> str:
    return "one" if count == 1 else "other"


def below_two(count: int) -> str:
    return "one" if count < 2 else "other"


def always_other(count: int) -> str:
    return "other"


def russian(count: int) -> str:
    return "one" if count % 10 == 1 and count % 100 != 11 else polish(count)


def polish(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else "many"


# By language, the form of its words that goes with a whole number (unicode.org/cldr/charts, Language Plural Rules).
PLURALS: dict[str, Callable[[int], str]] = {
    "de_DE": one_or_other, "es_ES": one_or_other, "fr_FR": below_two, "it_IT": one_or_other, "ja_JP": always_other,
    "ko_KR": always_other, "pl_PL": polish, "pt_BR": below_two, "ru_RU": russian, "zh_CN": always_other,
    "zh_TW": always_other,
}  # fmt: skip
# How a localization's name begins that is of a language, and what it must have besides; the first row that fits counts.
MARKS = (
    ("zh_TW", "zh chinese", "hant tw hk mo traditional"), ("zh_TW", "繁體中文", ""),
    ("zh_CN", "zh chinese 中文 简体中文", ""), ("ja_JP", "ja jp japanese 日本語", ""),
    ("ko_KR", "ko kr korean 한국어", ""),
    ("ru_RU", "ru russian русский", ""), ("es_ES", "es spanish español", ""), ("fr_FR", "fr french français", ""),
    ("pt_BR", "pt portuguese português", ""), ("it_IT", "it italian italiano", ""), ("pl_PL", "pl polish polski", ""),
    ("de_DE", "de german deutsch", ""),
)  # fmt: skip


@cache
def find_language(localization: str) -> str | None:
    """The language of ours that a WebUI's localization of this name is in, or None: English.

    Names begin with a language's code or name: "zh-Hans", "chinese-all-0726", "ru_RU (full)".
    """
    words = re.findall(r"[^\W\d_]+", localization.lower())
    for language, names, scripts in MARKS:
        if set(words[:1]) & set(names.split()) and (not scripts or set(words) & set(scripts.split())):
            return language
    return None


@cache
def load(language: str) -> Mapping[str, Any]:
    """What stands in a language's file: texts by the English ones; by plural forms, where a count decides.

    Nothing, which leaves all in English, where somebody has edited the file and it cannot be read any more.
    """
    try:
        entries = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


class InLanguage(Formatter):
    """Fills a language's templates: sentences among the values in that language too, thousands grouped as it does."""

    def __init__(self, language: str):
        self.language = language

    def format_field(self, value: Any, form: str) -> str:
        if isinstance(value, Sentence):
            return translate(value, self.language)
        text: str = super().format_field(value, form)
        return text.replace(",", "\u202f") if "," in form and self.language not in COMMAS else text


def translate(text: str, language: str | None) -> str:
    """A sentence in one of the languages in ``PLURALS``; English, and what is no sentence, as it is.

    So is a sentence whose entry somebody has edited and that cannot be filled any more.
    """
    if language is None or not isinstance(text, Sentence):
        return text
    template = load(language).get(text.template, text.template)
    try:
        if isinstance(template, Mapping):
            template = template[PLURALS[language](text.values["count"])]
        return InLanguage(language).vformat(template, (), text.values)
    except (LookupError, ValueError, AttributeError, TypeError):
        return text
