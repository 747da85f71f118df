"""What a file's name says: its words, its family, and the few-step distillation that is already inside a checkpoint.

People join words as they like (``v51HyperVAE``, ``4SHyper``, ``flux-hyp8``), so a name is first split where the case
changes and where letters meet digits. A word such as “hyper” or “lightning” is also plain English; the words beside it
decide, and which words decide is written down here as data.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ..recipes.catalog import FAMILIES, HYPER_SD, Catalog, Recipe
from ..recipes.settings import fold
from ..wording import fill

__all__ = [
    "ITS_METADATA", "ITS_NAME", "MERGES", "NAME_KEYS", "Distillation", "distillation_of", "family_named", "own_recipe",
    "recipe_inside", "titles", "words",
]  # fmt: skip

# Where trainers and converters write the name that a file was given.
NAME_KEYS = ("ss_output_name", "modelspec.title", "name", "title")
# Where AUTOMATIC1111's merger writes which checkpoints it took, and what the result was to be called; both are JSON.
MERGES = ("sd_merge_models", "sd_merge_recipe")
MOST_LETTERS = 200  # that a name may have
ITS_METADATA, ITS_NAME = fill("its metadata"), fill("its name")

# Between words: a space where the name has a separator, a joint where it has none. Patterns are compiled at first use.
JOINT = "~"
SEPARATOR = re.compile(r"[\W_]+")
JOINTS = (
    r"(?<=[A-Za-z])(?=[vV]\d)",  # hyperv10, LCMV1
    r"(?<=[a-z])(?=[A-Z])",  # ponyHyper
    r"(?:(?<=XL)|(?<=FLUX))(?=[a-z])",  # XLturbo
    r"(?<=[A-Z])(?=[A-Z][a-z])",  # XLLightning
    r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])",  # v51Hyper, hyp8
)
# What people write for the same thing, in the order in which it is replaced; in lower case, words apart.
SPELLINGS = (
    (r"\blo~ra\b", "lora"),
    (r"\bcomfy~ui\b", "comfyui"),
    (r"\b(small|normal)[ ~]cfg\b", r"\1cfg"),
    (r"flux[ ~]?2(?!\d|[ ~]?s)", "~flux2~"),
    (r"flux(?!2)(?:[ ~]?1(?!\d|[ ~]?s))?", "~flux~"),
    (r"\bz[ ~]?image", "~z-image~"),
    (r"\bqwen(?:[ ~]?image)?", "~qwen-image~"),
    (r"\bernie(?:[ ~]?image)?", "~ernie-image~"),
    (r"\bkrea[ ~]?2(?!\d|[ ~]?s)", "~krea2~"),
    (r"\bwan(?=[ ~]?2)", "~wan~"),
    (r"\blightx~?2~?v\b", "lightx2v"),
    (r"\b([ti])~?2~?v\b", r"\g<1>2v"),
    (r"hyper(?=[ ~]?(?:sd|xl))", "~hyper~"),
    (r"(?<![a-z])sd[ ~]?v?[ ~]?1[ ~]?5(?!\d)", "~sd15~"),
    (r"(?<![a-z])sd[ ~]?3(?=5?\b)", "~sd3~"),
    (r"(?:sd[ ~]?)?(?<!x)xl", "~sdxl~"),
    (r"\b(dmd|fp|bf|nf)~(\d+)\b", r"\1\2"),
    (r"\b3~d\b", "3d"),
    (r"\b(\d+)[ ~]?s(?=hyper|lightning|turbo|vae|inpaint)", r"\1step~"),
    (r"\b(\d+)[ ~]?(?:steps?|s)(?=[ ~]|$)", r"\1step"),
)

# Whose distillation a word names. With “flux” or “sd3” in the name, “turbo” is somebody else's.
MAKERS = {
    "hyper": HYPER_SD, "hyp": HYPER_SD, "lightning": "SDXL-Lightning", "turbo": "SDXL-Turbo", "lcm": "LCM",
    "dmd": "DMD2", "dmd2": "DMD2", "pcm": "PCM", "tcd": "TCD", "schnell": "FLUX.1-schnell",
    # Names that do not say what is inside; their authors' pages do.
    "turbovision": "SDXL-Turbo", "fluxfusion": "FLUX.1-schnell",
}  # fmt: skip
TURBOS = {"flux": "FLUX.1-Turbo-Alpha", "sd3": "SD3.5-Turbo"}


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


# Words that are English as well, and the company in which they are: what stands before them, what after.
ENGLISH: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "hyper": (
        frozenset(),
        listed(
            """real reality realism realist realistic realistically realness photo photos photoreal photorealism
            photorealistic photographic detail details detailed detailer naturalistic natural lifelike sharp vivid
            fantasy fantastic surreal surrealism saturated color colour colors stylized style styled cute sexy anime
            art artistic pixel fusion dimension dimensional space drive nova core cube light wave active sonic loop
            link text net network networks focus focused definition resolution res quality graphics graphic render
            rendered cinematic dream 3d feminine femme muscle muscular pop punk"""
        ),
    ),
    "lightning": (
        listed(
            """white black blue red purple pink golden gold green dark silver greased chain ball thunder storm and of
            the magic bottled heat sheet forked zeus raiden rainbow"""
        ),
        listed(
            """bolt bolts storm storms dragon dragons strike strikes thief dust rod element elemental effect effects
            style styled god goddess magic mcqueen mage wolf weather sky power powers wave fx returns farron cloud
            clouds blade sword queen king warrior girl man boy knight fast art photography thunder spell armor aura"""
        ),
    ),
    "turbo": (
        listed("porsche audi saab twin"),
        listed("charged charger chargers fan diesel man kid car cars engine engines pascal tax racer racing"),
    ),
}
# What stands after such a word where it means the distillation: how the file is made, stored and to be used.
TECHNICAL = listed(
    """v ver version vae novae baked bakedvae inpaint inpainting sd sd15 sdxl sd3 flux pony illustrious noobai lora
    merge merged edition by final beta alpha rc release main fp4 fp8 fp16 fp32 bf16 nf4 int4 int8 bnb q gguf quantized
    e4m3fn scaled pruned full half ema emaonly sfw nsfw dpm dpmsde dpmpp euler karras sgm sde uniform unet model
    checkpoint ckpt fix fixed with dev cfg test no diffusers comfyui base large medium hyper hyp lightning turbo lcm
    dmd dmd2 pcm tcd schnell"""
)
NOT = listed("no non not without un anti")
UNDONE = re.compile(r"\b(?:de|un)[ ~]?distill")  # a checkpoint whose distillation was trained away again
# One word in small letters: ends or begins with what it is about. And two words that are one name.
FUSION = re.compile(r"\bflux[ ~]+fusion")
ENDS = re.compile(r"\b([a-z]{3,})(hyper|lightning|turbo|lcm|schnell|dmd2?)\b")
BEGINS = re.compile(r"\b(hyper|lightning|turbo|lcm|dmd)(?=(?:vae|baked|inpaint|merged?|edition|pony|steps?|sd)\b)")
STEPS = re.compile(r"\b(\d+)step\b")
FEW = frozenset((1, 2, 3, 4, 5, 6, 8, 10, 12, 16))  # numbers of steps that somebody distils for
SUFFIX = re.compile(r"\.(?:safetensors|ckpt|gguf|pt|bin|pth)$|\s*\[[0-9a-f]{8,}\]$", re.IGNORECASE)

FAMILY_WORDS = {
    "sd15": "sd15", "sdxl": "sdxl", "sd3": "sd3", "flux": "flux",
    "pony": "sdxl", "ponydiffusion": "sdxl", "pdxl": "sdxl", "illustrious": "sdxl", "illu": "sdxl", "noobai": "sdxl",
    "noob": "sdxl",
}  # fmt: skip
BESIDE_FAMILY = listed("sd diffusion dev base model ai v 0 1 6")


class Distillation(NamedTuple):
    """The few-step distillation inside a checkpoint.

    ``maker`` as in the catalog; ``steps`` as the name says them, or None; ``evidence`` is ``ITS_METADATA`` or
    ``ITS_NAME``, ``word`` what told it. ``own``: the name says nothing else, so it is the maker's own checkpoint and no
    merge.
    """

    maker: str
    steps: int | None
    evidence: str
    word: str
    own: bool = False


@lru_cache(maxsize=65536)
def words(name: str) -> frozenset[str]:
    """The words of a file name, in one spelling: ``sdxl_hyper_sd_4step_lora`` → sdxl, hyper, sd, 4step, lora."""
    return frozenset(split(name).replace(JOINT, " ").split())


def split(name: str) -> str:
    """The words of a name in small letters and one spelling, a space or a joint between two."""
    text = SEPARATOR.sub(" ", name)
    for place in JOINTS:
        text = re.sub(place, JOINT, text)
    text = text.lower()
    for pattern, replacement in SPELLINGS:
        text = re.sub(pattern, replacement, text)
    return re.sub(r"~+", JOINT, re.sub(r"~* ~*", " ", text)).strip(" ~")


def titles(metadata: Mapping[str, str]) -> str:
    """The names that a file's metadata give it, of a length that a name may have."""
    return " ".join(text[:MOST_LETTERS] for key in NAME_KEYS if isinstance(text := metadata.get(key), str))


def distillation_of(name: str, metadata: Mapping[str, str] | None = None) -> Distillation | None:
    """The few-step distillation that a checkpoint's metadata or else its name says is inside it.

    Args:
        name: the file's name, with or without folder and suffix.
        metadata: the free texts of its header.
    """
    for text in names_in(metadata or {}):
        if inside := read_distillation(text, ITS_METADATA):
            return inside
    return read_distillation(name, ITS_NAME)


def names_in(metadata: Mapping[str, str]) -> Iterator[str]:
    """Every name in a checkpoint's metadata: its own, and those of the checkpoints that were merged into it."""
    for key in NAME_KEYS:
        if isinstance(text := metadata.get(key), str):
            yield text[:MOST_LETTERS]
    for key in MERGES:
        try:
            merge = json.loads(metadata.get(key, "null"))
        except (ValueError, TypeError, RecursionError):
            continue
        for part in (merge, *merge.values()) if isinstance(merge, dict) else ():
            for place in ("custom_name", "name"):
                if isinstance(part, dict) and isinstance(text := part.get(place), str):
                    yield text[:MOST_LETTERS]


@lru_cache(maxsize=65536)
def read_distillation(name: str, evidence: str) -> Distillation | None:
    """What a single name says; where it names several distillations, the last."""
    stem = SUFFIX.sub("", SUFFIX.sub("", re.split(r"[/\\]", name)[-1]))
    text = FUSION.sub("flux~fluxfusion", split(stem))
    text = BEGINS.sub(rf"\1{JOINT}", ENDS.sub(rf"\1{JOINT}\2", text))
    if UNDONE.search(text):
        return None
    parts = re.split(f"([ {JOINT}])", text)
    parts, joints = parts[::2], [" ", *parts[1::2], " "]
    denied = {after for before, after in pairwise(parts) if before in NOT}
    meant = [i for i, word in enumerate(parts) if word in MAKERS.keys() - denied and is_meant(parts, joints, i)]
    if not meant:
        return None
    place = meant[-1]
    maker = MAKERS[parts[place]]
    if parts[place] == "turbo" and "sdxl" not in parts:
        maker = next((TURBOS[word] for word in parts if word in TURBOS), maker)
    own = all(word in TECHNICAL or word in MAKERS or word.isdigit() or STEPS.match(word) for word in parts)
    return Distillation(maker, steps_in(parts, place), evidence, parts[place], own)


def is_meant(parts: list[str], joints: list[str], place: int) -> bool:
    """Whether the word at this place means a distillation, and is not English for something else.

    ``joints[place]`` is what stands before the word, ``joints[place + 1]`` what stands after it.
    """
    word, before = parts[place], parts[place - 1] if place else ""
    after = parts[place + 1] if place + 1 < len(parts) else ""
    if word == "hyp":
        return after.isdigit()
    if word not in ENGLISH:
        return True
    not_after, not_before = ENGLISH[word]
    if after in not_before or (before in not_after and after not in MAKERS):
        return False
    if word == "turbo" or not after or after.isdigit() or after in TECHNICAL or STEPS.match(after):
        return True
    ends_a_word = joints[place] == JOINT and joints[place + 1] != JOINT
    return ends_a_word or before.isdigit()


def steps_in(parts: list[str], place: int) -> int | None:
    """The number of steps that a name says: beside the word at this place if it is there, else anywhere."""
    near = [parts[i] for i in (place + 1, place - 1) if 0 <= i < len(parts)]
    for word in (*near, *parts):
        if match := STEPS.match(word):
            return int(match[1]) if int(match[1]) in FEW else None
    # A bare number is a version, but for these two makers, whose files come one for each number of steps.
    following = parts[place + 1 : place + 3]
    if MAKERS[parts[place]] in (HYPER_SD, "SDXL-Lightning") and following and following[0].isdigit():
        number = int(following[0])
        is_version = len(following) > 1 and following[1].isdigit()
        return number if number in FEW - {1} and not is_version else None
    return None


def recipe_inside(catalog: Catalog, inside: Distillation, family: str | None) -> Recipe | None:
    """The recipe for a checkpoint of this family with this inside, or None where there is none."""
    of_family = [r for r in catalog.recipes if (r.kind, r.family) == ("merged", family)]
    fitting = [r for r in of_family if r.maker == inside.maker or inside.word in r.words.split()]
    # The maker's own checkpoint may have a recipe of its own, which names its file.
    return min(fitting, key=lambda recipe: bool(recipe.file) != inside.own, default=None)


def family_named(text: str) -> str | None:
    """The family of ``catalog.FAMILIES`` that somebody means: ``SD1.5``, ``FLUX.1-dev``, ``pony``; else None."""
    whole = next((key for key, name in FAMILIES.items() if fold(text) in (fold(key), fold(name))), None)
    if whole is not None:
        return whole
    have = words(text.lower().replace("stable diffusion", "sd"))
    families = {FAMILY_WORDS[word] for word in have if word in FAMILY_WORDS}
    beside = have - FAMILY_WORDS.keys()
    return families.pop() if len(families) == 1 and beside <= BESIDE_FAMILY else None


def own_recipe(catalog: Catalog, family: str | None, architecture: str | None) -> Recipe | None:
    """The recipe for checkpoints of this architecture, if its makers have distilled it to few steps."""
    own = (r for r in catalog.recipes if (r.kind, r.family) == ("merged", family) and architecture in r.bases)
    return next(own, None)
