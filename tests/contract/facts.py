"""What a host offers under given names: facts, no code. This also runs inside real hosts, so it imports nothing of ours.

The fact of a name is None where there is none, else a dict of its ``kind`` ("module", "class", "function", "mapping",
"list" or "value"), of a class the ``bases``, and of what is
called the ``signature`` with ... for every default.
"""

import inspect
import re
import sys
from collections.abc import Mapping
from types import ModuleType

STEP = re.compile(r'\.(\w+)|\["(\w+)"\]|\[\]')


def record(names, called, holders, modules, given):
    """The fact of every name, as ``{name: fact}``.

    Args:
        names: paths such as ``sampler.config.options["scheduler"]``; ``[]`` is any entry.
        called: those among them whose signatures count.
        holders: paths by the first words that stand for them.
        modules: the modules' names by the first words that stand for those.
        given: objects by all other first words.
    """
    return {name: fact(name in called, *find(name, holders, modules, given)[:1]) for name in names}


def find(path, holders, modules, given):
    """All that is there under a path."""
    word = re.match(r"\w+", path)[0]
    if word in holders:
        found = find(holders[word], holders, modules, given)
    else:
        found = [given[word] if word in given else sys.modules.get(modules.get(word))]
        found = [one for one in found if one is not None]
    for step in STEP.finditer(path, len(word)):
        found = [inner for one in found for inner in follow(one, *step.groups())]
    return found


def follow(value, attribute, key):
    """The attribute, the entry, or where neither is named all entries; as a list, which is empty where there is none."""
    if attribute:
        return [getattr(value, attribute)] if hasattr(value, attribute) else []
    if key:
        return [value[key]] if key in value else []
    return list(value.values() if isinstance(value, Mapping) else value)


def fact(called, *found):
    if not found:
        return None
    kind = kind_of(found[0])
    result = {"kind": kind}
    if kind == "class":
        result["bases"] = [base.__name__ for base in found[0].__bases__ if base is not object]
    if called and kind in ("class", "function"):
        result["signature"] = signature(found[0])
    return result


def kind_of(value):
    kinds = {"module": ModuleType, "class": type, "mapping": Mapping, "list": list}
    named = next((kind for kind, meant in kinds.items() if isinstance(value, meant)), "value")
    return "function" if named == "value" and callable(value) and hasattr(value, "__name__") else named


class Default:
    def __repr__(self):
        return "..."


def signature(function):
    """Its parameters as they are written, such as ``(p, x, *, steps=...)``; None where Python does not know them."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = [
        one.replace(annotation=one.empty, default=one.empty if one.default is one.empty else Default())
        for one in found.parameters.values()
    ]
    return str(inspect.Signature(parameters))
