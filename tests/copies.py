"""Copies of checkpoints with weights of few bits: what becomes of their tensors' names and shapes."""

import math

from tests import loras
from tests.live.layouts import join
from tests.other_networks import times


def nf4(shapes):
    """bitsandbytes': every matrix a column of bytes, two values in each, with its scales beside it."""
    packed = {}
    for key, shape in shapes.items():
        if key.endswith(".weight") and len(shape) == 2:
            count = shape[0] * shape[1]
            packed |= {key: (count // 2, 1), f"{key}.absmax": (count // 64,), f"{key}.quant_map": (16,)}
            packed[f"{key}.quant_state.bitsandbytes__nf4"] = (90,)
        else:
            packed[key] = shape
    return packed


def fp8(shapes):
    """Scaled fp8: the same shapes, and scales."""
    matrices = [
        key.removesuffix(".weight") for key, shape in shapes.items() if key.endswith(".weight") and len(shape) == 2
    ]
    return {
        **shapes,
        "scaled_fp8": (2,),
        **{f"{name}.{scale}": () for name in matrices for scale in ("scale_weight", "input_scale")},
    }


def nvfp4(shapes):
    packed = dict(shapes)
    for key, shape in shapes.items():
        if "blocks" in key and key.endswith(".weight") and len(shape) == 2:
            packed |= {key: (shape[0], shape[1] // 2), f"{key}_scale": (shape[0], shape[1] // 16), f"{key}_scale_2": ()}
    return packed


def in_256(shapes):
    """ComfyUI-GGUF's: of a UNet what is not a multiple of 256 wide becomes so."""

    def stored(shape):
        count = math.prod(shape)
        return (count // 256, 256) if len(shape) > 1 and shape[-1] % 256 and count % 256 == 0 else shape

    return {key: stored(shape) for key, shape in shapes.items()}


def nunchaku(shapes):
    """SVDQuant of others: the blocks' matrices in parts, which do not tell the shape."""
    packed = {}
    for key, shape in shapes.items():
        if ".0." in f".{key}" and key.endswith(".weight") and len(shape) == 2 and "_refiner." not in key:
            name, (outer, inner) = key.removesuffix(".weight"), shape
            packed |= {f"{name}.qweight": (outer, inner // 2), f"{name}.wscales": (inner // 64, outer)}
            packed |= {
                f"{name}.proj_down": (inner, 32),
                f"{name}.proj_up": (outer, 32),
                f"{name}.smooth_factor": (inner,),
            }
        else:
            packed[key] = shape
    return packed


def nunchaku_flux():
    """SVDQuant of FLUX.1-dev (github.com/nunchaku-tech/nunchaku): diffusers' blocks, fused, each weight in parts."""

    def packed(name, inner, outer):
        return {
            f"{name}.qweight": (outer, inner // 2), f"{name}.wscales": (inner // 64, outer), f"{name}.bias": (outer,),
            f"{name}.lora_down": (inner, 32), f"{name}.lora_up": (outer, 32), f"{name}.smooth": (inner,),
        }  # fmt: skip

    w = 3072
    double = join(*(packed(name, w, 3 * w) for name in ("qkv_proj", "qkv_proj_context")))
    double |= join(*(packed(name, w, w) for name in ("out_proj", "out_proj_context")))
    for side in ("mlp", "mlp_context"):
        double |= join(packed(f"{side}_fc1", w, 4 * w), packed(f"{side}_fc2", 4 * w, w))
    double |= join(packed("norm1.linear", w, 6 * w), packed("norm1_context.linear", w, 6 * w))
    single = join(packed("qkv_proj", w, 3 * w), packed("out_proj", w, w), packed("mlp_fc1", w, 4 * w))
    single |= join(packed("mlp_fc2", 4 * w, w), packed("norm.linear", w, 3 * w))
    keys = times(19, "transformer_blocks", double) | times(38, "single_transformer_blocks", single)
    ends = {name: shape for name, shape in loras.flux().items() if "blocks" not in name}
    return keys | {f"{name}.weight": shape for name, shape in ends.items()}
