"""What a checkpoint's header tells, and that no file can do harm."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib_hypersd.files import header
from lib_hypersd.files.header import Checkpoint, family_of, read_checkpoint, read_header
from lib_hypersd.recipes.catalog import FAMILIES, LOOKALIKES
from tests.checkpoints import listed
from tests.copies import nunchaku_flux
from tests.files.headers import ARCHITECTURES, BROKEN, NETWORKS, TOO_MUCH, tensors, write

UNET = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"


def test_every_family_can_be_told():
    assert FAMILIES.keys() < NETWORKS.keys() <= FAMILIES.keys() | LOOKALIKES.keys()


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize("family", NETWORKS)
def test_the_family_is_told_from_names_and_shapes(tmp_path, family, prefix):
    content = tensors(NETWORKS[family], prefix=prefix) | tensors({"first_stage_model.decoder.conv_in.weight": [512, 4]})
    path = write(tmp_path / "some.safetensors", {"__metadata__": {"format": "pt"}} | content)
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
        "sd_merge_models": "y" * 2 * 10**5, "ss_tag_frequency": "{}",
    }  # fmt: skip
    path = write(tmp_path / "some.safetensors", {"__metadata__": texts, **tensors(NETWORKS["sdxl"])})
    found = read_checkpoint(path)
    assert found.metadata.keys() == texts.keys() - {"ss_tag_frequency"} and found.metadata["sd_merge_recipe"] == recipe
    assert len(found.metadata["modelspec.title"]) == 200 and len(found.metadata["sd_merge_models"]) == 100_000
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
        patch.setattr("lib_hypersd.files.header.read_header", lambda path: pytest.fail("read twice"))
        assert read_checkpoint(str(path)).family == "sd15"
    write(path, tensors(NETWORKS["sdxl"]))
    assert read_checkpoint(path).family == "sdxl"


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


# Headers of more than real networks have: texts that trainers write down.

TAGS = json.dumps({f"tag {i}": i for i in range(400_000)})


def with_tags(**more):
    return {"__metadata__": {"ss_tag_frequency": TAGS, "ss_output_name": "speed"} | more} | tensors(NETWORKS["sdxl"])


def test_counts_of_tags_beyond_ten_megabytes_are_read_over(tmp_path):
    path = write(tmp_path / "some.safetensors", with_tags(more=TAGS))
    found = read_header(path)
    assert found.length > 10_000_000 and path.stat().st_size == 8 + found.length
    assert found.metadata == {"ss_tag_frequency": "", "ss_output_name": "speed", "more": ""}
    assert found.tensors == tensors(NETWORKS["sdxl"]) and read_checkpoint(path).family == "sdxl"


def test_commas_in_a_text_are_no_parts(tmp_path):
    text = "a, b, c, " * 200_000
    path = write(
        tmp_path / "some.safetensors", {"__metadata__": {"tags": text, "short": "a, b"}} | tensors(NETWORKS["sd15"])
    )
    assert path.stat().st_size < 10_000_000
    assert read_header(path).metadata == {"tags": "", "short": "a, b"}


def test_the_most_that_the_format_allows_is_read(tmp_path):
    start, end = b'{"__metadata__":{"a":"', b'"}}'
    for length, fits in ((100_000_000, True), (100_000_001, False)):
        path = write(tmp_path / "some.safetensors", start + b"," * (length - len(start) - len(end)) + end)
        if fits:
            assert read_header(path).metadata == {"a": ""}
        else:
            with pytest.raises(ValueError, match=f"^some.safetensors has a header of {length} bytes, which cannot be"):
                read_header(path)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_could_become_too_much_in_memory_is_not_read(tmp_path, monkeypatch, name):
    path = write(tmp_path / "some.safetensors", TOO_MUCH[name])
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(ValueError, match="which cannot be; it was not read"):
        read_header(path)


def test_a_text_without_an_end_is_no_header(tmp_path):
    with pytest.raises(ValueError, match="has no safetensors header"):
        read_header(write(tmp_path / "some.safetensors", b'{"a":"' + b'\\"' * 6_000_000))


VALUES = st.recursive(st.text(max_size=30) | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(st.text(max_size=3), v))  # fmt: skip


def shortened(value, most):
    """The same with every text of more than so many bytes of JSON empty."""
    if isinstance(value, str):
        return value if len(json.dumps(value, ensure_ascii=False).encode()) - 2 <= most else ""
    if isinstance(value, list):
        return [shortened(one, most) for one in value]
    return {key: shortened(one, most) for key, one in value.items()} if isinstance(value, dict) else value


@given(VALUES, st.integers(1, 50))
@example(['\\"', "\\" * 20, '"' * 20, "é" * 11, ""], 3)
def test_long_texts_are_emptied_and_nothing_else_is_changed(value, size):
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "LONGEST_TEXT", 20)
        left = header.without_long_texts(text[i : i + size] for i in range(0, len(text), size))
    assert json.loads(left.decode("utf-8", "surrogatepass")) == shortened(value, 20)


@given(st.text('"\\ax,{[', max_size=60), st.integers(1, 9))
def test_short_texts_stay_as_they_are_however_broken(text, size):
    content = text.encode() + b"."
    assert header.without_long_texts(content[i : i + size] for i in range(0, len(content), size)) == content


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
