"""Random checkpoints in the layouts of the published ones, and LoRAs for them; nothing is downloaded.

``tiny-…`` are as small as AUTOMATIC1111's config files allow (a request takes half a second on a CPU). Forge, its kin
and ComfyUI tell a network by its shapes: ``small_…`` have the true ones where they look, which is at the widths of the
first block and of the prompt, and are no wider further in. ``rand_…`` have the true shapes throughout, with as few
blocks as those hosts accept.
"""

import json
import math
import os
import re
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file

from lib_hypersd.recipes.catalog import HYPER_SD, published
from tests.live.configs import CONFIGS, write_config
from tests.live.few_bits import nf4, write_gguf
from tests.live.layouts import Shapes, clip, conv, flux, join, mmdit, open_clip, preview, t5, under, unet, vae
from tests.live.tokenizers import COMMONEST, write_hub

NETWORK, IMAGE = "model.diffusion_model.", "first_stage_model."
TEXT = "cond_stage_model.transformer."
TEXTS_XL = ("conditioner.embedders.0.transformer.", "conditioner.embedders.1.model.")
TEXTS_3 = ("text_encoders.clip_l.transformer.", "text_encoders.clip_g.transformer.")
RANK = 4
BROKEN = "Hyper-SD15-12steps-CFG-lora.safetensors"  # no safetensors file in this suite, to be refused
LAST = re.compile(
    r"input_blocks\.\d+\.0\.(?:out_layers\.3\.|op\.)?weight"
)  # of each block's layers that are no transformer


def whole(parts: dict[str, Shapes]) -> Shapes:
    return join(*(under(prefix, shapes) for prefix, shapes in parts.items()))


def sd15(channels: int, context: int, inner: int, image: int, text: Shapes, mult: tuple = (1, 2, 4, 4)) -> Shapes:
    blocks = {"mult": mult, "depths": [1] * 6 + [0] * 2, "middle": 1, "out_depths": [0] * 3 + [1] * 9}
    network = unet(channels, **blocks, context=context, inner=inner)
    return whole({NETWORK: network, IMAGE: vae(image, 4), TEXT: text})


def sdxl(
    channels: int, adm: int, image: int, texts: tuple[Shapes, Shapes], mult: tuple = (1, 2, 4), **blocks
) -> Shapes:
    network = unet(channels, mult, context=2048, linear_projection=True, adm=adm, **blocks)
    return whole({NETWORK: network, IMAGE: vae(image, 4), **dict(zip(TEXTS_XL, texts, strict=True))})


def control(checkpoint: Shapes) -> Shapes:
    """A ControlNet for a checkpoint: its network's first half, what reads the picture, and what leads back."""
    network = {key.removeprefix(NETWORK): shape for key, shape in checkpoint.items() if key.startswith(NETWORK)}
    keys = {key: shape for key, shape in network.items() if not key.startswith(("output_blocks", "out."))}
    widths = [shape[0] for key, shape in keys.items() if LAST.fullmatch(key)]
    steps = [3, 16, 16, 32, 32, 96, 96, 256, widths[0]]
    hints = [conv(f"input_hint_block.{2 * i}", *pair) for i, pair in enumerate(pairwise(steps))]
    zeros = [conv(f"zero_convs.{i}.0", width, width, 1) for i, width in enumerate(widths)]
    middle = conv("middle_block_out.0", widths[-1], widths[-1], 1)
    return under("control_model.", join(keys, *hints, *zeros, middle))


CLIP_L, SMALL_CLIP = clip(768, 12, 3072), clip(64, 2, 128)
TRUE_SD15 = {"channels": 320, "context": 768, "inner": 4, "image": 128, "text": CLIP_L}
SMALL_SD15 = {**TRUE_SD15, "mult": (1, 1, 1, 1)}
SMALL_SDXL = {
    "channels": 320, "adm": 2816, "image": 128, "texts": (CLIP_L, open_clip(1280, 32)), "mult": (1, 1, 1),
}  # fmt: skip
# The wide encoder knows the commonest words only; the other one is the smallest that open_clip has.
WIDE_CLIP, SMALL_OPEN_CLIP = clip(1792, 1, 128, vocabulary=COMMONEST), open_clip(256, 10)
TINY_SDXL = {
    "channels": 32, "adm": 1792, "image": 32, "texts": (WIDE_CLIP, SMALL_OPEN_CLIP),
    "depths": [0, 0, 1, 1, 1, 1], "out_depths": [1] * 6 + [0] * 3,
}  # fmt: skip
TINY_SD15 = {"channels": 32, "context": 64, "image": 32, "text": SMALL_CLIP}

# Empty tensors, which tell hosts what else a checkpoint of SDXL predicts, and that its noise is whole at the end.
V_AND_ZERO_SNR = {"v_pred": (0,), "ztsnr": (0,)}

# Hyper-SDXL needs transformers of depth 10: SDXL has them on the way down, where all hosts look, and small_sdxl nowhere
# else. A pruned SDXL has none (small_vega has Segmind-Vega's blocks).
SDXL_DEPTHS = {"depths": [0, 0, 2, 2, 10, 10], "middle": 1, "out_depths": [0] * 9}
CHECKPOINTS = {
    "rand_sd15": sd15(**TRUE_SD15),
    "small_sd15": sd15(**SMALL_SD15),
    "small_4SHyper": sd15(**SMALL_SD15),
    "small_sd15_two": sd15(**SMALL_SD15),
    "small_sdxl": sdxl(**SMALL_SDXL, **SDXL_DEPTHS),
    "small_sdxl_v": sdxl(**SMALL_SDXL, **SDXL_DEPTHS) | V_AND_ZERO_SNR,
    "small_vega": sdxl(**SMALL_SDXL, depths=[0, 0, 1, 1, 2, 2], middle=1, out_depths=[2, 2, 2, 1, 1, 1, 0, 0, 0]),
    "small_ssd1b": sdxl(**SMALL_SDXL, depths=[0, 0, 2, 2, 4, 4], middle=-1, out_depths=[4, 4, 10, 2, 1, 1, 0, 0, 0]),
    "rand_sd3": whole({NETWORK: mmdit(depth=4, adm=2048, positions=192), IMAGE: vae(128, 16, quant=False)}),
    "rand_sd35_large": whole({
        NETWORK: mmdit(depth=38, adm=2048, positions=192, blocks=(0, 1, 37), head_norms=True), IMAGE: vae(128, 16, quant=False),
    }),
    "rand_flux": flux(double=1, single=1),
    "rand_flux_fp8": flux(double=1, single=1),
    "rand_flux_canny": flux(double=1, single=1, patch=128),
    "rand_flux_fill": flux(double=1, single=1, patch=384),
    "rand_flux_Q4_K_S": flux(double=1, single=1),
    "rand_flux_nf4": flux(double=1, single=1),
    "tiny-sd15": sd15(**TINY_SD15, inner=4),
    "tiny_4SHyper": sd15(**TINY_SD15, inner=4),
    "tiny-sd15-two": sd15(**TINY_SD15, inner=4),
    "tiny-sd15-v": sd15(**TINY_SD15, inner=4),
    "tiny-sd15-zero-snr": sd15(**TINY_SD15, inner=4),
    "tiny-sd15-inpainting": sd15(**TINY_SD15, inner=9),
    "tiny-sdxl": sdxl(**TINY_SDXL, middle=10),
    "tiny-sdxl-fp8": sdxl(**TINY_SDXL, middle=10),
    "tiny-sdxl-pruned": sdxl(**TINY_SDXL, middle=1),
    "tiny-sd3": whole({
        NETWORK: mmdit(depth=4, adm=128, positions=32), IMAGE: vae(32, 16, quant=False),
        **dict.fromkeys(TEXTS_3, clip(64, 3, 128, projection=True)),
    }),
}  # fmt: skip
FOLDER = "Stable-diffusion"


def file_of(checkpoint: str) -> str:
    return f"{checkpoint}.gguf" if "_Q4_" in checkpoint else f"{checkpoint}.safetensors"


FILES = {f"{FOLDER}/{file_of(name)}": shapes for name, shapes in CHECKPOINTS.items()} | {
    "VAE/rand_ae.safetensors": vae(128, 16, quant=False),
    "controlnet/small_sd15_canny.safetensors": control(CHECKPOINTS["small_sd15"]),
    "text_encoder/rand_clip_l.safetensors": CLIP_L,
    "text_encoder/rand_clip_g.safetensors": clip(1280, 32, 5120, projection=True),
    "text_encoder/rand_t5xxl.safetensors": t5(layers=2),
}
# The same file under a name that tells a host, or a user, something else of it.
SAME = {"rand_flux_kontext": "rand_flux", "small_sdxl_rectified": "small_sdxl"}
NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float8_e4m3fn: "F8_E4M3"}  # in a file's header
PREVIEWS = {"model.pt": 4, "vaeapprox-sdxl.pt": 4, "vaeapprox-sd3.pt": 16}


def prepare(webui: Path, models: Path, data: Path, hub: Path, families: dict[str, dict]) -> None:
    """Everything a host needs for its families: files of ``models``, made where absent, and the rest below ``data``.

    ``families`` are the options that choose each one's checkpoint (see ``tests.live.kinds.Kind``).
    """
    chosen = {options["sd_model_checkpoint"] for options in families.values()}
    names = {file_of(SAME.get(name, name)) for name in chosen}
    names |= {name for options in families.values() for name in options.get("forge_additional_modules", ())}
    for path, shapes in FILES.items():
        if Path(path).name in names:
            if not (models / path).exists():
                print(f"Making {models / path} …", flush=True)
                make(models / path, shapes)
            link(models / path, data / "models" / path)
    for name in chosen & SAME.keys():
        link(models / FOLDER / f"{SAME[name]}.safetensors", data / "models" / FOLDER / f"{name}.safetensors")
    write_previews(data / "models" / "VAE-approx")
    for family, options in families.items():
        name = options["sd_model_checkpoint"]
        if name in CONFIGS:
            write_config(webui, data / "models" / "Stable-diffusion" / f"{name}.yaml", *CONFIGS[name])
        write_loras(data / "models" / "Lora", family, name)
    write_hub(hub)


def make(path: Path, shapes: Shapes) -> None:
    """Write a file of random weights, in the form that its name tells; it is there when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    if path.suffix == ".gguf":
        write_gguf(part, shapes, values)
        part.replace(path)
    elif "nf4" in path.name:
        save_file(nf4(shapes, values), part)
        part.replace(path)
    else:
        write(path, shapes, dtype_of(path.name))


def dtype_of(path: str) -> torch.dtype:
    if "fp8" in path:
        return torch.float8_e4m3fn
    return torch.bfloat16 if "flux" in path else torch.float16


def link(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(file)
    except OSError:  # Windows lets not everyone make symbolic links
        os.link(file, place)


def write_previews(folder: Path) -> None:
    """What hosts would download for live previews, at the first step even where nobody looks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, latent in PREVIEWS.items():
        weights = {key: values(key, shape) for key, shape in preview(latent).items()}
        # A1111 looks into pickles before it loads them, and refuses those of newer versions of torch.
        torch.save(weights, folder / name, _use_new_zipfile_serialization=False)


def values(key: str, shape: tuple, seed: str = "") -> torch.Tensor:
    """Random weights, nowhere zero, so that every layer shows in the image: norms near 1, the rest of unit gain."""
    random = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(f"{seed}{key}".encode())))
    if key.endswith(("final_layer_norm.bias", "ln_final.bias")):
        return random * 0.05 + 0.1  # A1111 divides by the mean of what the text encoder puts out
    if len(shape) < 2:
        return random * 0.02 + (0.0 if key.endswith("bias") else 1.0)
    if "embedding" in key or key.endswith("pos_embed") or "relative_attention_bias" in key:
        return random * 0.02
    if key == "shared.weight":
        return random
    return random / math.sqrt(math.prod(shape[1:]))


def write(path: Path, shapes: Shapes, dtype: torch.dtype, make=values, metadata: dict | None = None) -> None:
    """A safetensors file, tensor by tensor, so that little is in memory; it is there when it is complete."""
    size = torch.finfo(dtype).bits // 8
    header, end = {"__metadata__": metadata or {}}, 0
    for key, shape in shapes.items():
        start, end = end, end + math.prod(shape) * size
        header[key] = {"dtype": NAMES[dtype], "shape": shape}
        header[key]["data_offsets"] = [start, end]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key, shape in shapes.items():
            file.write(make(key, shape, path.stem).to(dtype).reshape(-1).view(torch.uint8).numpy())
    part.replace(path)


# LoRAs.


def write_loras(folder: Path, family: str, checkpoint: str) -> None:
    """Hyper-SD's LoRAs of a family under their published names, and one that is none of them."""
    ours = [r for r in published().recipes if r.family == family and r.is_lora and r.maker == HYPER_SD]
    names = [Path(r.file).stem for r in ours]
    names += ["some-style"] if family == "sd15" else []
    for name in names:
        shapes = lora(checkpoint)
        write(folder / f"{name}.safetensors", shapes, torch.float16, lora_values, {"ss_output_name": name})
    if family == "sd15":
        # Named as published, and unreadable: a request for it must not run 12 steps without it.
        (folder / BROKEN).write_bytes(b"\x10\0\0\0\0\0\0\0no safetensors here")


def lora(checkpoint: str) -> Shapes:
    """A LoRA on a network's attention, in the naming of the published ones: kohya's, or diffusers' for SD3 and FLUX."""
    keys = {}
    for key, (outer, inner, *_) in ((k, s) for k, s in CHECKPOINTS[checkpoint].items() if len(s) > 1):
        key = key.removeprefix(NETWORK).removesuffix(".weight")
        joint = re.fullmatch(r"\w+_blocks\.(\d+)\.(?:x_block\.|img_)attn\.qkv", key)
        if joint:
            for which in ("to_q", "to_k", "to_v"):
                module = f"transformer.transformer_blocks.{joint[1]}.attn.{which}"
                keys |= {f"{module}.lora_A.weight": (RANK, inner), f"{module}.lora_B.weight": (inner, RANK)}
        elif key == "img_in":
            module = "transformer.x_embedder"
            keys |= {f"{module}.lora_A.weight": (RANK, inner), f"{module}.lora_B.weight": (outer, RANK)}
        elif key.endswith((".to_q", ".to_k", ".to_v")):
            module = f"lora_unet_{key.replace('.', '_')}"
            keys |= {f"{module}.lora_down.weight": (RANK, inner), f"{module}.lora_up.weight": (outer, RANK)}
            keys[f"{module}.alpha"] = ()
    return keys


def lora_values(key: str, shape: tuple, seed: str) -> torch.Tensor:
    """About as large as the weights themselves, so that it shows."""
    if key.endswith(".alpha"):
        return torch.tensor(float(RANK))
    return values(key, shape, seed)
