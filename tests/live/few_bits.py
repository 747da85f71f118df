"""Checkpoints of few bits per weight, as FLUX is passed around: GGUF's Q4_K_S, and nf4 as bitsandbytes writes it."""

import json
import math
import struct
import zlib
from pathlib import Path

import torch

from tests.live.layouts import Shapes

# GGUF: github.com/ggml-org/ggml, docs/gguf.md. A Q4_K block: two fp16 scales, 12 bytes of smaller ones, 4 bits a value.
ALIGNMENT, TEXT = 32, 8
F32, F16, Q4_K = 0, 1, 12
BLOCK, BLOCK_BYTES = 256, 144
# Of a value in a block of random bytes whose second scale is 7.5 times the first, in units of the first: its deviation.
DEVIATION, OFFSET = 258, 7.5


def write_gguf(path: Path, shapes: Shapes, values) -> None:
    """A GGUF file of a network of FLUX: wide layers as Q4_K, the others as they are."""
    text = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), 1)
    text += as_text("general.architecture") + struct.pack("<I", TEXT) + as_text("flux")
    place = 0
    for key, shape in shapes.items():
        text += as_text(key) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind_of(shape), place)
        place += bytes_of(shape) + -bytes_of(shape) % ALIGNMENT
    with path.open("wb") as file:
        file.write(text + bytes(-len(text) % ALIGNMENT))
        for key, shape in shapes.items():
            file.write(as_bytes(key, shape, values) + bytes(-bytes_of(shape) % ALIGNMENT))


def as_text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def kind_of(shape: tuple[int, ...]) -> int:
    return F32 if len(shape) < 2 else F16 if shape[-1] % BLOCK else Q4_K


def bytes_of(shape: tuple[int, ...]) -> int:
    count = math.prod(shape)
    return {F32: 4 * count, F16: 2 * count, Q4_K: count // BLOCK * BLOCK_BYTES}[kind_of(shape)]


def as_bytes(key: str, shape: tuple[int, ...], values) -> bytes:
    if kind_of(shape) == Q4_K:
        return q4_k(key, shape).numpy().tobytes()
    return values(key, shape).to(torch.float32 if kind_of(shape) == F32 else torch.float16).numpy().tobytes()


def random_bytes(key: str, *shape: int) -> torch.Tensor:
    return torch.randint(
        256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(zlib.crc32(key.encode()))
    )


def q4_k(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Random blocks, whose values are of unit gain."""
    blocks = random_bytes(key, math.prod(shape) // BLOCK, BLOCK_BYTES)
    scale = 1 / (DEVIATION * math.sqrt(shape[-1]))
    blocks[:, :4] = torch.tensor([scale, OFFSET * scale], dtype=torch.float16).view(torch.uint8)
    return blocks


# nf4: github.com/bitsandbytes-foundation/bitsandbytes, functional.py. A value is one of 16; 64 values share a scale.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
GROUP = 64


def nf4(shapes: Shapes, values) -> dict[str, torch.Tensor]:
    """The tensors of a network whose matrices are nf4, of unit gain, and whose other weights are as they are."""
    code = torch.tensor(NF4)
    tensors = {}
    for key, shape in shapes.items():
        if len(shape) < 2:
            tensors[key] = values(key, shape).to(torch.bfloat16)
            continue
        count, scale = math.prod(shape), 1 / (code.std().item() * math.sqrt(shape[-1]))
        state = {"quant_type": "nf4", "blocksize": GROUP, "dtype": "bfloat16", "shape": list(shape)}
        tensors |= {
            key: random_bytes(key, count // 2, 1),
            f"{key}.absmax": torch.full((count // GROUP,), scale),
            f"{key}.quant_map": code.clone(),
            f"{key}.quant_state.bitsandbytes__nf4": torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8),
        }
    return tensors
