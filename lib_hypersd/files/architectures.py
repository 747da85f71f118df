"""How a checkpoint is built, from the names and shapes in its header by the table of architectures.

What the table does not describe is unknown: nothing is taken for its nearest neighbour.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from ..architecture_table import ARCHITECTURES, LOOKALIKES, UNKNOWN, Architecture
from .network import Network

__all__ = ["ARCHITECTURES", "LOOKALIKES", "UNKNOWN", "Architecture", "architecture_of", "pruned_like", "spaced"]

# Networks that steer another one are built like it.
NOT_A_CHECKPOINT = ("controlnet_", "control_model.", "input_hint_block.", "cc_projection.")
# Where a checkpoint says what kind it is, beside where a file says its own name (``names.NAME_KEYS``).
KIND_KEYS = ("modelspec.title", "modelspec.architecture", "title", "name")
SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


@lru_cache(maxsize=64)
def spaced(text: str) -> str:
    """Lower case with spaces for everything but letters and digits, and where words are joined (``XL_vPred10``)."""
    return re.sub(r"[\W_]+", " ", SEAM.sub(" ", text)).lower()


def architecture_of(
    shapes: Mapping[str, list[int]], metadata: Mapping[str, str] | None = None, name: str = ""
) -> Architecture:
    """The architecture of a checkpoint whose tensors have these names and shapes, or ``UNKNOWN``.

    The header decides. Where it leaves several open, the metadata's titles come before the file's name.
    """
    if any(key.startswith(NOT_A_CHECKPOINT) for key in shapes):
        return UNKNOWN
    network = Network(shapes)
    found = next((a for a in ARCHITECTURES if not a.variant_of and has_marks(a, network, shapes)), UNKNOWN)
    if found.prediction == "epsilon" and "v_pred" in shapes:
        found = found._replace(prediction="v_prediction")
    for evidence, text in (("metadata", titles(metadata or {})), ("file name", spaced(name))):
        for variant in ARCHITECTURES:
            if found.id in variant.variant_of and re.search(variant.words, text):
                return variant._replace(evidence=evidence)
    return found


def titles(metadata: Mapping[str, str]) -> str:
    prediction = metadata.get("modelspec.prediction_type", "")[:20]
    texts = [metadata.get(key, "")[:200] for key in KIND_KEYS]
    return " / ".join(map(spaced, [*texts, f"prediction {prediction} prediction" if prediction else ""]))


def has_marks(architecture: Architecture, network: Network, shapes: Mapping[str, list[int]]) -> bool:
    """Whether all marks of an architecture are there."""
    if not all(getattr(network, size) in allowed(value) for size, value in architecture.sizes.items()):
        return False
    has, lacks = architecture.has, architecture.lacks
    return (
        all(any(f"\n{start}" in network.text for start in either.split("|")) for either in has)
        and not any(f"\n{start}" in network.text for start in lacks)
        and all(any(key in shapes for key in either.split("|")) for either in architecture.keys)
    )


def allowed(value: object) -> Collection[object]:
    return value if isinstance(value, tuple | range) else (value,)


def pruned_like(layers: tuple[str, str, str]) -> bool:
    """Whether a UNet's transformers are exactly as deep as those of a pruned SDXL (``naming.depths``).

    A LoRA for such a copy has all of its layers and no other; one for SDXL that leaves layers out has no reason to
    leave out just these.
    """
    pruned = (a.sizes for a in ARCHITECTURES if a.family == "sdxl-pruned" and "up" in a.sizes)
    return any(layers == (sizes["down"], sizes["middle"], sizes["up"]) for sizes in pruned)
