"""LoRA files as they are published, byte for byte up to where the tensors begin; the rest is a hole in a sparse file.

Names, shapes, types and order of the tensors come from the networks' own layout, and the sizes that follow are those
of the published files, which proves the layout.
"""

import hashlib
import json
import struct

RANK = 64
F16, F32 = ("F16", 2), ("F32", 4)


def unet(width=320, levels=((2, 1), (2, 1), (2, 1), (2, 0)), context=768, middle=1, linear=False):
    """Every layer of diffusers' UNet that a LoRA can hang on, with its weight's shape.

    Args:
        levels: for each resolution (width factors 1, 2, 4, 4) the number of residual blocks and the depth of
            their transformers.
    """
    shapes = {}

    def resnet(name, into, out):
        shapes[f"{name}.conv1"], shapes[f"{name}.conv2"] = (out, into, 3, 3), (out, out, 3, 3)
        shapes[f"{name}.time_emb_proj"] = (out, 4 * width)
        if into != out:
            shapes[f"{name}.conv_shortcut"] = (out, into, 1, 1)

    def attention(name, out, depth):
        kernel = () if linear else (1, 1)
        shapes[f"{name}.proj_in"] = shapes[f"{name}.proj_out"] = (out, out, *kernel)
        for d in range(depth):
            block = f"{name}.transformer_blocks.{d}"
            for attn, source in (("attn1", out), ("attn2", context)):
                shapes[f"{block}.{attn}.to_q"] = shapes[f"{block}.{attn}.to_out.0"] = (out, out)
                shapes[f"{block}.{attn}.to_k"] = shapes[f"{block}.{attn}.to_v"] = (out, source)
            shapes[f"{block}.ff.net.0.proj"], shapes[f"{block}.ff.net.2"] = (8 * out, out), (out, 4 * out)

    widths = [width * factor for factor in (1, 2, 4, 4)[: len(levels)]]
    skips, into = [width], width
    for i, ((blocks, depth), out) in enumerate(zip(levels, widths, strict=True)):
        for j in range(blocks):
            resnet(f"down_blocks.{i}.resnets.{j}", into, out)
            if depth:
                attention(f"down_blocks.{i}.attentions.{j}", out, depth)
            into = out
            skips.append(out)
        if i < len(levels) - 1:
            shapes[f"down_blocks.{i}.downsamplers.0.conv"] = (out, out, 3, 3)
            skips.append(out)
    for j in range(2):
        resnet(f"mid_block.resnets.{j}", into, into)
    attention("mid_block.attentions.0", into, middle)
    for i, ((blocks, depth), out) in enumerate(zip(levels[::-1], widths[::-1], strict=True)):
        for j in range(blocks + 1):
            resnet(f"up_blocks.{i}.resnets.{j}", into + skips.pop(), out)
            if depth:
                attention(f"up_blocks.{i}.attentions.{j}", out, depth)
            into = out
        if i < len(levels) - 1:
            shapes[f"up_blocks.{i}.upsamplers.0.conv"] = (out, out, 3, 3)
    return shapes


def flux(width=3072, double=19, single=38, prompt=4096, pooled=768, guidance=True, patch=64):
    """Every linear layer of diffusers' FluxTransformer2DModel."""
    shapes = embedders(width, pooled, prompt, guidance)
    for i in range(double):
        joint_block(shapes, f"transformer_blocks.{i}", width, last=False)
    for i in range(single):
        block = f"single_transformer_blocks.{i}"
        shapes |= {f"{block}.attn.to_{part}": (width, width) for part in "qkv"}
        shapes |= {f"{block}.norm.linear": (3 * width, width), f"{block}.proj_mlp": (4 * width, width)}
        shapes[f"{block}.proj_out"] = (width, 5 * width)
    return shapes | {"x_embedder": (width, patch), **output(width, patch)}


def sd3(width=1536, blocks=24, prompt=4096, pooled=2048, patch=64):
    """Every linear layer of diffusers' SD3Transformer2DModel, and the one that cuts the image into patches."""
    shapes = embedders(width, pooled, prompt, guidance=False)
    for i in range(blocks):
        joint_block(shapes, f"transformer_blocks.{i}", width, last=i == blocks - 1)
    return shapes | {"pos_embed.proj": (width, 16, 2, 2), **output(width, patch)}


def embedders(width, pooled, prompt, guidance):
    parts = {"timestep_embedder": 256, "text_embedder": pooled, **({"guidance_embedder": 256} if guidance else {})}
    shapes = {"context_embedder": (width, prompt)}
    for name, into in parts.items():
        shapes[f"time_text_embed.{name}.linear_1"] = (width, into)
        shapes[f"time_text_embed.{name}.linear_2"] = (width, width)
    return shapes


def output(width, patch):
    return {"norm_out.linear": (2 * width, width), "proj_out": (patch, width)}


def joint_block(shapes, block, width, last):
    names = [f"to_{part}" for part in ("q", "k", "v", "out.0")] + [f"add_{part}_proj" for part in "qkv"]
    names += [] if last else ["to_add_out"]
    shapes |= {f"{block}.attn.{name}": (width, width) for name in names}
    for ff in ("ff",) if last else ("ff", "ff_context"):
        shapes[f"{block}.{ff}.net.0.proj"], shapes[f"{block}.{ff}.net.2"] = (4 * width, width), (width, 4 * width)
    shapes[f"{block}.norm1.linear"] = (6 * width, width)
    shapes[f"{block}.norm1_context.linear"] = ((2 if last else 6) * width, width)


def sdxl_unet(context=2048, depths=(0, 2, 10), middle=10):
    return unet(levels=tuple((2, depth) for depth in depths), context=context, middle=middle, linear=True)


NETWORKS = {"sd15": unet, "sdxl": sdxl_unet, "sd3": sd3, "flux": flux}
NAMES = {
    "kohya": ("lora_unet_{}.alpha", "lora_unet_{}.lora_down.weight", "lora_unet_{}.lora_up.weight"),
    "onetrainer": (
        "lora_transformer_{}.alpha", "lora_transformer_{}.lora_down.weight", "lora_transformer_{}.lora_up.weight"
    ),
    "peft unet": ("unet.{}.lora_A.weight", "unet.{}.lora_B.weight"),
    "peft": ("transformer.{}.lora_A.weight", "transformer.{}.lora_B.weight"),
    "old diffusers": ("unet.{}.lora.down.weight", "unet.{}.lora.up.weight"),
    "original": ("{}.lora_A.weight", "{}.lora_B.weight"),
    "comfyui": ("diffusion_model.{}.lora_down.weight", "diffusion_model.{}.lora_up.weight", "diffusion_model.{}.alpha"),
}  # fmt: skip


def layers(network, naming, rank=RANK, keep=lambda name: True):
    """The shapes of a LoRA's tensors on all layers of a network, in the naming of a trainer."""
    shapes = {}
    for name, (out, into, *kernel) in sorted(network.items()):
        if keep(name):
            for pattern in NAMES[naming]:
                key = pattern.format(name if "." in pattern.partition("{}")[0] or pattern[0] == "{" else flat(name))
                if key.endswith("alpha"):
                    shapes[key] = []
                elif "down" in key.rpartition("lora")[2] or "lora_A" in key:
                    shapes[key] = [rank, into, *kernel]
                else:
                    shapes[key] = [out, rank, *([1, 1] if kernel else [])]
    return shapes


def flat(name):
    return name.replace(".", "_")


def header_of(shapes, dtype=F32, metadata=None):
    """The header's text, padded as safetensors pads it, and the bytes of all tensors."""
    header, offset = {"__metadata__": metadata} if metadata is not None else {}, 0
    for key, shape in shapes.items():
        size = dtype[1]
        for n in shape:
            size *= n
        header[key] = {"dtype": dtype[0], "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 8), offset


def write(path, shapes, dtype=F32, metadata=None, size=None):
    """Write a file whose tensors are all zero and take no room on the disk; returns its size."""
    text, length = header_of(shapes, dtype, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(size or 8 + len(text) + length)
    return path.stat().st_size


PT = {"format": "pt"}


def published(family):
    """Shapes and metadata of Hyper-SD's LoRAs for a family, as they are in the published files."""
    naming = "kohya" if family in ("sd15", "sdxl") else "peft"
    return layers(NETWORKS[family](), naming), PT if family == "sdxl" else None


def hashes(path):
    """SHA-256 and addnet hash, each computed in the plainest way."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return hashlib.sha256(content).hexdigest(), hashlib.sha256(content[start:]).hexdigest()
