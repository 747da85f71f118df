"""The header of a GGUF file, versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md), within bounds."""

import struct
from pathlib import Path
from typing import Any, TypedDict

from ..wording import fill, shown

__all__ = ["Tensor", "read_tensors"]

MOST_BYTES = 10_000_000  # those of image networks are well below one
MOST_DIMENSIONS = 8
TEXT, LIST = 8, 9
BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of a value, by its type
WHOLE = {0: "F32", 1: "F16", 28: "F64", 30: "BF16"}  # the types of a tensor that are not quantised


class Tensor(TypedDict):
    dtype: str
    shape: list[int]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor by its key, with its shape as torch has it; every quantised dtype is "Q".

    Raises:
        ValueError: a sentence that says why this is no GGUF file. OSError: it cannot be read.
    """
    if not path.is_file():  # to open a pipe would wait for ever
        raise ValueError(fill("{name} is a folder or a device, not a file.", name=shown(path.name)))
    with path.open("rb") as file:
        cursor = Cursor(file.read(MOST_BYTES))
    try:
        return tensors(cursor)
    except (ValueError, KeyError, struct.error, OverflowError, RecursionError):
        raise ValueError(fill("{name} has no GGUF header.", name=shown(path.name))) from None


class Cursor:
    """Numbers and texts one after another; beyond the end is ``struct.error``."""

    def __init__(self, data: bytes):
        self.data, self.place = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return values

    def text(self) -> str:
        (length,) = self.take("Q")
        text: bytes = self.take(f"{min(length, MOST_BYTES)}s")[0]
        return text.decode()

    def skip(self, kind: int) -> None:
        if kind == TEXT:
            self.text()
        elif kind == LIST:
            kind, count = self.take("IQ")
            if kind in BYTES:
                self.place += BYTES[kind] * count
            else:
                for _ in range(count):
                    self.skip(kind)
        else:
            self.place += BYTES[kind]


def tensors(cursor: Cursor) -> dict[str, Tensor]:
    magic, version, tensor_count, text_count = cursor.take("4sIQQ")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError
    for _ in range(text_count):
        cursor.text()
        cursor.skip(*cursor.take("I"))
    found: dict[str, Tensor] = {}
    for _ in range(tensor_count):
        name = cursor.text()
        (dimensions,) = cursor.take("I")
        if dimensions > MOST_DIMENSIONS:
            raise ValueError
        *shape, kind, _ = cursor.take(f"{dimensions}QIQ")
        found[name] = {"dtype": WHOLE.get(kind, "Q"), "shape": shape[::-1]}  # ggml counts them from the last
    return found
