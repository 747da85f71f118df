"""The header of a safetensors file, and the checkpoint that a header tells of: no weight is read, no pickle opened."""

import json
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from ..wording import fill, shown
from . import gguf
from .architectures import UNKNOWN, Architecture, architecture_of
from .gguf import Tensor
from .names import MERGES, NAME_KEYS
from .scan import Stamp, stamp_of

__all__ = ["Checkpoint", "Header", "family_of", "read_checkpoint", "read_header"]

FORMAT_BYTES = 100_000_000  # the most that the format allows
# Real headers run to hundreds of kilobytes; more are texts that a trainer has written down, of which nothing is used.
MOST_BYTES = 10_000_000
# Brackets, braces and commas, which bound what a header of that size can become in memory.
MOST_PARTS = 500_000
LONGEST_TEXT = 10_000  # bytes; what is longer is left out of a header that is beyond one of the two bounds above
BLOCK = 1 << 18
PREFIX = "model.diffusion_model."
# The free texts that tell what a checkpoint is, and how much of each is kept; half a text in JSON tells nothing.
TEXTS = {
    **dict.fromkeys((*NAME_KEYS, "modelspec.architecture", "modelspec.prediction_type"), 200),
    "modelspec.merged_from": 2000,
    **dict.fromkeys(MERGES, 100_000),
}  # fmt: skip
FEW_BITS = ("F8_", "U8", "I8", "Q")  # as safetensors spells them (4 bits are packed into bytes), and GGUF's


class Checkpoint(NamedTuple):
    """A family of ``catalog.FAMILIES`` or a look-alike of ``catalog.LOOKALIKES``, None where the file does not tell.

    ``coarse`` are weights of 8 bits or fewer. ``prediction`` is the architecture's. ``metadata`` are what the header's
    free texts say of what the checkpoint is and was merged from (``TEXTS``), each cut to its length.
    """

    family: str | None = None
    coarse: bool = False
    architecture: Architecture = UNKNOWN
    metadata: Mapping[str, str] = {}

    @property
    def prediction(self) -> str | None:
        return self.architecture.prediction

    @property
    def kind(self) -> str | None:
        """What the architecture is called in sentences; None of an unknown one."""
        return None if self.architecture is UNKNOWN else self.architecture.name


def read_checkpoint(filename: str | Path) -> Checkpoint:
    """The checkpoint in a file, which is opened again only when its time or size has changed."""
    try:
        return cached_checkpoint(Path(filename), stamp_of(filename))
    except OSError:
        return Checkpoint()


@lru_cache(maxsize=256)
def cached_checkpoint(path: Path, stamp: Stamp) -> Checkpoint:
    try:
        header = read_any_header(path)
    except (ValueError, OSError):
        return Checkpoint()
    # The largest part of a network are matrices, and only those are ever stored in few bits.
    coarse = any(
        key.endswith((".weight", ".qweight")) and t["dtype"].startswith(FEW_BITS) for key, t in header.tensors.items()
    )
    metadata = {key: header.metadata[key][:length] for key, length in TEXTS.items() if key in header.metadata}
    architecture = architecture_of(header.shapes, metadata, path.stem)
    return Checkpoint(architecture.family, coarse, architecture, metadata)


class Header(NamedTuple):
    """``dtype``, ``shape`` and ``data_offsets`` of every tensor by its key, the free texts, and the header's own size.

    In a header beyond our bounds, long texts are empty. ``length`` counts the bytes of the JSON; tensors begin at
    ``8 + length``.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    length: int

    @property
    def shapes(self) -> dict[str, list[int]]:
        return {key: tensor["shape"] for key, tensor in self.tensors.items()}


def read_any_header(path: Path) -> Header:
    """The header of a GGUF file, without its free texts, or of a safetensors file. Raises what ``read_header`` does."""
    return Header(gguf.read_tensors(path), {}, 0) if path.suffix.lower() == ".gguf" else read_header(path)


def read_header(path: Path) -> Header:
    """The header of a safetensors file (8 bytes of length, JSON, tensors; github.com/huggingface/safetensors).

    What is not ours may cost what it likes: up to ``MOST_BYTES`` and ``MOST_PARTS`` a header is read as it stands, and
    one beyond that, up to the format's own bound, if it is within them without its long texts.

    Raises:
        ValueError: a sentence that says why this is no safetensors file. OSError: it cannot be read.
    """
    name = shown(path.name)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for ever
        raise ValueError(fill("{name} is a folder or a device, not a file.", name=name))
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(fill("{name} is too short for a safetensors file.", name=name))
        (length,) = struct.unpack("<Q", start)
        if length > status.st_size - 8:
            too_long = "{name} says that its header has {length} bytes, which is more than the file has."
            raise ValueError(fill(too_long, name=name, length=length))
        text = header_text(file, length) if length <= FORMAT_BYTES else None
    if text is None:
        too_much = "{name} has a header of {length} bytes, which cannot be; it was not read."
        raise ValueError(fill(too_much, name=name, length=length))
    try:
        entries = json.loads(text, object_pairs_hook=without_duplicates, parse_constant=refuse)
        tensors = {key: entry for key, entry in entries.items() if key != "__metadata__"}
        sound = all(map(is_tensor, tensors.values()))
        metadata = entries.get("__metadata__", {})
        sound = sound and all(isinstance(value, str) for value in metadata.values())
    except (ValueError, RecursionError, AttributeError, TypeError):
        sound = False
    if not sound:
        raise ValueError(fill("{name} has no safetensors header.", name=name))
    if any(tensor["data_offsets"][1] > status.st_size - 8 - length for tensor in tensors.values()):
        cut_short = "{name} is cut short: its header names more than the file has; get it again."
        raise ValueError(fill(cut_short, name=name))
    return Header(tensors, metadata, length)


def header_text(file: BinaryIO, length: int) -> bytes | None:
    """The JSON of a header, which begins here in the file; None where it could become too much in memory."""
    if length <= MOST_BYTES:
        text = file.read(length)
        if parts_in(text) <= MOST_PARTS:
            return text
        file.seek(8)
    return without_long_texts(file.read(min(BLOCK, length - start)) for start in range(0, length, BLOCK))


def parts_in(text: bytes) -> int:
    return sum(map(text.count, (b"{", b"[", b",")))


def without_long_texts(blocks: Iterable[bytes]) -> bytes | None:
    """JSON with every text of more than ``LONGEST_TEXT`` bytes empty; None where what is left is too much.

    Only what is left is counted: a comma within a text is no part of the JSON.
    """
    kept, start, size, parts, quotes = bytearray(), 0, 0, 0, 0
    for follows_quote, piece in between_quotes(blocks):
        if follows_quote:
            kept += b'"'
            start, size, quotes = len(kept), 0, quotes + 1
        is_text = quotes % 2 == 1
        size += len(piece)
        if is_text and size > LONGEST_TEXT:
            del kept[start:]
            continue
        kept += piece
        parts += 0 if is_text else parts_in(piece)
        if len(kept) > MOST_BYTES or parts > MOST_PARTS or quotes > 2 * MOST_PARTS:
            return None
    return bytes(kept)


def between_quotes(blocks: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    """JSON, cut where its texts begin and end, and where blocks do; each piece with whether a quote comes before it."""
    held = b""
    for block in blocks:
        block = held + block
        held = b"\\" * ((len(block) - len(block.rstrip(b"\\"))) % 2)  # it belongs to what follows it
        block = block[: len(block) - len(held)]
        place = 0
        for i, piece in enumerate(block.replace(b"\\\\", b"__").replace(b'\\"', b"__").split(b'"')):
            yield i > 0, block[place : place + len(piece)]
            place += len(piece) + 1


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, unless a key comes twice: two readers would see two files in it."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key comes twice")
    return entries


def refuse(constant: str) -> NoReturn:
    """JSON has no NaN and no infinity, though Python reads them."""
    raise ValueError(constant)


def is_tensor(entry: Any) -> bool:
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
