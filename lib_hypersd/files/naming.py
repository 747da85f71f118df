"""One name for each layer of a network, whichever program wrote its file: diffusers' name with low lines for dots.

The namings are those of the original code (CompVis' latent-diffusion, Stability's generative-models and sd3-ref,
black-forest-labs' flux), of diffusers, and of Nunchaku, which packs diffusers' layers. A layer that is one matrix in
one naming and several in another (query, key and value) counts as its smallest parts. Which names answer to which:
diffusers' ``scripts/convert_diffusers_to_original_*.py`` and ``loaders/single_file_utils.py``.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Shape", "depths", "flat", "modules", "network", "parts", "unified"]

Shape = tuple[int, ...] | None  # of a weight, None where the file packs it in a way that does not tell

# Where the network's tensors stand in a checkpoint, the longest first; a file of the network alone has none of these.
PREFIXES = (
    "model.diffusion_model.", "diffusion_model.", "model.model.", "net.core.", "net.", "core.", "unet.", "transformer.",
    "model.",
)  # fmt: skip
WEIGHTS = (".weight", ".qweight", ".weight._data")


def network(shapes: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """The tensors of a checkpoint's network without their common prefix; all where there is none."""
    for prefix in PREFIXES:
        if found := {key[len(prefix) :]: shape for key, shape in shapes.items() if key.startswith(prefix)}:
            return found
    return dict(shapes)


def modules(tensors: Mapping[str, list[int]]) -> dict[str, Shape]:
    """The shape of every module's weight, by its flat name in the file's own naming.

    Weights that are stored in another shape get their own back where something tells it: bitsandbytes' nf4 ([n, 1], two
    values in each) and ComfyUI-GGUF's ([n / 256, 256]) by the width of the bias beside them (nf4: or of
    the attention that they belong to), nvfp4 (two values side by side) by its second scale.
    """
    found: dict[str, Shape] = {}
    for key, shape in tensors.items():
        suffix = next((suffix for suffix in WEIGHTS if key.endswith(suffix)), None)
        if suffix and shape:
            name = key[: -len(suffix)]
            found[flat(name)] = None if suffix == ".qweight" else own_shape(tensors, name, tuple(shape))
    return found


def own_shape(tensors: Mapping[str, list[int]], name: str, shape: tuple[int, ...]) -> Shape:
    if len(shape) != 2:
        return shape
    if f"{name}.weight_scale_2" in tensors:
        return shape[0], 2 * shape[1]
    bias = tensors.get(f"{name}.bias")
    if shape[1] == 1:
        bias = bias or tensors.get(f"{name.rpartition('.')[0]}.to_out.0.bias")
        return (bias[0], 2 * shape[0] // bias[0]) if bias and bias[0] else None
    if shape[1] == 256 and bias and bias[0] not in (0, shape[0]):
        return bias[0], math.prod(shape) // bias[0]
    return shape


def flat(name: str) -> str:
    return name.replace(".", "_")


def unified(found: Mapping[str, Shape]) -> dict[str, Shape]:
    """The same layers, each in its parts and by diffusers' name."""
    levels = residual_blocks(found)
    result: dict[str, Shape] = {}
    renamed = any(name.startswith(ORIGINAL_TRANSFORMERS) for name in found)
    for name, shape in found.items():
        names = parts(name, levels, renamed)
        result.update(zip(names, cut(shape, len(names)), strict=True))
    return result


def parts(name: str, blocks: int = 2, renamed: bool = True) -> tuple[str, ...]:
    """What diffusers calls a module, part by part.

    Args:
        blocks: how many residual blocks a level of the UNet has, by which the original naming counts.
        renamed: whether names outside the blocks are those of the original FLUX or SD3 too.
    """
    if match := BLOCK.match(name):
        kind, number, inner = match.groups()
        place, names = BLOCKS[kind]
        return tuple(f"{place}_{number}_{part}" for part in names.get(inner, (inner,)))
    if name.startswith(ORIGINAL_UNET):
        return (unet_name(name, blocks),)
    if name.endswith("_to_qkv"):
        return tuple(f"{name[:-3]}{part}" for part in "qkv")
    return (AROUND.get(name, name) if renamed else name,)


def cut(shape: Shape, count: int) -> Sequence[Shape]:
    """The shapes of the parts that are stacked in a weight: equal, or (four) query, key, value and all the rest."""
    if count == 1:
        return [shape]
    if shape is None or len(shape) < 2:
        return [None] * count
    outer, rest = shape[0], shape[1:]
    if count == 4:
        return [(rest[0], *rest)] * 3 + [(max(outer - 3 * rest[0], 0), *rest)]
    return [(outer // count, *rest) for _ in range(count)]


# Transformers: what stands in a block, by the kind of block, and what stands around them.

QKV = ("attn_to_q", "attn_to_k", "attn_to_v")
ADDED = ("attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj")
PROMPT_OUT = ("attn_to_add_out",)
FEED = {"0": ("ff_net_0_proj",), "2": ("ff_net_2",)}
PROMPT_FEED = {"0": ("ff_context_net_0_proj",), "2": ("ff_context_net_2",)}
BLOCKS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "double_blocks": ("transformer_blocks", {
        "img_attn_qkv": QKV, "txt_attn_qkv": ADDED, "img_attn_proj": ("attn_to_out_0",), "txt_attn_proj": PROMPT_OUT,
        "img_mlp_0": FEED["0"], "img_mlp_2": FEED["2"], "txt_mlp_0": PROMPT_FEED["0"], "txt_mlp_2": PROMPT_FEED["2"],
        "img_mod_lin": ("norm1_linear",), "txt_mod_lin": ("norm1_context_linear",),
        # XLabs' LoRAs: the first for the image, the second for the prompt.
        "processor_qkv_lora1": QKV, "processor_qkv_lora2": ADDED,
        "processor_proj_lora1": ("attn_to_out_0",), "processor_proj_lora2": PROMPT_OUT,
    }),
    "single_blocks": ("single_transformer_blocks", {
        "linear1": (*QKV, "proj_mlp"), "linear2": ("proj_out",), "modulation_lin": ("norm_linear",),
        "processor_qkv": QKV,
    }),
    "joint_blocks": ("transformer_blocks", {
        "x_block_attn_qkv": QKV, "context_block_attn_qkv": ADDED,
        "x_block_attn_proj": ("attn_to_out_0",), "context_block_attn_proj": PROMPT_OUT,
        "x_block_attn2_qkv": ("attn2_to_q", "attn2_to_k", "attn2_to_v"), "x_block_attn2_proj": ("attn2_to_out_0",),
        "x_block_mlp_fc1": FEED["0"], "x_block_mlp_fc2": FEED["2"],
        "context_block_mlp_fc1": PROMPT_FEED["0"], "context_block_mlp_fc2": PROMPT_FEED["2"],
        "x_block_adaLN_modulation_1": ("norm1_linear",), "context_block_adaLN_modulation_1": ("norm1_context_linear",),
    }),
    "transformer_blocks": ("transformer_blocks", {
        "qkv_proj": QKV, "qkv_proj_context": ADDED, "out_proj": ("attn_to_out_0",), "out_proj_context": PROMPT_OUT,
        "mlp_fc1": FEED["0"], "mlp_fc2": FEED["2"],
        "mlp_context_fc1": PROMPT_FEED["0"], "mlp_context_fc2": PROMPT_FEED["2"],
        "attn_to_qkv": QKV, "attn_add_qkv_proj": ADDED, "attn_to_added_qkv": ADDED,
    }),
    "single_transformer_blocks": ("single_transformer_blocks", {
        "qkv_proj": QKV, "mlp_fc1": ("proj_mlp",), "mlp_fc2": ("proj_out",), "attn_to_qkv": QKV,
        "attn_to_qkv_mlp_proj": (*QKV, "proj_mlp"), "attn_to_out": ("proj_out",),
    }),
}  # fmt: skip
BLOCK = re.compile(rf"({'|'.join(BLOCKS)})_(\d+)_(.+)")
ORIGINAL_TRANSFORMERS = ("double_blocks_", "single_blocks_", "joint_blocks_")
TIME = "time_text_embed_"
AROUND = {
    "img_in": "x_embedder", "txt_in": "context_embedder", "x_embedder_proj": "pos_embed_proj",
    "time_in_in_layer": f"{TIME}timestep_embedder_linear_1", "time_in_out_layer": f"{TIME}timestep_embedder_linear_2",
    "vector_in_in_layer": f"{TIME}text_embedder_linear_1", "vector_in_out_layer": f"{TIME}text_embedder_linear_2",
    "guidance_in_in_layer": f"{TIME}guidance_embedder_linear_1",
    "guidance_in_out_layer": f"{TIME}guidance_embedder_linear_2",
    "t_embedder_mlp_0": f"{TIME}timestep_embedder_linear_1", "t_embedder_mlp_2": f"{TIME}timestep_embedder_linear_2",
    "y_embedder_mlp_0": f"{TIME}text_embedder_linear_1", "y_embedder_mlp_2": f"{TIME}text_embedder_linear_2",
    "final_layer_linear": "proj_out", "final_layer_adaLN_modulation_1": "norm_out_linear",
}  # fmt: skip

# UNets.

ORIGINAL_UNET = ("input_blocks_", "output_blocks_", "middle_block_", "time_embed_", "label_emb_", "out_")
OUTER_BLOCK = re.compile(r"(input|output)_blocks_(\d{1,4})_(\d)_(.+)")
HALVES = re.compile(r"input_blocks_(\d{1,4})_0_op$")
AROUND_UNET = {
    "input_blocks_0_0": "conv_in", "out_0": "conv_norm_out", "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1", "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1", "label_emb_0_2": "add_embedding_linear_2",
}  # fmt: skip
MIDDLE = {"middle_block_0_": "mid_block_resnets_0_", "middle_block_1_": "mid_block_attentions_0_",
          "middle_block_2_": "mid_block_resnets_1_"}  # fmt: skip
RESNET = {
    "in_layers_0": "norm1", "in_layers_2": "conv1", "emb_layers_1": "time_emb_proj", "out_layers_0": "norm2",
    "out_layers_3": "conv2", "skip_connection": "conv_shortcut",
}  # fmt: skip


def residual_blocks(found: Iterable[str]) -> int:
    """How many residual blocks a level of a UNet in the original naming has on its way down: 2, but 1 in KOALA.

    A level ends where the image is halved, which in all others is every third block.
    """
    return 1 if any(int(match[1]) % 3 for name in found if (match := HALVES.match(name))) else 2


def unet_name(name: str, blocks: int) -> str:
    for start, place in MIDDLE.items():
        if name.startswith(start):
            inner = name[len(start) :]
            return place + RESNET.get(inner, inner)
    match = OUTER_BLOCK.match(name)
    if not match:
        return AROUND_UNET.get(name, name)
    side, number, part, inner = match.groups()
    down = side == "input"
    level, residual = divmod(int(number) - down, blocks + 1)
    where = f"{'down' if down else 'up'}_blocks_{level}"
    if inner in ("op", "conv"):
        return f"{where}_{'down' if down else 'up'}samplers_0_conv"
    return f"{where}_{'resnets' if part == '0' else 'attentions'}_{residual}_{RESNET.get(inner, inner)}"


TRANSFORMER = re.compile(
    r"(?:(down|up)_blocks_(\d{1,4})_attentions_(\d{1,4})|(input|output)_blocks_(\d{1,4})_1|mid_block_attentions_0|middle_block_1)"
    r"_transformer_blocks_(\d{1,4})_"
)


def depths(names: str, blocks: int = 2) -> tuple[str, str, str]:
    """How deep the transformers of a UNet are on its way down, in the middle and up: ``"2,2 10,10", "10", …``.

    Args:
        names: flat names in either naming, one a line. blocks: see ``parts``.
    """
    found: dict[str, dict[tuple[int, int], set[str]]] = {"down": {}, "": {}, "up": {}}
    for side, level, place, original, number, depth in set(TRANSFORMER.findall(names)):
        if original:
            side = "down" if original == "input" else "up"
            where = divmod(int(number) - (side == "down"), blocks + 1)
        else:
            where = (int(level or 0), int(place or 0))
        found[side].setdefault(where, set()).add(depth)

    def written(side: str) -> str:
        levels: dict[int, list[str]] = {}
        for (level, _), numbers in sorted(found[side].items()):
            levels.setdefault(level, []).append(str(max(map(int, numbers)) + 1))
        return " ".join(map(",".join, levels.values()))

    return written("down"), written(""), written("up")
