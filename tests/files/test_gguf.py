"""What the header of a GGUF checkpoint tells, and that no file can do harm."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib_hypersd.files.gguf import read_tensors
from lib_hypersd.files.header import Checkpoint, read_checkpoint
from tests.files.headers import NETWORKS

F16, Q4_0, Q8_0, Q4_K = 1, 2, 8, 12


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


# What llama.cpp, ComfyUI-GGUF and stable-diffusion.cpp write before the tensors: a value of every type.
TEXTS = {
    "general.architecture": struct.pack("<I", 8) + text("flux"),
    "general.quantization_version": struct.pack("<II", 4, 2),
    "general.file_type": struct.pack("<II", 4, 2),
    "tokenizer.ggml.tokens": struct.pack("<IIQ", 9, 8, 2) + text("a") + text("ü"),
    "some.shape": struct.pack("<IIQ3i", 9, 5, 3, 1, 2, 3),
    "some.lists": struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQd", 12, 1, 0.5),
    **{f"some.{kind}": struct.pack(f"<I{form}", kind, 1) for kind, form in
       {0: "B", 1: "b", 2: "H", 3: "h", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}.items()},
}  # fmt: skip


def header(shapes: dict, kind: int, version: int = 3) -> bytes:
    data = b"GGUF" + struct.pack("<IQQ", version, len(shapes), len(TEXTS))
    data += b"".join(text(key) + value for key, value in TEXTS.items())
    for name, shape in shapes.items():
        data += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, 0)
    return data


@pytest.mark.parametrize(("kind", "coarse"), [(Q4_0, True), (Q8_0, True), (Q4_K, True), (F16, False)])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("family", NETWORKS)
def test_the_family_and_the_few_bits_are_told(tmp_path, family, version, kind, coarse):
    path = tmp_path / "some-Q4.GGUF"
    path.write_bytes(header(NETWORKS[family], kind, version) + bytes(100))
    found = read_checkpoint(path)
    assert (found.family, found.coarse) == (family, coarse)
    assert {name: tensor["shape"] for name, tensor in read_tensors(path).items()} == NETWORKS[family]


WHOLE = header(NETWORKS["flux"], Q4_0)


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^some\.gguf has no GGUF header\.$"):
        read_tensors(path)
    assert read_checkpoint(path) == Checkpoint()


@pytest.mark.parametrize("length", [0, 3, 4, 23, 24, 30, 200, len(WHOLE) - 1])
def test_a_file_that_is_cut_short_tells_nothing(tmp_path, length):
    refused(tmp_path / "some.gguf", WHOLE[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"GGUX" + WHOLE[4:],
        WHOLE[:4] + struct.pack("<I", 1) + WHOLE[8:],
        WHOLE[:8] + struct.pack("<QQ", 2**63, 0) + WHOLE[24:],
        WHOLE[:8] + struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2**63),
        WHOLE[:8] + struct.pack("<QQ", 0, 1) + text("x") + struct.pack("<I", 13),
        WHOLE[:8] + struct.pack("<QQ", 1, 1) + text("x") + struct.pack("<IIQ", 9, 0, 2**63),
        WHOLE[:8] + struct.pack("<QQ", 0, 1) + text("x") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 100_000,
        WHOLE[:8] + struct.pack("<QQ", 1, 0) + text("x") + struct.pack("<I", 2**31),
        WHOLE[:8] + struct.pack("<QQ", 1, 0) + struct.pack("<Q", 1) + b"\xff" + struct.pack("<IIQ", 0, 0, 0),
    ],
    ids=["magic", "version", "tensors", "long text", "type", "long list", "deep", "dimensions", "not text"],
)
def test_a_header_that_lies_tells_nothing(tmp_path, content):
    refused(tmp_path / "some.gguf", content)


def test_a_folder_is_none(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        read_tensors(tmp_path)


@given(st.binary(max_size=300))
@example(b"")
def test_no_bytes_do_harm(tmp_path_factory, tail):
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(WHOLE[:24] + tail)
    try:
        read_tensors(path)
    except ValueError as error:
        assert str(error) == "any.gguf has no GGUF header."
