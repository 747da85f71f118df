"""Which layers of a LoRA have a place of the right shape in a checkpoint, from the two headers.

A layer fits where the checkpoint has one of its name (``naming.unified``) and as many values: A1111's and Forge's
loaders reshape, so a matrix fits the 1×1 convolution of the same layer. Where the checkpoint packs its weights in a way
that does not tell their shape, the name alone decides. The text encoders' layers are left out of the count: they fit
every checkpoint of a family, and few-step LoRAs have none.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .header import read_any_header
from .naming import ORIGINAL_TRANSFORMERS, Shape, cut, flat, modules, network, parts, unified
from .scan import Stamp, stamp_of

__all__ = ["LEAST_SHARE", "Fit", "count_layers", "fit", "fit_of_file", "fit_of_files", "layers", "places"]

Factors = dict[str, list[int]]  # the shapes of a layer's factors, by what each is for
State = tuple[str, Stamp]  # of a file: while it is the same, so is the content

# Halfway between the least share of what must fit (SD3.5 medium takes 96.2 % of Hyper-SD3's layers) and the largest of
# what must not (SD 2 would take 88.5 % of Hyper-SD15's); docs/fit.md has the table, and what layers alone do not tell.
LEAST_SHARE = 0.92

PREFIX = re.compile(
    r"(?:base_model_model_)?(?:lora_unet_|lora_transformer_|lora_prior_unet_|lycoris_|model_diffusion_model_|"
    r"diffusion_model_|unet_|transformer_(?!blocks_))?"
)
TEXT_ENCODER = re.compile(r"(?:base_model_model_)?(?:lora_te|lora_prior_te|text_encoder|te\d?_|lora_clip|text_model)")
# The factors of a layer by the ends of their names: what makes its output, what takes its input, what stands between;
# and what tells of a layer and not of its shape.
ENDS = {
    "inner": ("lora_down", "lora_A", "lora.down", "hada_w1_b"),
    "outer": ("lora_up", "lora_B", "lora.up", "hada_w1_a"),
    "between": ("lora_mid",),
    "shapeless": (
        "lokr_w1", "lokr_w2", "lokr_w1_a", "lokr_w2_a", "hada_t1", "oft_blocks", "oft_diag", "on_input", "diff"
    ),
}  # fmt: skip
# XLabs and old diffusers write "…lora1.down", where "lora1" is a part of the layer's name.
SHORT = {"inner": ".down", "outer": ".up"}


class Fit(NamedTuple):
    """Of how many layers of a LoRA, ``placed`` have a place of the right shape."""

    layers: int
    placed: int

    @property
    def share(self) -> float:
        return self.placed / self.layers

    @property
    def is_enough(self) -> bool:
        return self.share >= LEAST_SHARE


def places(shapes: Mapping[str, list[int]]) -> dict[str, Shape]:
    """The shape of every weight of a checkpoint's network, by unified name; None where it is packed."""
    return unified(modules(network(shapes)))


def layers(shapes: Mapping[str, list[int]]) -> dict[str, Shape]:
    """The shape of the weight that each layer of a LoRA changes, by unified name; None for kinds that do not tell it.

    The namings and kinds are those of ``lora.py``; text encoders' layers are left out.
    """
    return weights_of(factors_of(shapes))


def weights_of(factors: Mapping[str, Factors]) -> dict[str, Shape]:
    """The same from the shapes of each layer's factors."""
    named = {PREFIX.sub("", name, 1): found for name, found in factors.items()}
    renamed = any(name.startswith(ORIGINAL_TRANSFORMERS) for name in named)
    result: dict[str, Shape] = {}
    for name, found in named.items():
        names = parts(plain(name), renamed=renamed)
        result.update(zip(names, cut(weight(found), len(names)), strict=True))
    return result


def factors_of(shapes: Mapping[str, list[int]]) -> dict[str, Factors]:
    """The shapes of each layer's factors, by the layer's name as it stands in the file."""
    factors: dict[str, Factors] = {}
    for key, shape in shapes.items():
        if belongs := factor(key.removesuffix(".weight").removesuffix(".default")):
            name, part = belongs
            factors.setdefault(flat(name), {})[part] = shape
    return {name: found for name, found in factors.items() if not TEXT_ENCODER.match(name)}


def factor(key: str) -> tuple[str, str] | None:
    """The layer that a tensor belongs to, and which of its factors it is."""
    for part, ends in ENDS.items():
        if key.endswith(ends):
            end = max((end for end in ends if key.endswith(end)), key=len)
            return key[: -len(end) - 1], part
    for part, end in SHORT.items():
        if key.endswith(end):
            return key[: -len(end)], part
    return None


def plain(name: str) -> str:
    """A layer's name without diffusers' old attention processors (``attn1.processor.to_q_lora``)."""
    if "_processor_to_" not in name:
        return name
    name = name.replace("_processor_", "_").removesuffix("_lora")
    return f"{name}_0" if name.endswith("_to_out") else name


def weight(factors: Mapping[str, list[int]]) -> Shape:
    outer, inner = factors.get("outer"), factors.get("inner")
    if not outer or not inner or len(inner) < 2 or "shapeless" in factors:
        return None
    return (outer[0], *inner[1:2], *factors.get("between", inner)[2:])


def fit(lora: Mapping[str, list[int]], checkpoint: Mapping[str, list[int]]) -> Fit | None:
    """How a LoRA fits a checkpoint, from both headers' shapes; None if the LoRA's layers do not tell."""
    return compared(layers(lora), places(checkpoint))


def compared(needed: Mapping[str, Shape], there: Mapping[str, Shape]) -> Fit | None:
    shaped = {name: shape for name, shape in needed.items() if shape is not None}
    if not shaped or not there:
        return None

    def has_place(name: str) -> bool:
        place = there[name]
        return place is None or math.prod(place) == math.prod(shaped[name])

    return Fit(len(shaped), sum(name in there and has_place(name) for name in shaped))


def count_layers(lora: str | Path) -> int | None:
    """How many layers of the network the LoRA in a file changes, as the file names them; None if that is not known."""
    try:
        return len(factors_of_file(*state_of(lora))) or None
    except (OSError, ValueError):
        return None


def fit_of_file(lora: str | Path, there: Mapping[str, Shape]) -> Fit | None:
    """How the LoRA in a file fits a checkpoint with these :func:`places`; None as of :func:`fit_of_files`."""
    try:
        return compared(weights_of(factors_of_file(*state_of(lora))), there)
    except (OSError, ValueError):
        return None


def fit_of_files(lora: str | Path, checkpoint: str | Path) -> Fit | None:
    """How the LoRA in one file fits the checkpoint in another; each is read again only when it has changed.

    None where a file cannot be read, or the LoRA's layers do not tell.
    """
    try:
        return fit_of_states(state_of(lora), state_of(checkpoint))
    except (OSError, ValueError):
        return None


def state_of(path: str | Path) -> State:
    return str(path), stamp_of(path)


@lru_cache(maxsize=1024)
def fit_of_states(lora: State, checkpoint: State) -> Fit | None:
    return compared(weights_of(factors_of_file(*lora)), places_of_file(*checkpoint))


# The names of a few files' layers: some thousand each.
@lru_cache(maxsize=32)
def factors_of_file(path: str, stamp: Stamp) -> dict[str, Factors]:
    return factors_of(read_any_header(Path(path)).shapes)


@lru_cache(maxsize=8)
def places_of_file(path: str, stamp: Stamp) -> dict[str, Shape]:
    return places(read_any_header(Path(path)).shapes)
