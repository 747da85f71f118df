"""A shelf of LoRA files: whatever they are called and however they are broken, and what each of them is."""

import os
import struct

from lib_hypersd.recipes.catalog import HYPER_SD, published
from tests import loras

CATALOG = published()
BY_ID = {recipe.id: recipe for recipe in CATALOG.recipes}
SIZE_NAME, NAME, SIZE, SHA, ADDNET, META = (
    "size and file name",
    "file name",
    "size",
    "SHA-256",
    "addnet hash",
    "metadata",
)
UNKNOWN = "0" * 64  # a hash that is nobody's


def like(recipe_id, naming=None, rank=loras.RANK, dtype=loras.F32, metadata=None, size=None):
    """A writer of a file with the layers of that recipe's LoRA; as published unless something else is said."""
    recipe = BY_ID[recipe_id]
    own, own_metadata = loras.published(recipe.family)
    shapes = (
        loras.layers(loras.NETWORKS[recipe.family](), naming or "kohya", rank) if naming or rank != loras.RANK else own
    )
    as_published = naming is None and rank == loras.RANK and dtype is loras.F32 and metadata is None
    if as_published:
        return lambda path: loras.write(path, shapes, metadata=own_metadata, size=size or recipe.bytes)
    return lambda path: loras.write(path, shapes, dtype, metadata, size)


def checkpoint(recipe_id=None, prefix="", size=None):
    shapes = {f"{prefix}{name}.weight": list(shape) for name, shape in loras.sdxl_unet().items()}
    return lambda path: loras.write(path, shapes, loras.F16, size=size or BY_ID[recipe_id].bytes)


def style(family, naming="kohya", rank=8, **network):
    network = loras.unet(**network) if network else loras.NETWORKS[family]()
    return lambda path: loras.write(path, loras.layers(network, naming, rank), loras.F16)


def raw(content, length=None):
    def write(path):
        path.write_bytes(struct.pack("<Q", len(content) if length is None else length) + content)

    return write


def huge_header(path):
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 100_000_000) + b'{"a":' + b" " * 1000)
        file.truncate(100_000_100)


def cut_short(path):
    like("hyper-sdxl-8steps")(path)
    os.truncate(path, 500_000_000)


def dangling(path):
    path.symlink_to(path.with_name("nowhere"))


def pipe(path):
    os.mkfifo(path)


# File, what writes it, the recipe, and what told it: at once and, where that differs, when hashes were there.
GOOD = [
    *((r.file, like(r.id), r.id, SIZE_NAME) for r in CATALOG.recipes if r.is_lora and r.file and r.maker == HYPER_SD),
    ("Hyper-SDXL-1step-Unet.safetensors", checkpoint("hyper-sdxl-unet-diffusers"), "hyper-sdxl-unet-diffusers", SIZE_NAME),
    ("Hyper-SDXL-1step-Unet-Comfyui.fp16.safetensors", checkpoint("hyper-sdxl-unet", "model.diffusion_model."), "hyper-sdxl-unet", SIZE_NAME),
    # Renamed: a size that no copy of another has tells, though weakly; a shared one does not, and the hash then does.
    ("renamed/fast flux.safetensors", like("tdd-flux-beta", "peft", 16, size=628447488), "tdd-flux-beta", SIZE),
    ("renamed/my fast one.safetensors", like("hyper-sd15-unified"), None, "", "hyper-sd15-unified", SHA),
    ("renamed/eight.safetensors", like("hyper-sdxl-8steps"), None, "", "hyper-sdxl-8steps", SHA),
    ("renamed/pytorch_lora_weights.safetensors", like("lightning-sdxl-4steps", "kohya", dtype=loras.F16), None, "", "lightning-sdxl-4steps", SHA),
    ("renamed/deep/pytorch_lora_weights.safetensors", like("tcd-sd15", "kohya", dtype=loras.F16, metadata=loras.PT), None, "", "tcd-sd15", SHA),
    ("renamed/deep/Hyper-SD15-2steps-lora (2).safetensors", like("hyper-sd15-8steps"), "hyper-sd15-2steps", SIZE_NAME, "hyper-sd15-8steps", ADDNET),
    ("renamed/known to the host.safetensors", like("hyper-sdxl-8steps-cfg"), "hyper-sdxl-8steps-cfg", ADDNET),
    ("renamed/flux.safetensors", like("turbo-alpha-flux", "peft", dtype=("BF16", 2)), None, "", "turbo-alpha-flux", SHA),
    # Saved again: without metadata the size is DMD2's, and the name is right.
    ("saved/Hyper-SDXL-4steps-lora.safetensors", like("hyper-sdxl-4steps", "kohya", metadata=None, size=787359616), "hyper-sdxl-4steps", NAME),
    ("saved/speed.safetensors", like("hyper-sdxl-8steps-cfg", "kohya", metadata={"ss_output_name": "Hyper-SDXL-8steps-CFG-lora"}), "hyper-sdxl-8steps-cfg", META),
    ("saved/Hyper-SD15-8steps-lora-fp16.safetensors", like("hyper-sd15-8steps", dtype=loras.F16), "hyper-sd15-8steps", NAME),
    ("saved/Hyper-SDXL-8steps-CFG-lora_rank1.safetensors", like("hyper-sdxl-8steps-cfg", rank=1), "hyper-sdxl-8steps-cfg", NAME),
    ("saved/Hyper-FLUX.1-dev-8steps-lora-fp16.safetensors", like("hyper-flux-8steps", "comfyui", 16, loras.F16), "hyper-flux-8steps", NAME),
    ("saved/hyper-flux1-dev-16steps.safetensors", like("hyper-flux-16steps", "onetrainer", 4), "hyper-flux-16steps", NAME),
    ("saved/Hyper 8steps.safetensors", like("hyper-sdxl-8steps", "peft unet", 8), "hyper-sdxl-8steps", NAME),
    ("saved/old/Hyper-SD3-4steps-CFG-lora.safetensors", like("hyper-sd3-4steps-cfg", size=236070816, dtype=loras.F16), "hyper-sd3-4steps-cfg", SIZE_NAME),
    # The neighbours.
    ("near/sdxl_lightning_8step_lora.safetensors", like("lightning-sdxl-8steps", "kohya", dtype=loras.F16), "lightning-sdxl-8steps", SIZE_NAME),
    ("near/dmd2_sdxl_4step_lora_fp16.safetensors", like("dmd2-sdxl-4steps", "kohya", dtype=loras.F16), "dmd2-sdxl-4steps-fp16", SIZE_NAME),
    ("near/lcm-lora-sdxl.safetensors", like("lcm-sdxl", "kohya", dtype=loras.F16), "lcm-sdxl", NAME),
    ("near/TCD-SDXL-LoRA.safetensors", like("tcd-sdxl", "kohya", dtype=loras.F16, metadata=loras.PT), "tcd-sdxl", SIZE_NAME),
    ("near/pcm_sd15_normalcfg_8step_converted.safetensors", like("pcm-sd15-normalcfg-8steps", "kohya"), "pcm-sd15-normalcfg-8steps", NAME),
    ("near/TDD-FLUX.1-dev-lora-beta.safetensors", like("tdd-flux-beta", "peft", 16), "tdd-flux-beta", NAME),
]  # fmt: skip
OTHER = {
    "other/add_detail.safetensors": (style("sd15"), "is a LoRA for SD1.5 and is no few-step LoRA"),
    "other/hyperrealism_sdxl_8steps.safetensors": (style("sdxl"), "is a LoRA for SDXL and is no few-step LoRA"),
    "other/flux style.safetensors": (style("flux", "peft"), "is a LoRA for FLUX.1-dev and is no few-step LoRA"),
    "other/v2.safetensors": (style("sd2", context=1024), "is a LoRA for SD 2 and is no few-step LoRA"),
    "other/a model.safetensors": (checkpoint(size=10**10), "is no few-step LoRA"),
}
REFUSED = {
    "wrong/Hyper-SDXL-4steps-lora.safetensors": (style("sd15"), "is for SDXL, and its layers are made for SD1.5: it is not used"),
    "wrong/Hyper-SD15-4steps-lora.safetensors": (style("sd2", context=1024), "is for SD1.5, and its layers are made for SD 2: it is not used"),
    "wrong/Hyper-SDXL-8steps-lora.safetensors": (checkpoint(size=10**10), "no layer in it is a LoRA's: it is not used"),
    "broken/Hyper-SDXL-2steps-lora.safetensors": (cut_short, "is cut short: its header names more than the file has; get it again. It is not used."),
    "broken/Hyper-SD15-1step-lora.safetensors": (lambda path: path.touch(), "is too short for a safetensors file."),
    "broken/Hyper-SD15-2steps-lora.safetensors": (raw(b"{}", 2**63), "says that its header has 9223372036854775808 bytes"),
    "broken/Hyper-SD15-4steps-lora.safetensors": (huge_header, "has a header of 100000000 bytes, which cannot be; it was not read."),
    "broken/Hyper-SD15-8steps-lora.safetensors": (raw(b'{"a":' * 200_000), "has no safetensors header."),
    "broken/Hyper-SD15-8steps-CFG-lora.safetensors": (raw(b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 0]}}'), "has no safetensors header."),
    "broken/Hyper-SD15-12steps-CFG-lora.safetensors": (raw(b'{"a": {}, "a": {}}'), "has no safetensors header."),
    "broken/Hyper-SDXL-1step-lora.safetensors": (raw(b"\x80\x04pickle"), "has no safetensors header."),
    "broken/Hyper-SDXL-4steps-lora.safetensors": (lambda path: path.mkdir(), "is a folder or a device, not a file."),
    "broken/Hyper-SDXL-8steps-lora.safetensors": (dangling, "cannot be read (No such file or directory)."),
    "broken/Hyper-SDXL-8steps-CFG-lora.safetensors": (pipe, "is a folder or a device, not a file."),
    "broken/<img src=x onerror=alert(1)>\n\"'&\u202e💥 Hyper-SDXL-12steps-CFG.safetensors": (raw(b"{"), "\\u202e💥 Hyper-SDXL-12steps-CFG.safetensors has no safetensors header."),
}  # fmt: skip
HASHED = {
    "my fast one": (BY_ID["hyper-sd15-unified"].sha256, UNKNOWN),
    "renamed/flux": (BY_ID["turbo-alpha-flux"].sha256, UNKNOWN),
    "eight": (BY_ID["hyper-sdxl-8steps"].sha256, UNKNOWN),
    "pytorch_lora_weights": (BY_ID["lightning-sdxl-4steps"].sha256, UNKNOWN),
    "deep/pytorch_lora_weights": (BY_ID["tcd-sd15"].sha256, UNKNOWN),
    "Hyper-SD15-2steps-lora (2)": (UNKNOWN, BY_ID["hyper-sd15-8steps"].addnet + "0" * 52),
}


def hash_of(path):
    """A host's hash cache that knows some files, and everything else to be nobody's."""
    stem = path.removesuffix(".safetensors")
    return next(
        (h for end, h in sorted(HASHED.items(), key=lambda i: -len(i[0])) if stem.endswith("/" + end)), ("", "")
    )
