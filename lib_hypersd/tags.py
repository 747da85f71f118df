"""LoRA tags in a prompt, ``<lora:NAME:WEIGHT>``, as A1111 and Forge read them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Tag", "edit", "find", "spell", "write"]

# As the hosts' modules/extra_networks.py; "lyco" is an alias of "lora" there.
TAG = re.compile(r"<(lora|lyco):([^:>]+)((?::[^>]*)?)>")


@dataclass(frozen=True)
class Tag:
    """A tag as written; ``arguments`` is what follows the name, with its colon."""

    kind: str
    name: str
    arguments: str

    @property
    def weight(self) -> float:
        """The factor on the diffusion network's part: ``:te``, ``:te:unet`` or ``unet=``; 1 where none is written.

        NaN where the host could not read it either.
        """
        return weight_in(self.arguments)


def weight_in(arguments: str) -> float:
    """The weight that a tag with these arguments gives, as :attr:`Tag.weight`."""
    positional, named = [], {}
    for part in arguments.split(":")[1:]:
        key, equals, value = part.partition("=")
        if equals:
            named[key] = value
        else:
            positional.append(part)
    te = named.get("te", positional[0] if positional else "1")
    text = named.get("unet", positional[1] if len(positional) > 1 else te)
    try:
        return float(text)
    except ValueError:
        return math.nan


def find(prompt: str) -> list[Tag]:
    """All LoRA tags of a prompt, in order."""
    return [Tag(*m.groups()) for m in TAG.finditer(prompt)]


def write(name: str, weight: float) -> str:
    """A tag for the LoRA ``name``."""
    return f"<lora:{name}:{spell(weight)}>"


def spell(number: float) -> str:
    """The shortest text that reads back as the same number: 1 for 1.0, 0.125."""
    return repr(number).removesuffix(".0")


def edit(prompt: str, name: str, weight: float, rename: Mapping[str, str | None]) -> str:
    """The prompt with exactly one tag of the LoRA ``name``.

    Args:
        rename: names of tags that become another name (an alias that gets its file), or ``None`` to be removed.
            Tags of other names stay as they are.
    """
    seen = False

    def rewrite(match):
        nonlocal seen
        kind, old, arguments = match.groups()
        new = rename.get(old, old)
        if new is None or (new == name and seen):
            return ""
        seen = seen or new == name
        if new != old and not arguments:
            return write(new, weight)
        return f"<{kind}:{new}{arguments}>"

    edited = TAG.sub(rewrite, prompt)
    return edited if seen else f"{edited} {write(name, weight)}".lstrip()
