"""What a checkpoint is, from the header of its file alone: no weight is read, and nothing is ever unpickled."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Checkpoint", "family_of", "read_checkpoint", "read_header"]

MOST_BYTES = 64_000_000
PREFIX = "model.diffusion_model."
FEW_BITS = ("F8_", "U8", "I8")  # as safetensors spells them; 4 bits are packed into bytes


@dataclass(frozen=True)
class Checkpoint:
    """A family of ``catalog.FAMILIES`` or a look-alike of ``catalog.LOOKALIKES``, None where the file does not tell.

    ``coarse`` are weights of 8 bits or fewer.
    """

    family: str | None = None
    coarse: bool = False


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
        tensors = read_header(path)
    except (ValueError, OSError):
        return Checkpoint()
    network = {key.removeprefix(PREFIX): tensor for key, tensor in tensors.items()}
    # The largest part of a network are matrices, and only those are ever stored in few bits.
    coarse = any(key.endswith(".weight") and str(t["dtype"]).startswith(FEW_BITS) for key, t in network.items())
    return Checkpoint(family_of({key: tensor["shape"] for key, tensor in network.items()}), coarse)


def read_header(path: Path) -> dict[str, dict]:
    """``dtype``, ``shape`` and ``data_offsets`` of every tensor of a safetensors file, by its key.

    Raises:
        ValueError: a sentence that says why this is no safetensors file. OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"{path.name} is too short for a safetensors file.")
        (length,) = struct.unpack("<Q", start)
        if length > min(size - 8, MOST_BYTES):
            raise ValueError(f"{path.name} says that its header has {length} bytes, which cannot be.")
        text = file.read(length)
    try:
        entries = json.loads(text)
        tensors = {key: entry for key, entry in entries.items() if key != "__metadata__"}
        if all(isinstance(t["dtype"], str) and all(type(n) is int for n in t["shape"]) for t in tensors.values()):
            return tensors
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        pass
    raise ValueError(f"{path.name} has no safetensors header.")


def family_of(shapes: Mapping[str, list[int]]) -> str | None:
    """The family of a network, from the names and shapes of its tensors (without ``model.diffusion_model.``)."""

    def has(start):
        return any(key.startswith(start) for key in shapes)

    if has("joint_blocks."):
        return "sd3"
    if has("double_blocks."):
        if has("distilled_guidance_layer."):
            return "chroma"
        return "flux" if has("guidance_in.") else "flux-schnell"
    # UNets are told apart by the width of the prompt's encoding.
    prompts = [shape for key, shape in shapes.items() if key.endswith("transformer_blocks.0.attn2.to_k.weight")]
    widths = {shape[-1] for shape in prompts if shape}
    if widths == {2048}:
        # The depth of 10 blocks, which SDXL has in the middle, is what smaller copies of it lack.
        return "sdxl" if any("transformer_blocks.9." in key for key in shapes) else "sdxl-pruned"
    return {768: "sd15", 1024: "sd2", 1280: "sdxl-refiner"}.get(widths.pop()) if len(widths) == 1 else None
