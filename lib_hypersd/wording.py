"""How names and numbers are written in sentences, and sentences that can be had in another language.

The English stands where a sentence is made, as the template of :func:`fill`; ``translation.py`` puts another template
in its place. Whoever wants no other language has a text like any other.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["AND", "COMMA", "OR", "Sentence", "fill", "join", "shown", "spell"]

# How two parts are joined, see :func:`join`.
AFTER, COMMA, AND, OR = "{before} {after}", "{before}, {after}", "{before} and {after}", "{before} or {after}"


class Sentence(str):
    """A sentence, or a part of one, in English, with the template and the values that it was made from.

    Of the values those that are sentences themselves belong to the language; all others are names and numbers.
    """

    template: str
    values: Mapping[str, Any]

    def __new__(cls, text: str, template: str = "", values: Mapping[str, Any] = MappingProxyType({})) -> "Sentence":
        sentence = super().__new__(cls, text)
        sentence.template, sentence.values = template, values
        return sentence

    def __str__(self) -> str:
        return self  # so that the ``str`` of an error is the sentence that it was raised with


def fill(template: str, /, one: str = "", **values: Any) -> Sentence:
    """A sentence from its template in Python's format.

    Args:
        one: the English template for a ``count`` of 1, where that value decides between one and many.
    """
    english = one if one and values["count"] == 1 else template
    return Sentence(english.format(**values), template, values)


def join(parts: Iterable[str], how: str = AFTER) -> str:
    """All parts as one, each behind the one before it: sentences by default, or what is listed; "" of none."""
    parts = list(parts)
    if len(parts) < 2:
        return parts[0] if parts else ""
    middle = len(parts) // 2  # in halves, so that hundreds of names are no hundreds of sentences within each other
    return fill(how, before=join(parts[:middle], how), after=join(parts[middle:], how))


def spell(number: float) -> str:
    """The shortest text that reads back as the same number: 1 for 1.0, 0.125."""
    return repr(number).removesuffix(".0")


def shown(name: str) -> str:
    """A file's name on one line of a sentence: what would break it or turn its direction stands there as an escape."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
