"""The header of a safetensors file, and the checkpoint that a header tells of: no weight is read, no pickle opened."""

import json
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from . import gguf
from .architectures import UNKNOWN, Architecture, architecture_of
from .wording import shown

__all__ = ["Checkpoint", "Header", "family_of", "read_checkpoint", "read_header"]

# Real headers run to hundreds of kilobytes, and to a few megabytes where a trainer has written its captions down.
MOST_BYTES = 10_000_000
# Brackets, braces and commas, which bound what a header of that size can become in memory.
MOST_PARTS = 500_000
PREFIX = "model.diffusion_model."
# The free texts that tell what a checkpoint is, and how much of each is kept.
TEXTS = {
    "modelspec.title": 200, "modelspec.architecture": 200, "modelspec.prediction_type": 200,
    "modelspec.merged_from": 2000, "sd_merge_models": 8000, "sd_merge_recipe": 8000,
}  # fmt: skip
FEW_BITS = ("F8_", "U8", "I8", "Q")  # as safetensors spells them (4 bits are packed into bytes), and GGUF's


@dataclass(frozen=True)
class Checkpoint:
    """A family of ``catalog.FAMILIES`` or a look-alike of ``catalog.LOOKALIKES``, None where the file does not tell.

    ``coarse`` are weights of 8 bits or fewer. ``prediction`` is the architecture's. ``metadata`` are what the header's
    free texts say of what the checkpoint is and was merged from (``TEXTS``), each cut to its length.
    """

    family: str | None = None
    coarse: bool = False
    architecture: Architecture = UNKNOWN
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def prediction(self) -> str | None:
        return self.architecture.prediction


def read_checkpoint(filename: str | Path) -> Checkpoint:
    """The checkpoint in a file, which is opened again only when its time or size has changed."""
    try:
        status = Path(filename).stat()
    except OSError:
        return Checkpoint()
    return cached_checkpoint(Path(filename), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def cached_checkpoint(path: Path, mtime_ns: int, size: int) -> Checkpoint:
    try:
        header = Header(gguf.read_tensors(path), {}, 0) if path.suffix.lower() == ".gguf" else read_header(path)
    except (ValueError, OSError):
        return Checkpoint()
    # The largest part of a network are matrices, and only those are ever stored in few bits.
    coarse = any(
        key.endswith((".weight", ".qweight")) and t["dtype"].startswith(FEW_BITS) for key, t in header.tensors.items()
    )
    metadata = {key: header.metadata[key][:length] for key, length in TEXTS.items() if key in header.metadata}
    shapes = {key: tensor["shape"] for key, tensor in header.tensors.items()}
    architecture = architecture_of(shapes, metadata, path.stem)
    return Checkpoint(architecture.family, coarse, architecture, metadata)


class Header(NamedTuple):
    """``dtype``, ``shape`` and ``data_offsets`` of every tensor by its key, the free texts, and the header's own size.

    ``length`` counts the bytes of the JSON text; tensors begin at ``8 + length``.
    """

    tensors: dict[str, dict]
    metadata: dict[str, str]
    length: int


def read_header(path: Path) -> Header:
    """The header of a safetensors file (8 bytes of length, JSON, tensors; github.com/huggingface/safetensors).

    Raises:
        ValueError: a sentence that says why this is no safetensors file. OSError: it cannot be read.
    """
    name = shown(path.name)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for ever
        raise ValueError(f"{name} is a folder or a device, not a file.")
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"{name} is too short for a safetensors file.")
        (length,) = struct.unpack("<Q", start)
        if length > status.st_size - 8:
            raise ValueError(f"{name} says that its header has {length} bytes, which is more than the file has.")
        if length > MOST_BYTES:
            raise ValueError(f"{name} has a header of {length} bytes, which cannot be; it was not read.")
        text = file.read(length)
    try:
        if len(text) < length or sum(map(text.count, (b"{", b"[", b","))) > MOST_PARTS:
            raise ValueError
        entries = json.loads(text, object_pairs_hook=without_duplicates, parse_constant=refuse)
        tensors = {key: entry for key, entry in entries.items() if key != "__metadata__"}
        sound = all(map(is_tensor, tensors.values()))
        metadata = entries.get("__metadata__", {})
        sound = sound and all(isinstance(value, str) for value in metadata.values())
    except (ValueError, RecursionError, AttributeError, TypeError):
        sound = False
    if not sound:
        raise ValueError(f"{name} has no safetensors header.")
    if any(tensor["data_offsets"][1] > status.st_size - 8 - length for tensor in tensors.values()):
        raise ValueError(f"{name} is cut short: its header names more than the file has; get it again.")
    return Header(tensors, metadata, length)


def without_duplicates(pairs: list[tuple]) -> dict:
    """The object of these pairs, unless a key comes twice: two readers would see two files in it."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key comes twice")
    return entries


def refuse(constant: str):
    """JSON has no NaN and no infinity, though Python reads them."""
    raise ValueError(constant)


def is_tensor(entry) -> bool:
    """Whether an entry of a header has a tensor's dtype, shape and place."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, place = entry.get("shape"), entry.get("data_offsets")
    return (
        isinstance(shape, list)
        and len(shape) <= 8
        and all(type(n) is int and 0 <= n < 2**48 for n in shape)
        and isinstance(place, list)
        and len(place) == 2
        and all(type(n) is int for n in place)
        and 0 <= place[0] <= place[1]
    )


def family_of(shapes: Mapping[str, list[int]]) -> str | None:
    """The family of a network, from the names and shapes of its tensors, alone or in a whole checkpoint."""
    return architecture_of(shapes).family
