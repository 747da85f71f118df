"""Which recipe a LoRA or a checkpoint belongs to, by its hash, its size, its header or its name."""

import bisect
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ..recipes.catalog import ALIKE, FAMILIES, LOOKALIKES, Catalog, Recipe
from ..wording import COMMA, fill, join, shown
from .declared import declared_recipe
from .lora import Lora
from .names import titles, words

__all__ = [
    "CERTAIN", "Clues", "Identification", "identify", "is_nearly_published", "is_promising", "made_for", "named_family",
    "recognise", "words",
]  # fmt: skip

CERTAIN, LIKELY, WEAK = "certain", "likely", "weak"
HASHES = ("SHA-256", "addnet hash")
DECLARED = "own recipe"  # in its metadata
TRAINED = "ss_output_name"  # where a trainer writes the name; published files have none
UNKNOWN_FAMILY = fill("an unknown family of checkpoints")
NOT_ONE = "is no few-step LoRA that the catalog knows."
# How much a kind of evidence tells, for files that compete for one recipe.
STRENGTHS = {
    "SHA-256": 90, "addnet hash": 80, DECLARED: 75, "size and metadata": 70, "size and file name": 60, "metadata": 50,
    "file name": 25, "size": 10, "": 0,
}  # fmt: skip
CONFIRMED = 10  # what layers of the right family add to a file name
RANK = 64  # of the published LoRAs; another rank is a copy made smaller, or a LoRA of another kind
BY_RANK = 5  # what the right rank adds to a name, and another takes away
# Words of a LoRA that is *for* a fast checkpoint, in whatever company they stand.
OF_ANOTHER_KIND = frozenset({"trained", "training", "style", "styles", "character", "characters", "concept"})
# How far a copy's size may be off: another header's free texts, and at half precision half of a whole header.
FREE_TEXTS, HALF_A_HEADER = 4096, 300_000
# A copy whose header was written anew has another size by no more than such a header, and the same tensors.
NEAR = 1_000_000


class Clues(NamedTuple):
    """What is known of a file; hashes in hexadecimal digits, "" while they are not.

    ``size`` in bytes. ``lora`` and ``metadata`` come from its header; ``problem`` says, as a sentence, why the header
    cannot be read; ``checkpoint`` is the family ("unknown" where that does not show) of a file that is no LoRA at all.
    All four are empty while nobody has opened the file.
    """

    name: str
    size: int | None = None
    sha256: str = ""
    addnet: str = ""
    lora: Lora | None = None
    metadata: Mapping[str, str] = {}
    problem: str | None = None
    checkpoint: str | None = None


class Identification(NamedTuple):
    """The recipe that a file belongs to, what told it and how surely, in one sentence; or (None) why there is none.

    ``evidence`` is "SHA-256", "addnet hash", "own recipe", "size", "size and metadata", "size and file name",
    "metadata", "file name" or "", ``confidence`` "certain", "likely", "weak" or "". ``refused``: the file looks like a
    few-step LoRA, that of ``looks_like``, and must not be used as one. ``superseded``: its authors have replaced this
    edition.
    ``strength`` compares two files that have the same recipe: the higher, the more tells that it is this one.
    """

    recipe: Recipe | None
    evidence: str = ""
    confidence: str = ""
    sentence: str = ""
    refused: bool = False
    superseded: bool = False
    looks_like: Recipe | None = None
    strength: int = 0


@lru_cache(maxsize=65536)
def identify(catalog: Catalog, name: str, digest: str = "") -> Recipe | None:
    """The recipe of the file called ``name`` (with or without its suffix), or None.

    A known hash decides: SHA-256, or the "addnet" hash that A1111 computes for a LoRA, whole or its first twelve
    digits. Else the recipe whose words all stand in the name, the one with the most of them.
    """
    return by_hash(catalog, digest) or by_words(catalog, words(name))


def by_hash(catalog: Catalog, digest: str) -> Recipe | None:
    if len(digest) < 12:
        return None
    for recipe in catalog.recipes:
        if digest in (recipe.sha256, recipe.superseded_sha256) or (recipe.addnet and digest.startswith(recipe.addnet)):
            return recipe
    return None


def by_words(catalog: Catalog, have: frozenset[str]) -> Recipe | None:
    """The recipe all of whose words are among these, the one with the most of them; of two the first.

    Words beside them that belong to another kind of LoRA rule it out.
    """
    candidates = [
        (parts, recipe) for parts, recipe in needed(catalog) if have >= parts and not have & (OF_ANOTHER_KIND - parts)
    ]
    return max(candidates, key=lambda candidate: len(candidate[0]), default=(None, None))[1]


@lru_cache(maxsize=8)
def needed(catalog: Catalog) -> list[tuple[frozenset[str], Recipe]]:
    named = [recipe for recipe in catalog.recipes if recipe.words and recipe.kind != "merged"]
    return [(frozenset(recipe.words.split()), recipe) for recipe in named]


def is_promising(catalog: Catalog, name: str, size: int, digest: str) -> bool:
    """Whether a file is worth opening at once: by its name, size or hash it may be a few-step LoRA."""
    return (
        by_words(catalog, words(name) | FAMILIES.keys()) is not None  # its layers may say the family that it does not
        or named_family(name) is not None
        or is_nearly_published(catalog, size)
        or by_hash(catalog, digest) is not None
    )


def is_nearly_published(catalog: Catalog, size: int) -> bool:
    """Whether a file of this size may be a published one, or a copy of it with another header."""
    sizes = published_sizes(catalog)
    place = bisect.bisect_left(sizes, size - NEAR)
    return place < len(sizes) and sizes[place] <= size + NEAR


@lru_cache(maxsize=8)
def published_sizes(catalog: Catalog) -> list[int]:
    return sorted(size for recipe in catalog.recipes for size in (recipe.bytes, recipe.superseded_bytes) if size)


def recognise(catalog: Catalog, clues: Clues) -> Identification:
    """The recipe by SHA-256, addnet hash, the one that it declares, known size, metadata or file name, in this order;
    the first that tells wins.

    A size that several published files or copies of them share, or one beside a name that says another recipe, is no
    evidence by itself; nor is it where the file's SHA-256 is known and is not that of the size. What the header says
    comes before what a name says: a file whose layers are made for another family than the recipe is refused.
    """
    recipe, evidence, confidence = evidence_of(catalog, clues)
    name = shown(clues.name)
    if recipe is None:
        return Identification(
            None, sentence=why_none(catalog, clues), refused=bool(clues.problem and named_family(clues.name))
        )

    what = (recipe.file or recipe.id).removesuffix(".safetensors")
    sentence: str = f"{name} is {what} of {recipe.maker}, told by its {evidence} ({confidence})."
    if clues.problem:
        return Identification(None, evidence, confidence, not_used(clues.problem), True, looks_like=recipe)
    if recipe.is_lora and clues.checkpoint:
        no_lora = "{name} is called like {what}, and no layer in it is a LoRA's: it is not used."
        sentence = fill(no_lora, name=name, what=what)
        return Identification(None, evidence, confidence, sentence, True, looks_like=recipe)
    if evidence not in HASHES and recipe.is_lora and made_for(recipe, clues.lora) != recipe.family:
        sentence = fill(
            "{name} is called like {what}, which is for {family}, and its layers are made for {other}: it is not used. "
            "Give it a name that says what it is.",
            name=name, what=what, family=FAMILIES[recipe.family], other=called(made_for(recipe, clues.lora)),
        )  # fmt: skip
        return Identification(None, evidence, confidence, sentence, True, looks_like=recipe)
    if evidence in HASHES:
        old = recipe.superseded_sha256 in (clues.sha256, clues.addnet)
    else:
        old = clues.size is not None and clues.size == recipe.superseded_bytes
    strength = strength_of(evidence, confidence, clues.lora)
    return Identification(recipe, evidence, confidence, sentence, superseded=old, strength=strength)


def made_for(recipe: Recipe | None, lora: Lora | None) -> str | None:
    """The family that a file is made for: what its layers say comes before its recipe, unless they are alike."""
    of_layers = lora.family if lora else None
    if recipe and of_layers in (None, ALIKE.get(recipe.family)):
        return recipe.family
    return of_layers


def why_none(catalog: Catalog, clues: Clues) -> str:
    """Why a file has no recipe, as a sentence."""
    name, shared = shown(clues.name), same_size(catalog, clues)
    if shared:
        names = [(r.file or r.id).removesuffix(".safetensors") for r in shared]
        which: str = names[0]
        if len(names) > 1:
            which = fill("{count} files ({names})", count=len(names), names=join(names, COMMA))
        if copies_of_size(catalog, clues):
            which = fill("{which} and of copies of others", which=which)
        return fill(
            "{name} has the size of {which}, and nothing else tells; its hash will, or a name that says what it is.",
            name=name, which=which,
        )  # fmt: skip
    if clues.problem:
        return not_used(clues.problem)
    subject = f"{name} is a LoRA for {called(clues.lora.family)} and" if clues.lora else name
    return f"{subject} {NOT_ONE}"


def not_used(problem: str) -> str:
    return join([problem, fill("It is not used.")])


def evidence_of(catalog: Catalog, clues: Clues) -> tuple[Recipe | None, str, str]:
    """The recipe, what tells it and how surely."""
    for kind, digest in zip(HASHES, (clues.sha256, clues.addnet), strict=True):
        if recipe := by_hash(catalog, digest):
            return recipe, kind, CERTAIN
    if recipe := declared_recipe(catalog, clues.metadata):
        return recipe, DECLARED, LIKELY
    source, named = "metadata", by_name(catalog, titles(clues.metadata), clues.lora)
    if named is None and not is_another_kind(clues):
        source, named = "file name", by_name(catalog, clues.name, clues.lora)
    sized = same_size(catalog, clues)
    if named in sized:
        return named, f"size and {source}", LIKELY
    if named:
        confirmed = clues.lora is not None and clues.lora.family == named.family and not clues.metadata.get(TRAINED)
        return named, source, LIKELY if source == "metadata" or confirmed else WEAK
    if len(sized) == 1 and not clues.problem and not copies_of_size(catalog, clues):
        return sized[0], "size", WEAK
    return None, "", ""


def strength_of(evidence: str, confidence: str, lora: Lora | None) -> int:
    """How much all that is known of a file tells, as a number for comparison."""
    strength = STRENGTHS[evidence]
    if evidence == "file name" and confidence == LIKELY:
        strength += CONFIRMED
    if evidence in ("metadata", "file name") and lora and lora.rank:
        strength += BY_RANK if lora.rank == RANK else -BY_RANK
    return strength


def is_another_kind(clues: Clues) -> bool:
    """Whether a trainer gave the LoRA another name and another rank: its file is called after what it is for."""
    return bool(clues.metadata.get(TRAINED)) and clues.lora is not None and clues.lora.rank != RANK


def by_name(catalog: Catalog, text: str, lora: Lora | None) -> Recipe | None:
    """The recipe that a name tells; where it says no family, that of the layers helps."""
    have = words(text)
    if lora and lora.family and not have & FAMILIES.keys():
        have |= {lora.family}
    return by_words(catalog, have)


def same_size(catalog: Catalog, clues: Clues) -> list[Recipe]:
    """The recipes whose file has this very size, unless the file's hash is known, and so is none of theirs."""
    if clues.size is None or clues.sha256:
        return []
    family = clues.lora.family if clues.lora else None
    found = [r for r in catalog.recipes if clues.size in (r.bytes, r.superseded_bytes)]
    return [r for r in found if family in (None, r.family)]


def copies_of_size(catalog: Catalog, clues: Clues) -> bool:
    """Whether a copy of another published file may have this size: saved anew, or at half the precision."""
    size, family = clues.size or 0, clues.lora.family if clues.lora else None

    def may_be(published: int) -> bool:
        return abs(size - published) <= FREE_TEXTS or 0 <= size - published // 2 <= HALF_A_HEADER

    of_family = [r for r in catalog.recipes if r.is_lora and family in (None, r.family)]
    return any(may_be(r.bytes) for r in of_family if r.bytes not in (None, size))


def called(family: str | None) -> str:
    """A family as sentences call it."""
    if family in LOOKALIKES:
        what: str = LOOKALIKES[family].values["what"]
        return what
    return FAMILIES.get(family or "", UNKNOWN_FAMILY)


def named_family(name: str) -> str | None:
    """The family that a bare alias such as ``Hyper-SDXL`` or ``hyper_sd15`` names, or None for any other name."""
    have = words(name) - {"sd", "dev"}
    if len(have) == 2 and "hyper" in have:
        (family,) = have - {"hyper"}
        return family if family in FAMILIES else None
    return None
