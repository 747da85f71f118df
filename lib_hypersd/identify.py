"""Which recipe a LoRA or a checkpoint belongs to, told from its name or its hash."""

import re
from functools import lru_cache

from .catalog import FAMILIES, Catalog, Recipe

__all__ = ["identify", "is_merged", "named_family", "words"]

# What people write in file names for the same thing, in the order in which it is replaced.
SPELLINGS = (
    (r"(\d+) ?steps?", r" \1step "),
    (r"hyper(?= ?sd| ?xl| ?flux|\b)", " hyper "),
    (r"sd ?v?1 ?5", " sd15 "),
    (r"(?:sd ?)?xl", " sdxl "),
    (r"sd ?3", " sd3 "),
    (r"flux(?: ?1)?", " flux "),
)
MERGED = re.compile(r"\bhyper\b|hyper ?(?:sd|xl|\d+ ?s)|\d ?s(?:teps?)? ?hyper(?!real|net|det)")


@lru_cache(maxsize=65536)
def words(name: str) -> frozenset[str]:
    """The words of a file name, in one spelling: ``sdxl_hyper_sd_4step_lora`` → sdxl, hyper, sd, 4step, lora."""
    text = separated(name)
    for pattern, replacement in SPELLINGS:
        text = re.sub(pattern, replacement, text)
    return frozenset(text.split())


def separated(name: str) -> str:
    """Lower case, everything but letters and digits a space."""
    return re.sub(r"[\W_]+", " ", name.lower())


@lru_cache(maxsize=65536)
def identify(catalog: Catalog, name: str, hash: str = "") -> Recipe | None:
    """The recipe of the file called ``name`` (with or without its suffix), or None.

    A known hash decides: SHA-256, or the "addnet" hash that A1111 computes for a LoRA, whole or its first twelve
    digits. Else the recipe whose words all stand in the name, the one with the most of them.
    """
    if len(hash) >= 12:
        for recipe in catalog.recipes:
            if hash in (recipe.sha256, recipe.superseded_sha256) or (recipe.addnet and hash.startswith(recipe.addnet)):
                return recipe
    have = words(name)
    candidates = [r for r in catalog.recipes if r.words and have.issuperset(r.words.split())]
    return max(candidates, key=lambda r: len(r.words.split()), default=None)


def named_family(name: str) -> str | None:
    """The family that a bare alias such as ``Hyper-SDXL`` or ``hyper_sd15`` names, or None for any other name."""
    have = words(name) - {"sd", "dev"}
    if len(have) == 2 and "hyper" in have:
        (family,) = have - {"hyper"}
        return family if family in FAMILIES else None
    return None


def is_merged(checkpoint: str) -> bool:
    """Whether a checkpoint's name says that Hyper-SD is merged into it (``…XL_4SHyper``, not ``hyperrealism``)."""
    return bool(MERGED.search(separated(checkpoint)))
