"""Which recipe a LoRA or a checkpoint belongs to, told from its hash, its size, its header or its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from .catalog import FAMILIES, LOOKALIKES, Catalog, Recipe
from .lora import Lora
from .wording import shown

__all__ = ["Clues", "Identification", "identify", "is_merged", "named_family", "recognise", "words"]

# What people write in file names for the same thing, in the order in which it is replaced.
SPELLINGS = (
    (re.compile(r"(\d+) ?steps?"), r" \1step "),
    (re.compile(r"hyper(?= ?sd| ?xl| ?flux|\b)"), " hyper "),
    (re.compile(r"sd ?v?1 ?5"), " sd15 "),
    (re.compile(r"(?:sd ?)?xl"), " sdxl "),
    (re.compile(r"sd ?3"), " sd3 "),
    (re.compile(r"flux(?: ?1)?"), " flux "),
)
SEPARATOR = re.compile(r"[\W_]+")
MERGED = re.compile(r"\bhyper\b|hyper ?(?:sd|xl|\d+ ?s)|\d ?s(?:teps?)? ?hyper(?!real|net|det)")
# Where trainers and converters write the name that a LoRA was given.
TITLES = ("ss_output_name", "modelspec.title", "name", "title")

CERTAIN, LIKELY, WEAK = "certain", "likely", "weak"


@dataclass(frozen=True)
class Clues:
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
    metadata: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Identification:
    """The recipe that a file belongs to, what told it and how surely, in one sentence; or (None) why there is none.

    ``evidence`` is "SHA-256", "addnet hash", "size", "size and metadata", "size and file name", "metadata",
    "file name" or "", ``confidence`` "certain", "likely", "weak" or "". ``refused``: the file looks like a few-step
    LoRA, that of ``looks_like``, and must not be used as one. ``superseded``: its authors have replaced this edition.
    """

    recipe: Recipe | None
    evidence: str = ""
    confidence: str = ""
    sentence: str = ""
    refused: bool = False
    superseded: bool = False
    looks_like: Recipe | None = None


@lru_cache(maxsize=65536)
def words(name: str) -> frozenset[str]:
    """The words of a file name, in one spelling: ``sdxl_hyper_sd_4step_lora`` → sdxl, hyper, sd, 4step, lora."""
    text = separated(name)
    for pattern, replacement in SPELLINGS:
        text = pattern.sub(replacement, text)
    return frozenset(text.split())


def separated(name: str) -> str:
    """Lower case, everything but letters and digits a space."""
    return SEPARATOR.sub(" ", name.lower())


@lru_cache(maxsize=65536)
def identify(catalog: Catalog, name: str, hash: str = "") -> Recipe | None:
    """The recipe of the file called ``name`` (with or without its suffix), or None.

    A known hash decides: SHA-256, or the "addnet" hash that A1111 computes for a LoRA, whole or its first twelve
    digits. Else the recipe whose words all stand in the name, the one with the most of them.
    """
    return by_hash(catalog, hash) or by_words(catalog, words(name))


def by_hash(catalog: Catalog, hash: str) -> Recipe | None:
    if len(hash) < 12:
        return None
    for recipe in catalog.recipes:
        if hash in (recipe.sha256, recipe.superseded_sha256) or (recipe.addnet and hash.startswith(recipe.addnet)):
            return recipe
    return None


def by_words(catalog: Catalog, have: frozenset[str]) -> Recipe | None:
    """The recipe all of whose words are among these, the one with the most of them; of two the first."""
    candidates = [(parts, recipe) for parts, recipe in needed(catalog) if have >= parts]
    return max(candidates, key=lambda candidate: len(candidate[0]), default=(None, None))[1]


@lru_cache(maxsize=8)
def needed(catalog: Catalog) -> list[tuple[frozenset[str], Recipe]]:
    return [(frozenset(recipe.words.split()), recipe) for recipe in catalog.recipes if recipe.words]


def recognise(catalog: Catalog, clues: Clues) -> Identification:
    """The recipe by SHA-256, addnet hash, known size, metadata or file name, in this order; the first that tells wins.

    A size that several published files share, or one beside a name that says another recipe, is no evidence by
    itself; nor is it where the file's SHA-256 is known and is not that of the size. What the header says comes before
    what a name says: a file whose layers are made for another family than the recipe is refused.
    """
    recipe, evidence, confidence = evidence_of(catalog, clues)
    name = shown(clues.name)
    if recipe is None:
        shared = same_size(catalog, clues)
        if shared:
            which = ", ".join((r.file or r.id).removesuffix(".safetensors") for r in shared)
            one = f"has the size of {which}" if len(shared) == 1 else f"has the size of {len(shared)} files ({which})"
            return Identification(None, sentence=f"{name} {one} and nothing else tells; its hash will.")
        if clues.problem:
            return Identification(
                None, sentence=f"{clues.problem} It is not used.", refused=bool(named_family(clues.name))
            )
        said = f"{name} is a LoRA for {called(clues.lora.family)} and" if clues.lora else name
        return Identification(None, sentence=f"{said} {NOT_ONE}")

    what = (recipe.file or recipe.id).removesuffix(".safetensors")
    told = f"{name} is {what} of {recipe.maker}, told by its {evidence} ({confidence})."
    if clues.problem:
        return Identification(None, evidence, confidence, f"{clues.problem} It is not used.", True, looks_like=recipe)
    if recipe.is_lora and clues.checkpoint:
        sentence = f"{name} is called like {what}, and no layer in it is a LoRA's: it is not used."
        return Identification(None, evidence, confidence, sentence, True, looks_like=recipe)
    if evidence not in HASHES and recipe.is_lora and clues.lora and clues.lora.family not in (None, recipe.family):
        sentence = (
            f"{name} is called like {what}, which is for {FAMILIES[recipe.family]}, and its layers are made for "
            f"{called(clues.lora.family)}: it is not used. Give it a name that says what it is."
        )
        return Identification(None, evidence, confidence, sentence, True, looks_like=recipe)
    if evidence in HASHES:
        old = recipe.superseded_sha256 in (clues.sha256, clues.addnet)
    else:
        old = clues.size is not None and clues.size == recipe.superseded_bytes
    return Identification(recipe, evidence, confidence, told, superseded=old)


HASHES = ("SHA-256", "addnet hash")
NOT_ONE = "is no few-step LoRA that the catalog knows."


def evidence_of(catalog: Catalog, clues: Clues) -> tuple[Recipe | None, str, str]:
    for kind, hash in zip(HASHES, (clues.sha256, clues.addnet), strict=True):
        if recipe := by_hash(catalog, hash):
            return recipe, kind, CERTAIN
    source, named = "metadata", by_name(catalog, titles(clues.metadata), clues.lora)
    if named is None:
        source, named = "file name", by_name(catalog, clues.name, clues.lora)
    sized = same_size(catalog, clues)
    if named in sized:
        return named, f"size and {source}", LIKELY
    if named:
        confirmed = clues.lora is not None and clues.lora.family == named.family
        return named, source, LIKELY if source == "metadata" or confirmed else WEAK
    if len(sized) == 1 and not clues.problem:
        return sized[0], "size", WEAK
    return None, "", ""


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


def titles(metadata: Mapping[str, str]) -> str:
    """The names that a file's metadata give it, of a length that a name may have."""
    return " ".join(text[:200] for key in TITLES if isinstance(text := metadata.get(key), str))


def called(family: str | None) -> str:
    """A family as sentences call it."""
    if family in LOOKALIKES:
        return re.split(", (?:for )?wh(?:ich|ose) ", LOOKALIKES[family])[0]
    return FAMILIES.get(family or "", "an unknown family of checkpoints")


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
