"""All recipes: those that are published (``catalog.json``), and on top of them the user's own file.

A recipe is one flat JSON object. The user's file has the same form: an entry adds a recipe, or changes single values of
the one that has its ``id``. A broken entry is named with its line, and the others are used.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ..architecture_table import LOOKALIKES
from ..wording import fill
from .recipe import ALIKE, FAMILIES, HYPER_SD, KINDS, Recipe, check

__all__ = ["ALIKE", "FAMILIES", "HYPER_SD", "KINDS", "LOOKALIKES", "Catalog", "Recipe", "load_catalog", "published"]

MOST_BYTES = 1_000_000
TOO_LARGE = "{file} is larger than {bytes} bytes and was not read."
UNREADABLE = "{file} could not be read ({why}); the published recipes are used."
LEFT_OUT = "{file}, line {line}: {problem} This entry is left out."


class Catalog:
    """All recipes, in order, and a sentence for each entry that could not be read; equal to itself alone."""

    def __init__(self, recipes: tuple[Recipe, ...], problems: tuple[str, ...] = ()):
        self.recipes, self.problems = recipes, problems


@cache
def published() -> Catalog:
    """The catalog that ships with the extension; read once."""
    text = Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
    return Catalog(tuple(Recipe(**entry) for entry in json.loads(text)))


def load_catalog(path: Path) -> Catalog:
    """The published catalog with the user's file applied to it; a missing file changes nothing.

    A file is read again only when its time or size has changed.
    """
    try:
        status = path.stat()
    except OSError:
        return published()
    return read_catalog(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def read_catalog(path: Path, mtime_ns: int, size: int) -> Catalog:
    base = published()
    if size > MOST_BYTES:
        return Catalog(base.recipes, (fill(TOO_LARGE, file=path.name, bytes=MOST_BYTES),))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return Catalog(base.recipes, (fill(UNREADABLE, file=path.name, why=str(error)),))

    recipes = {recipe.id: recipe for recipe in base.recipes}
    problems: list[str] = []
    for line, entry in parse_entries(text):
        try:
            recipe = merge(recipes, entry)
        except ValueError as error:
            problems.append(fill(LEFT_OUT, file=path.name, line=line, problem=str(error)))
        else:
            recipes[recipe.id] = recipe
    return Catalog(tuple(recipes.values()), tuple(problems))


def parse_entries(text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The objects of a JSON list, each with its line; where one cannot be parsed, a sentence in its place.

    Entries are flat, so after a broken one reading goes on at the next opening brace.
    """

    def line_of(position: int) -> int:
        return text.count("\n", 0, position) + 1

    decoder = json.JSONDecoder()
    start = text.find("[")
    if text[: max(start, 0)].strip() or start < 0:
        yield 1, fill("the file is not a list of recipes ([ {{…}}, {{…}} ]).")
        return
    position = text.find("{", start)
    while position >= 0:
        try:
            entry, end = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            at = getattr(error, "pos", position)
            yield line_of(at), f"{getattr(error, 'msg', 'nested too deeply')}."
            position = text.find("{", max(at, position + 1))
        else:
            yield line_of(position), entry
            position = text.find("{", end)


def merge(recipes: dict[str, Recipe], entry: Mapping[str, Any] | str) -> Recipe:
    """A recipe from an entry, on top of the recipe of the same id where there is one.

    Raises:
        ValueError: a sentence that names the entry and what is wrong with it.
    """
    if isinstance(entry, str):
        raise ValueError(entry)
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError(fill("an entry needs an “id”."))
    unknown = sorted(set(entry) - {f.name for f in fields(Recipe)})
    if unknown:
        raise ValueError(fill("“{id}” has “{key}”, which no recipe has.", id=name, key=unknown[0]))
    required = [f.name for f in fields(Recipe) if f.default is MISSING and f.default_factory is MISSING]
    missing = [field for field in required if field not in entry]
    if name not in recipes and missing:
        raise ValueError(fill("“{id}” lacks “{key}”.", id=name, key=missing[0]))
    recipe = replace(recipes[name], **entry) if name in recipes else Recipe(**entry)
    check(recipe)
    return recipe
