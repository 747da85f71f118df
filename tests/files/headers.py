"""Headers of safetensors files: of every family, and of files that are broken or that cost much to read."""

import json
import struct

from lib_hypersd.files.architectures import architecture_of
from tests.checkpoints import LAYOUTS, listed

# A checkpoint of each family, and of some look-alikes.
ARCHITECTURES = {
    "sd15": "sd1", "sd2": "sd2", "sdxl": "sdxl", "sdxl-pruned": "ssd-1b", "sdxl-refiner": "sdxl-refiner",
    "sd3": "sd3-medium", "sd35-large": "sd35-large", "flux": "flux-dev", "flux-schnell": "flux-schnell",
    "flux-pruned": "flux-lite", "chroma": "chroma", "flux2": "flux2-klein-4b", "z-image": "z-image", "anima": "anima",
    "qwen-image": "qwen-image", "krea2": "krea2", "ernie-image": "ernie-image", "wan": "wan", "pid": "pid",
}  # fmt: skip
NETWORKS = {family: listed(LAYOUTS[name]) for family, name in ARCHITECTURES.items()}


def id_of(shapes, metadata=None, name=""):
    """Of the architecture that a checkpoint with these names and shapes has."""
    return architecture_of(listed(shapes), metadata or {}, name).id


def write(path, content, length=None):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    return path


def tensors(shapes, dtype="F16", prefix=""):
    return {prefix + key: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for key, shape in shapes.items()}


# By what is wrong: the header's text, and the length that the file gives for it where that is another one.
BROKEN = {
    "empty": (b"", None),
    "a header that is longer than the file": (b"{}", 10**6),
    "a header of no end": (b"{}", 2**64 - 1),
    "no JSON": (b"\x80\x04pickle", None),
    "a list": (b"[1, 2]", None),
    "a number for a tensor": (b'{"a": 1}', None),
    "no shape": (b'{"a": {"dtype": "F16"}}', None),
    "a shape that is none": (b'{"a": {"dtype": "F16", "shape": "x"}}', None),
    "a shape of lists": (b'{"a": {"dtype": "F16", "shape": [[1]]}}', None),
    "a dtype that is none": (b'{"a": {"dtype": 7, "shape": [1]}}', None),
    "deep": (b"[" * 200_000, None),
    "not text": (b'{"\xff": {}}', None),
}
# What could become too much in memory.
TOO_MUCH = {
    "parts outside of texts": b'{"a":[' + b"{}," * 500_000 + b"{}]}",
    "more than ten megabytes in short texts": b'{"a":"' + b'","'.join([b"," * 9_000] * 1_200) + b'"}',
    "blanks": b" " * 10_000_001 + b"{}",
    "empty texts": b'{"a":[' + b'"",' * 3_500_000 + b"1]}",
}
