"""The contracts, one of each host and commit: which names the adapter uses, and what each is there; and what breaks one."""

import inspect
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path

from .table import HOLDERS, WITH, WITHOUT
from .walk import Found, Use

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Contract:
    """The facts by name, as ``facts.record`` makes them, of what the adapter uses and of what the double has beside it.

    ``kind`` is one of those of ``tests.live.kinds``.
    """

    host: str
    commit: str
    kind: str
    facts: dict[str, dict | None]
    double: dict[str, dict | None]

    def write(self, folder: Path = FOLDER) -> Path:
        """In the order of the names, one to a line."""
        in_order = {name: dict(sorted(getattr(self, name).items())) for name in ("facts", "double")}
        text = json.dumps(vars(self) | in_order, indent=1)
        text = re.sub(r"\{\n   +[^{}]+\}", lambda fact: json.dumps(json.loads(fact[0])), text)
        file = folder / f"{self.host} {self.commit}.json".lower().replace(" ", "-")
        file.write_text(text + "\n", "utf-8")
        return file


def contracts() -> list[Contract]:
    """All that were recorded."""
    return [Contract(**json.loads(file.read_text("utf-8"))) for file in sorted(FOLDER.glob("*.json"))]


def problems(found: Found, facts: dict[str, dict | None]) -> list[str]:
    """What the adapter does that a host of these facts does not allow, as sentences."""
    sentences = [f"Nothing uses {name}." for name in facts.keys() - found.uses.keys()]
    for name, use in found.uses.items():
        if name not in facts:
            sentences.append(f"{use.where} uses {name}, which was not recorded.")
        elif facts[name] is None:
            sentences += [f"{place} takes {name}, which is not there." for place in needs(name, use, facts)]
    for call in found.calls:
        theirs = signature_in(facts.get(call.name))
        if theirs and not call.tried and not fits(parsed(theirs), call.positional, call.keywords, call.more):
            sentences.append(f"{call.where} calls {call.name} with what does not fit {theirs}.")
    for one in found.stand_ins:
        theirs = signature_in(facts.get(one.name))
        if theirs and not serves(one.signature, theirs):
            sentences.append(
                f"{one.where} stands in for {one.name} with {one.signature}, which does not serve {theirs}."
            )
    return sorted(sentences)


def needs(name: str, use: Use, facts: dict) -> list[str]:
    """Where a name is taken that must be there: the file does not ask for it, what it is part of is there, no guard is up."""
    guards = [(WITH.get(name), True), (WITHOUT.get(name), False)]
    if not is_there(around(name), facts) or any(other and is_there(other, facts) != wanted for other, wanted in guards):
        return []
    return [place for file, place in use.taken.items() if file not in use.optional]


def is_there(name: str, facts: dict) -> bool:
    """By its own fact, or where it is no name but a word or an entry, by that of what has it."""
    if name in facts:
        return facts[name] is not None
    return around(name) == name or is_there(around(name), facts)


def around(name: str) -> str:
    """What a name is part of; a word that stands for no path is part of nothing but itself."""
    return HOLDERS.get(name) or re.sub(r'(\.\w+|\["\w+"\]|\[\])$', "", name)


def signature_in(fact: dict | None) -> str | None:
    return fact and fact.get("signature")


def parsed(signature: str) -> inspect.Signature:
    """A signature that was recorded; as it is written, it is Python."""
    return inspect.signature(eval(f"lambda {signature[1:-1]}: 0"))


def fits(signature: inspect.Signature, positional: int, keywords: Iterable[str], more=False) -> bool:
    """Whether such a function can be called with so many arguments, and with those keywords."""
    try:
        (signature.bind_partial if more else signature.bind)(*[0] * positional, **dict.fromkeys(keywords))
    except TypeError:
        return False
    return True


def serves(ours: str, theirs: str) -> bool:
    """Whether a function of our signature can be called in every way in which one of theirs can.

    What ours asks for by keyword is taken to come where theirs takes any keyword.
    """
    if not theirs.startswith("(self"):
        ours = ours.replace("(self, ", "(").replace("(self)", "()")

    def names(signature, kind):
        return [one.name for one in parsed(signature).parameters.values() if one.kind == kind]

    places, more = names(theirs, Parameter.POSITIONAL_OR_KEYWORD), names(theirs, Parameter.VAR_POSITIONAL)
    keywords = names(theirs, Parameter.KEYWORD_ONLY)
    if names(theirs, Parameter.VAR_KEYWORD):
        keywords += ["any", *names(ours, Parameter.KEYWORD_ONLY)]
    needed = [name for name in places if parsed(theirs).parameters[name].default is Parameter.empty]
    calls = [(count, [*places[count:], *keywords]) for count in range(len(places) + 1)]
    calls += [(len(places + more), keywords), (len(needed), keywords), (0, [*needed, *keywords])]
    return all(fits(parsed(ours), *call) for call in calls)


def moved(before: dict, after: dict) -> list[str]:
    """What is not as it was, one line for each name."""

    def describe(facts, name):
        fact = facts.get(name, "not recorded")
        if not isinstance(fact, dict):
            return fact or "not there"
        return fact["kind"] + (fact.get("signature") or "") + "".join(f", a {base}" for base in fact.get("bases", ()))

    names = sorted(before.keys() | after.keys())
    pairs = [(name, describe(before, name), describe(after, name)) for name in names]
    return [f"{name}: {was} → {now}" for name, was, now in pairs if was != now]
