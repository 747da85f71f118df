"""LoRA tags in a prompt, ``<lora:NAME:WEIGHT>``, as A1111, Forge and Forge Neo read them."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from ..wording import spell

__all__ = ["Tag", "edit", "find", "remove_all", "strip_comments", "write"]

# Everything to the next “>” belongs to a tag, whatever stands there (A:extra_networks.py, ``re_extra_net``).
EXTRA_NETWORK = re.compile(r"<(\w+):([^>]+)>")
KINDS = ("lora", "lyco")  # two names of one kind (A:extensions-builtin/Lora/scripts/lora_script.py)
# A line that is nothing but a comment, then the end of any other (A:processing_scripts/comments.py).
COMMENTS = (re.compile(r"(^|\n)#[^\n]*(\n|$)"), re.compile(r"#[^\n]*(\n|$)"))


class Tag(NamedTuple):
    """A tag as written; ``arguments`` are all parts but the name, each with its colon."""

    kind: str
    name: str
    arguments: str = ""

    def __str__(self) -> str:
        return f"<{self.kind}:{self.name}{self.arguments}>"

    @property
    def weight(self) -> float:
        """The factor on the diffusion network's part: ``:te``, ``:te:unet`` or ``unet=``; 1 where none is written.

        NaN where the host cannot read the tag; it then loads no LoRA at all. It also reads parts that a named one
        replaces.
        """
        te, unet, rank = self.values()
        positional, _ = split(self.arguments.split(":")[1:])
        try:
            weights = [float(part) for part in (te, unet, *positional[:2])]
            for part in (rank, *positional[2:3]):
                int(part)
        except ValueError:
            return math.nan
        return weights[1] if all(map(math.isfinite, weights[:2])) else math.nan

    @property
    def peak(self) -> float:
        """The largest weight of one that changes over the steps, ``:0@0,1@0.5``, as sd-webui-loractl reads it; else
        :attr:`weight`."""
        _, unet, _ = self.values()
        if "@" not in unet:
            return self.weight
        try:
            return max(float(point.partition("@")[0]) for point in re.split("[,;]", unet))
        except ValueError:
            return math.nan

    def values(self) -> tuple[str, str, str]:
        """The text encoder's weight, the network's, and the rank, as texts, by the hosts' rules
        (A:extensions-builtin/Lora/extra_networks_lora.py, ``activate``)."""
        positional, named = split(self.arguments.split(":")[1:])
        te = named.get("te", positional[0] if positional else "1")
        unet = named.get("unet", positional[1] if len(positional) > 1 else te)
        return te, unet, named.get("dyn", positional[2] if len(positional) > 2 else "0")


def split(parts: list[str]) -> tuple[list[str], dict[str, str]]:
    """Positional and named parts; ``a=b=c`` is positional (A:extra_networks.py, ``ExtraNetworkParams``)."""
    pairs = [part.split("=") for part in parts]
    positional = [part for part, pair in zip(parts, pairs, strict=True) if len(pair) != 2]
    return positional, {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def find(prompt: str) -> list[Tag]:
    """All LoRA tags of a prompt, in order."""
    return [read_tag(match) for match in EXTRA_NETWORK.finditer(prompt) if match[1] in KINDS]


def read_tag(match: re.Match[str]) -> Tag:
    """The tag in a match; its name is the first positional part."""
    parts = match[2].split(":")
    positional, _ = split(parts)
    name = positional[0] if positional else ""
    if positional:
        parts.remove(name)
    return Tag(match[1], name, "".join(f":{part}" for part in parts))


def strip_comments(prompt: str) -> str:
    """The prompt without comments (``#`` to the end of the line), as the hosts strip them."""
    for pattern in COMMENTS:
        prompt = pattern.sub("\n", prompt)
    return prompt


def remove_all(prompt: str) -> str:
    """The prompt without tags: what the text encoder reads."""
    return EXTRA_NETWORK.sub("", prompt)


def write(name: str, weight: float) -> str:
    """A tag for the LoRA ``name``."""
    return f"<lora:{name}:{spell(weight)}>"


def edit(prompt: str, name: str | None, weight: float | None, rename: Mapping[str, str | None]) -> str:
    """The prompt with exactly one tag of the LoRA ``name``, with this weight, as the host reads it.

    A new tag goes to the front: behind a “<” that is not closed, the host would not read it as a tag.

    Args:
        name: None adds no tag.
        rename: tags' new names by their old ones (a file's for its alias), None for tags to remove. Others stay.
    """
    is_there = False

    def rewrite(match: re.Match[str]) -> str:
        nonlocal is_there
        if match[1] not in KINDS:
            return match[0]
        tag = read_tag(match)
        new = rename.get(tag.name, tag.name)
        if new is None or (new == name and is_there):
            return " "  # without it, what stands before and after could become a tag
        if new != name:
            return match[0] if new == tag.name else str(Tag(tag.kind, new, tag.arguments))
        is_there = True
        if weight is not None and (weight not in (tag.weight, tag.peak) or (new != tag.name and not tag.arguments)):
            return write(new, weight)
        return match[0] if new == tag.name else str(Tag(tag.kind, new, tag.arguments))

    edited = EXTRA_NETWORK.sub(rewrite, prompt)
    if is_there or name is None or weight is None:
        return edited
    return f"{write(name, weight)} {edited}".rstrip()
