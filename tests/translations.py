"""What can be wrong with a language's texts, and with a sentence in it."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from string import Formatter
from typing import Any

from lib_hypersd.recipes.settings import SCHEDULES
from lib_hypersd.translation import PLURALS, load, translate
from lib_hypersd.wording import Sentence
from tests.sentences import FIELD, speakers, texts

# Words that are the same in every language, and texts that are in one or the other.
SAME = {"CFG", "LoRA", "eta", "MB", "ControlNet"}
COGNATES = {"Sampler", "plan {time}", "page {time}", "decoder {time}", "File: {file}"}
# None of these is a word of another language here.
ENGLISH = re.compile(r"\b(?:the|is|of|not|and|with|this|that|which|from|its|are|cannot|could)\b")
WORD = re.compile(r"[A-Za-zÀ-ɏ]{2,}")  # in Latin letters, as English is


def list_texts(entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each English text with its translation, or with each of the forms of it."""
    for text, translation in entries.items():
        for form in translation.values() if isinstance(translation, Mapping) else [translation]:
            yield text, form


def list_forms(language: str) -> set[str] | None:
    """The forms of a language's words; None where each has but one."""
    forms = {PLURALS[language](count) for count in range(200)}
    return forms if len(forms) > 1 else None


def fields(text: str) -> list[tuple[str | None, ...]]:
    """What a template puts in; a text with stray brackets is no template."""
    return sorted(found[1:] for found in Formatter().parse(text) if found[1] is not None) if FIELD.search(text) else []


def find_faults(entries: Mapping[str, Any], language: str, wanted: Collection[str]) -> list[str]:
    """Everything that is wrong with a language's texts, where those that are wanted are these."""
    spelled = {text for text in wanted if set(WORD.findall(FIELD.sub("", text))) - SAME}
    found = [f"missing: {text}" for text in sorted(spelled - set(entries))]
    for text, translation in entries.items():
        forms = set(translation) if isinstance(translation, Mapping) else None
        if forms != (list_forms(language) if "{count}" in text else None):
            found.append(f"forms: {text}")
    for text, form in list_texts(entries):
        if fields(text) != fields(form):
            found.append(f"fields: {text}")
        if not form or form.strip() != form:
            found.append(f"spaces: {text}")
        if (text == form and text not in COGNATES) or ENGLISH.search(FIELD.sub("", form)):
            found.append(f"English: {text}")
    return found


@cache
def vocabulary(language: str) -> set[str]:
    return {word for _, form in list_texts(load(language)) for word in WORD.findall(FIELD.sub(" ", form))} | SAME


@cache
def prose() -> set[str]:
    """The English texts of the source that are no names."""
    return {text for path in speakers() for text in texts(path) if re.search(r"\b[a-z]+ [a-z]{2,}\b", text)} - {
        *SCHEDULES
    }


def list_names(sentence: Sentence) -> Iterator[str]:
    """What is put into a sentence, and into the sentences in it, and is none itself."""
    for value in sentence.values.values():
        if isinstance(value, Sentence):
            yield from list_names(value)
        elif isinstance(value, str):
            yield value


def words_left(sentence: str, language: str) -> set[str]:
    """The words of a sentence in a language that are neither the language's nor a name's.

    A text that is no sentence, or an English one put into a sentence like a name, is left as a whole.
    """
    if not isinstance(sentence, Sentence):
        return {sentence} - {""}
    names = sorted(set(list_names(sentence)), key=len, reverse=True)
    rest = translate(sentence, language)
    for name in filter(None, names):
        rest = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", " ", rest)
    return set(WORD.findall(rest)) - vocabulary(language) | (set(names) & prose())
