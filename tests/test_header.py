"""What a checkpoint's header tells, and that no file can do harm."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.catalog import FAMILIES, LOOKALIKES
from lib_hypersd.header import Checkpoint, family_of, read_checkpoint, read_header
from tests.checkpoints import LAYOUTS, listed
from tests.copies import nunchaku_flux

# A checkpoint of each family, and of some look-alikes.
ARCHITECTURES = {
    "sd15": "sd1", "sd2": "sd2", "sdxl": "sdxl", "sdxl-pruned": "ssd-1b", "sdxl-refiner": "sdxl-refiner",
    "sd3": "sd3-medium", "sd35-large": "sd35-large", "flux": "flux-dev", "flux-schnell": "flux-schnell",
    "flux-pruned": "flux-lite", "chroma": "chroma",
}  # fmt: skip
NETWORKS = {family: listed(LAYOUTS[name]) for family, name in ARCHITECTURES.items()}
UNET = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"


def write(path, header, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    return path


def tensors(shapes, dtype="F16", prefix=""):
    return {prefix + key: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for key, shape in shapes.items()}


def test_every_family_can_be_told():
    assert FAMILIES.keys() < NETWORKS.keys() <= FAMILIES.keys() | LOOKALIKES.keys()


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize("family", NETWORKS)
def test_the_family_is_told_from_names_and_shapes(tmp_path, family, prefix):
    header = tensors(NETWORKS[family], prefix=prefix) | tensors({"first_stage_model.decoder.conv_in.weight": [512, 4]})
    path = write(tmp_path / "some.safetensors", {"__metadata__": {"format": "pt"}} | header)
    found = read_checkpoint(path)
    assert (found.family, found.coarse) == (family, False)
    assert found.architecture.id == ARCHITECTURES[family] and found.prediction == found.architecture.prediction


@pytest.mark.parametrize(("dtype", "coarse"), [("F8_E4M3", True), ("U8", True), ("BF16", False), ("F32", False)])
def test_weights_of_few_bits_are_told(tmp_path, dtype, coarse):
    path = write(tmp_path / "some.safetensors", tensors(NETWORKS["flux"], dtype))
    found = read_checkpoint(path)
    assert (found.family, found.coarse) == ("flux", coarse)


def test_a_network_that_nunchaku_packed_is_of_few_bits(tmp_path):
    path = write(tmp_path / "some.safetensors", tensors(listed(nunchaku_flux()), "I8"))
    found = read_checkpoint(path)
    assert (found.family, found.coarse) == ("flux", True)


def test_what_the_metadata_say_is_kept_within_bounds(tmp_path):
    recipe = json.dumps({"type": "webui", "primary_model_name": "DreamShaperXL_Lightning"})
    texts = {
        "modelspec.title": "NoobAI XL V-Pred " + "x" * 300, "modelspec.prediction_type": "v", "sd_merge_recipe": recipe,
        "sd_merge_models": "y" * 10**5, "ss_tag_frequency": "{}",
    }  # fmt: skip
    path = write(tmp_path / "some.safetensors", {"__metadata__": texts, **tensors(NETWORKS["sdxl"])})
    found = read_checkpoint(path)
    assert found.metadata.keys() == texts.keys() - {"ss_tag_frequency"} and found.metadata["sd_merge_recipe"] == recipe
    assert len(found.metadata["modelspec.title"]) == 200 and len(found.metadata["sd_merge_models"]) == 8000
    assert (found.architecture.id, found.prediction, found.architecture.evidence) == (
        "sdxl-v",
        "v_prediction",
        "metadata",
    )


def test_the_files_name_tells_what_its_header_does_not(tmp_path):
    path = write(tmp_path / "flux1-kontext-dev.safetensors", tensors(NETWORKS["flux"]))
    assert (read_checkpoint(path).family, read_checkpoint(path).architecture.id) == ("flux", "flux-kontext")


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
