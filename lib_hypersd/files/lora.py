"""What a LoRA is, from the names and shapes in its file's header: made for which family, of what rank, by whose naming.

Known are the namings of kohya (``lora_unet_…``, with the network's parts called as in diffusers or as in the original),
of diffusers and PEFT (``unet.…``, ``transformer.…``), of the original FLUX (``double_blocks…``, also below
``diffusion_model.``), of OneTrainer (``lora_transformer_…``) and LyCORIS' kinds of layers in any of them.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from .architectures import pruned_like
from .naming import depths

__all__ = ["UNETS", "Lora", "lora_of"]

# The factor of a layer that takes its input, [rank, in] or [rank, in, h, w], and the other one.
DOWN = re.compile(r"[._](?:lora_down|lora_A|lora\.down|down)(?:\.default)?\.weight$|\.hada_w1_b$")
LAYER = re.compile(
    r"[._](?:lora_down|lora_up|lora_mid|lora_A|lora_B|lora\.down|lora\.up|lora1\.down|lora2\.down)(?:\.default)?\.weight$"
    r"|\.(?:hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|oft_blocks|oft_diag|diff|dora_scale)$"
)
CROSS_ATTENTION = re.compile(r"attn2_(?:processor_)?to_k(?:_lora)?$")
ATTENTION = re.compile(r"attn(?:_to_q|_to_k|_qkv)$")
DOUBLE = re.compile(r"(?<!single_)(?<!joint_)(?:transformer|double|joint)_blocks_(\d{1,4})_")
SINGLE = re.compile(r"single_(?:transformer_)?blocks_(\d{1,4})_")
TEXT_ENCODER = re.compile(r"^(?:lora_te\d?_|text_encoder|lora_prior_te|te\d?_)", re.MULTILINE)
NAMINGS = (
    ("OneTrainer", r"(?m)^lora_(?:transformer|prior)"),
    ("kohya", r"(?m)^lora_(?:unet|te)"),
    ("diffusers", r"(?m)^(?:base_model\.model\.)?(?:unet|transformer|text_encoder)"),
    ("original", r"(?m)^(?:diffusion_model\.|double_blocks|single_blocks|joint_blocks)"),
)
# The width of the prompt's encoding, by which UNets are told apart.
UNETS = {768: "sd15", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
# The width of the network itself, by which transformers are told apart, and how many double and single blocks it has.
TRANSFORMERS = {1536: ("sd3", 24, 0), 2432: ("sd35-large", 38, 0), 3072: ("flux", 19, 38), 6144: ("flux2", 8, 48)}
PRUNED_FLUX = {(8, 38), (5, 10)}  # FLUX.1-lite and Flex.1, FLUX-Mini
# Layers that others have where FLUX and SD3 have none, or of another name.
OTHERS = {
    "chroma": r"distilled_guidance_layer",
    "flux2": r"to_qkv_mlp_proj|double_stream_modulation|(?:ff|ff_context)_linear_in",
    "qwen-image": r"transformer_blocks_\d+_(?:img|txt)_m(?:lp|od)_",
    "auraflow": r"joint_transformer_blocks_",
    "hunyuan": r"individual_token_refiner|token_refiner_refiner_blocks",
}
# The last layer of a single block takes what the attention and the MLP made: 1 + 4 widths in FLUX.1, 1 + 3 in FLUX.2.
LAST = re.compile(r"single_(?:blocks_\d+_linear2|transformer_blocks_\d+_proj_out)$")


class Lora(NamedTuple):
    """``family``: of ``catalog.FAMILIES`` or ``LOOKALIKES``, None where the names and shapes do not tell.

    ``rank`` is that of most layers, None for kinds of layers that have none.
    """

    family: str | None
    naming: str
    rank: int | None
    text_encoder: bool


def lora_of(shapes: Mapping[str, list[int]]) -> Lora | None:
    """The LoRA whose tensors have these names and shapes, or None if it has no layer of one."""
    layers = [key for key in shapes if LAYER.search(key)]
    if not layers:
        return None
    split = [(DOWN.split(key, 1), shapes[key]) for key in layers]
    downs = {parts[0].replace(".", "_"): shape for parts, shape in split if len(parts) > 1 and len(shape) > 1}
    ranks = Counter(shape[0] for shape in downs.values())
    names = "\n".join(layers)  # searched at once: there are thousands
    naming = next((name for name, pattern in NAMINGS if re.search(pattern, names)), "unknown")
    return Lora(
        family_of(names.replace(".", "_"), downs),
        naming,
        ranks.most_common(1)[0][0] if ranks else None,
        TEXT_ENCODER.search(names) is not None,
    )


def family_of(names: str, downs: Mapping[str, list[int]]) -> str | None:
    """The family, from all layers' names, one a line with low lines for dots, and the shapes of their first factors."""

    def has(*parts: str) -> bool:
        return any(part in names for part in parts)

    if other := next((family for family, pattern in OTHERS.items() if re.search(pattern, names)), None):
        return other
    if has("double_blocks", "single_blocks", "single_transformer_blocks", "joint_blocks", "attn_add_q_proj"):
        return transformer(names, downs, "sd3" if has("joint_blocks") else "flux")
    if pruned_like(depths(names)):
        return "sdxl-pruned"
    widths = {shape[1] for module, shape in downs.items() if CROSS_ATTENTION.search(module)}
    if len(widths) == 1:
        return UNETS.get(widths.pop())
    if widths:
        return None
    # Without a layer that sees the prompt: SDXL alone has blocks ten deep, and a second text encoder of this name.
    return "sdxl" if has("transformer_blocks_9_", "lora_te2_", "text_encoder_2") and not has("lora_te3_") else None


def transformer(names: str, downs: Mapping[str, list[int]], otherwise: str) -> str | None:
    """The family of a network of double and single blocks; ``otherwise`` where no layer tells its width."""
    double, single = ({int(number) for number in set(kind.findall(names))} for kind in (DOUBLE, SINGLE))
    widths = {shape[1] for module, shape in downs.items() if ATTENTION.search(module)}
    if len(widths) > 1 or (widths and not widths <= TRANSFORMERS.keys()):
        return None
    last = {shape[1] for module, shape in downs.items() if LAST.search(module)}
    for width in widths:
        family, most_double, most_single = TRANSFORMERS[width]
        if max(double, default=0) >= most_double or max(single, default=-1) >= most_single:
            return None
        if family == "flux" and last == {4 * width}:
            return "flux2"
        if (len(double), len(single)) in PRUNED_FLUX and max(double) < len(double) and max(single) < len(single):
            return "flux-pruned"
        return family
    if otherwise == "flux" and not single and "double_blocks" not in names:
        return None
    return otherwise
