"""A LoRA that says in its own metadata how it is to be used: those that ``python -m lib_hypersd distil`` makes.

Its header holds a few numbers, and the checkpoint that it was distilled from; all else is as Hyper-SD publishes it for
such a LoRA. What a stranger has written there is taken where every value is in range, and passed over where one is not.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..recipes.catalog import FAMILIES, HYPER_SD, Catalog, Recipe
from ..recipes.recipe import check
from .scan import Stamp, stamp_of

__all__ = ["KEY", "MOST_LETTERS", "declaration", "declared_recipe", "fingerprint", "is_from"]

KEY = "hypersd.recipe"
MOST_LETTERS = 500
KINDS = ("fixed", "unified", "cfg")
NUMBERS = ("steps_min", "steps_max")
PLACES, BLOCK = 64, 16384  # of a checkpoint that its fingerprint is made of: a megabyte, however large it is


def declaration(family: str, kind: str, steps_min: int, steps_max: int, base: str) -> str:
    """The text for a LoRA's metadata; ``base`` is the fingerprint of its checkpoint, or ""."""
    return json.dumps(
        {"family": family, "kind": kind, "steps_min": steps_min, "steps_max": steps_max, "base": base}
    )  # fmt: skip


def declared_recipe(catalog: Catalog, metadata: Mapping[str, str]) -> Recipe | None:
    """The recipe that a file declares: Hyper-SD's own of this family and kind, with the file's numbers of steps."""
    values = read(metadata)
    family, kind = values.get("family"), values.get("kind")
    if family not in list(FAMILIES) or kind not in KINDS:
        return None
    alike = (r for r in catalog.recipes if (r.family, r.kind, r.maker) == (family, kind, HYPER_SD))
    published = next(alike, None)
    if published is None:
        return None
    least, most = (values.get(name, 0) for name in NUMBERS)
    recipe = replace(
        published, id=f"own-{family}-{kind}-{most}", steps_min=least, steps_max=most, steps=most, weight=1.0,
        two_pass_steps=None, file=None, bytes=None, sha256=None, addnet=None, superseded_bytes=None,
        superseded_sha256=None, repository=None, source=[f"metadata of the file, {KEY}"], bases=[],
    )  # fmt: skip
    try:
        check(recipe)
    except ValueError:
        return None
    return recipe


def is_from(metadata: Mapping[str, str], checkpoint: str | None) -> bool | None:
    """Whether a LoRA declares that it was distilled from the checkpoint in this file; None where it declares none,
    or no file is known."""
    base = read(metadata).get("base")
    if not isinstance(base, str) or not base or checkpoint is None:
        return None
    return fingerprint(checkpoint) == base


def read(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What stands under the key; nothing where that is no JSON object."""
    text = metadata.get(KEY, "")
    try:
        values = json.loads(text) if len(text) <= MOST_LETTERS else None
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def fingerprint(path: str) -> str:
    """Hexadecimal digits that tell one checkpoint's file from another, in a moment, however large they are; "" where
    it cannot be read."""
    try:
        return fingerprint_of(path, stamp_of(path))
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=256)
def fingerprint_of(path: str, stamp: Stamp) -> str:
    digest = hashlib.sha256(str(stamp[0]).encode("ascii"))
    with open(path, "rb") as file:
        for i in range(PLACES):
            file.seek(i * max(stamp[0] - BLOCK, 0) // (PLACES - 1), os.SEEK_SET)
            digest.update(file.read(BLOCK))
    return digest.hexdigest()
