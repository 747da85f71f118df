"""What a checkpoint's header tells, and that no file can do harm."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.catalog import FAMILIES, LOOKALIKES
from lib_hypersd.header import Checkpoint, family_of, read_checkpoint, read_header

UNET = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
NETWORKS = {
    "sd15": {UNET: [640, 768]},
    "sd2": {UNET: [640, 1024]},
    "sdxl": {UNET: [640, 2048], "middle_block.1.transformer_blocks.9.attn2.to_k.weight": [1280, 2048]},
    "sdxl-pruned": {UNET: [640, 2048], "output_blocks.0.1.transformer_blocks.3.norm1.weight": [1280]},
    "sdxl-refiner": {UNET: [768, 1280]},
    "sd3": {"joint_blocks.0.x_block.attn.qkv.weight": [4608, 1536]},
    "flux": {"double_blocks.0.img_attn.qkv.weight": [9216, 3072], "guidance_in.in_layer.weight": [3072, 256]},
    "flux-schnell": {"double_blocks.0.img_attn.qkv.weight": [9216, 3072]},
    "chroma": {"double_blocks.0.img_attn.qkv.weight": [9216, 3072], "distilled_guidance_layer.norms.0.scale": [5120]},
}


def write(path, header, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    return path


def tensors(shapes, dtype="F16", prefix=""):
    return {prefix + key: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for key, shape in shapes.items()}


def test_every_family_and_every_lookalike_can_be_told():
    assert NETWORKS.keys() == FAMILIES.keys() | LOOKALIKES.keys()


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize("family", NETWORKS)
def test_the_family_is_told_from_names_and_shapes(tmp_path, family, prefix):
    header = tensors(NETWORKS[family], prefix=prefix) | tensors({"first_stage_model.decoder.conv_in.weight": [512, 4]})
    path = write(tmp_path / "some.safetensors", {"__metadata__": {"format": "pt"}} | header)
    assert read_checkpoint(path) == Checkpoint(family, coarse=False)


@pytest.mark.parametrize(("dtype", "coarse"), [("F8_E4M3", True), ("U8", True), ("BF16", False), ("F32", False)])
def test_weights_of_few_bits_are_told(tmp_path, dtype, coarse):
    path = write(tmp_path / "some.safetensors", tensors(NETWORKS["flux"], dtype))
    assert read_checkpoint(path) == Checkpoint("flux", coarse)


def test_what_is_no_network_has_no_family(tmp_path):
    assert family_of({}) is None
    assert family_of({UNET: [640, 77]}) is None
    assert family_of({UNET: [640, 768], UNET.replace("4", "5"): [640, 2048]}) is None
    assert read_checkpoint(tmp_path / "absent.safetensors") == Checkpoint()


def test_a_file_is_read_again_when_it_has_changed_and_not_before(tmp_path, monkeypatch):
    path = write(tmp_path / "some.safetensors", tensors(NETWORKS["sd15"]))
    assert read_checkpoint(path).family == "sd15"
    with monkeypatch.context() as patch:
        patch.setattr("lib_hypersd.header.read_header", lambda path: pytest.fail("read twice"))
        assert read_checkpoint(str(path)).family == "sd15"
    write(path, tensors(NETWORKS["sdxl"]))
    assert read_checkpoint(path).family == "sdxl"


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


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_sentence_and_no_family(tmp_path, name):
    text, length = BROKEN[name]
    path = write(tmp_path / "some.safetensors", text, length)
    with pytest.raises(ValueError, match=r"^some\.safetensors .*\.$"):
        read_header(path)
    assert read_checkpoint(path) == Checkpoint()


def test_a_file_of_a_few_bytes_and_a_folder(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(ValueError, match="short is too short"):
        read_header(tmp_path / "short")
    assert read_checkpoint(tmp_path / "short") == read_checkpoint(tmp_path) == Checkpoint()


@given(st.dictionaries(st.text() | st.sampled_from([UNET, "double_blocks."]), st.lists(st.integers(), max_size=4)))
def test_any_names_and_shapes_come_to_a_family_or_to_none(shapes):
    assert family_of(shapes) in {None, *FAMILIES, *LOOKALIKES}


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(content)
    try:
        read_header(path)
    except ValueError as error:
        assert str(error).startswith("any.safetensors ")
