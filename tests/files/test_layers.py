"""Which layers of a LoRA have a place in a checkpoint, in every naming, and that the share tells what fits."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files import layers as module
from lib_hypersd.files.layers import LEAST_SHARE, Fit, fit, fit_of_files, layers, places
from tests import copies, loras
from tests.checkpoints import IN_DIFFUSERS, LAYOUTS, NETWORK, listed
from tests.files.test_gguf import Q4_K, header
from tests.live.layouts import under
from tools import fit as table

PUBLISHED = {family: layers(loras.published(family)[0]) for family in loras.NETWORKS}
BASES = {"sd15": "sd1", "sdxl": "sdxl", "sd3": "sd3-medium", "flux": "flux-dev"}


# Namings.


@pytest.mark.parametrize("naming", loras.NAMES)
@pytest.mark.parametrize("family", loras.NETWORKS)
def test_a_layer_has_one_name_and_shape_in_all_namings(family, naming):
    network = {name: list(shape) for name, shape in loras.NETWORKS[family]().items()}
    found = layers(loras.layers(network, naming, rank=4))
    assert found == {loras.flat(name): tuple(shape) for name, shape in network.items()}


@pytest.mark.parametrize("name", [name for name in IN_DIFFUSERS if name in LAYOUTS and name not in ("wan", "z-image")])
def test_a_network_has_the_same_places_in_both_namings(name):
    one, other = places(listed(under(NETWORK, LAYOUTS[name]))), places(listed(IN_DIFFUSERS[name]))
    needed = PUBLISHED[
        next(family for family in BASES if name.startswith(family[:3]) and (family == "sdxl") == ("xl" in name))
    ]
    assert {key: one.get(key) for key in needed} == {key: other.get(key) for key in needed}


def original(factor="lora_A"):
    """A LoRA in the original FLUX's naming, with query, key and value in one matrix."""
    matrices = {key: shape for key, shape in LAYOUTS["flux-dev"].items() if key.endswith(".weight") and len(shape) == 2}
    shapes = {}
    for key, (out, into) in matrices.items():
        name = key.removesuffix(".weight")
        shapes |= {
            f"diffusion_model.{name}.lora_A.weight": [8, into],
            f"diffusion_model.{name}.lora_B.weight": [out, 8],
        }
    return shapes


def kohya(shapes):
    renamed = {}
    for key, shape in shapes.items():
        name, _, factor = key.removeprefix("diffusion_model.").removesuffix(".weight").rpartition(".")
        end = {"lora_A": "lora_down", "lora_B": "lora_up"}[factor]
        renamed[f"lora_unet_{loras.flat(name)}.{end}.weight"] = shape
    return renamed


@pytest.mark.parametrize("rename", [dict, kohya])
@pytest.mark.parametrize("network", [LAYOUTS["flux-dev"], IN_DIFFUSERS["flux-dev"]], ids=["original", "diffusers"])
def test_fused_layers_fit_split_ones_and_the_other_way_round(network, rename):
    assert fit(rename(original()), listed(network)) == Fit(504, 504)
    assert fit(loras.published("flux")[0], listed(network)) == Fit(504, 504)


XLABS = {
    f"double_blocks.{i}.processor.{part}_lora{side}.{factor}.weight": shape
    for i in range(19) for side in (1, 2)
    for part, out in (("qkv", 9216), ("proj", 3072))
    for factor, shape in (("down", [16, 3072]), ("up", [out, 16]))
}  # fmt: skip
OLD_DIFFUSERS = {
    f"unet.mid_block.attentions.0.transformer_blocks.0.attn{i}.processor.to_{part}_lora.{factor}.weight": shape
    for i, into in ((1, 1280), (2, 768)) for part in ("q", "k", "v", "out")
    for factor, shape in (("down", [4, into if part in "kv" else 1280]), ("up", [1280, 4]))
}  # fmt: skip
SDXL_ORIGINAL = {
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": [4, 2048],
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_up.weight": [640, 4],
    "lora_unet_output_blocks_2_1_proj_in.lora_down.weight": [4, 1280],
    "lora_unet_output_blocks_2_1_proj_in.lora_up.weight": [1280, 4],
    "lora_unet_middle_block_0_in_layers_2.lora_down.weight": [4, 1280, 3, 3],
    "lora_unet_middle_block_0_in_layers_2.lora_up.weight": [1280, 4, 1, 1],
    "lora_unet_output_blocks_2_2_conv.lora_down.weight": [4, 1280, 3, 3],
    "lora_unet_output_blocks_2_2_conv.lora_up.weight": [1280, 4, 1, 1],
    "lora_unet_input_blocks_3_0_op.lora_down.weight": [4, 320, 1, 1],
    "lora_unet_input_blocks_3_0_op.lora_mid.weight": [4, 4, 3, 3],
    "lora_unet_input_blocks_3_0_op.lora_up.weight": [320, 4, 1, 1],
}


@pytest.mark.parametrize(
    ("lora", "network", "count"), [(XLABS, "flux-dev", 152), (OLD_DIFFUSERS, "sd1", 8), (SDXL_ORIGINAL, "sdxl", 5)]
)
def test_other_trainers_layers_have_their_places(lora, network, count):
    assert fit(lora, listed(LAYOUTS[network])) == Fit(count, count)


def adapted(shapes, ends=("lora_A", "lora_B")):
    """A LoRA in ComfyUI's naming for every matrix of a network."""
    matrices = {
        key.removesuffix(".weight"): shape for key, shape in shapes.items() if len(shape) == 2 and ".weight" in key
    }
    inner = {f"diffusion_model.{name}.{ends[0]}.weight": [8, shape[1]] for name, shape in matrices.items()}
    return inner | {f"diffusion_model.{name}.{ends[1]}.weight": [shape[0], 8] for name, shape in matrices.items()}


@pytest.mark.parametrize("ends", [("lora_A", "lora_B"), ("lora_down", "lora_up")])
@pytest.mark.parametrize(
    "name", ["qwen-image", "wan", "wan22-i2v", "z-image", "anima", "chroma", "krea2", "ernie-image"]
)
def test_loras_of_other_families_fit_their_own_and_no_other(name, ends):
    needed = adapted(LAYOUTS[name], ends)
    found = fit(needed, listed(under(NETWORK, LAYOUTS[name])))
    assert found.share == 1 and found.layers >= 50
    others = {"wan": ("anima", "z-image"), "wan22-i2v": ("anima",), "chroma": ("z-image",)}.get(name, ("wan", "sdxl"))
    for other in others:
        strange = fit(needed, listed(LAYOUTS[other]))
        assert strange.share < LEAST_SHARE


# What counts.


def test_text_encoders_layers_are_left_out():
    text = {"lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [4, 768],
            "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": [3072, 4]}  # fmt: skip
    assert fit(SDXL_ORIGINAL | text, listed(LAYOUTS["sdxl"])) == Fit(5, 5)
    assert fit(text, listed(LAYOUTS["sdxl"])) is None


NAME = "lora_unet_middle_block_1_proj_in"


@pytest.mark.parametrize(
    ("factors", "shape"),
    [
        ({"lora_down.weight": [4, 1280], "lora_up.weight": [1280, 4]}, (1280, 1280)),
        (
            {"hada_w1_a": [1280, 4], "hada_w1_b": [4, 1280], "hada_w2_a": [1280, 4], "hada_w2_b": [4, 1280]},
            (1280, 1280),
        ),
        ({"lora_A.default.weight": [4, 1280], "lora_B.default.weight": [1280, 4]}, (1280, 1280)),
        ({"lokr_w1": [8, 8], "lokr_w2_a": [160, 4], "lokr_w2_b": [4, 160]}, None),
        ({"oft_blocks": [4, 320, 320]}, None),
        ({"lora_down.weight": [4, 1280]}, None),
        ({"lora_down.weight": [4], "lora_up.weight": [1280, 4]}, None),
    ],
)
def test_kinds_of_layers_tell_their_shape_or_not(factors, shape):
    lora = {f"{NAME}.{factor}": size for factor, size in factors.items()} | {f"{NAME}.alpha": []}
    assert layers(lora) == {"mid_block_attentions_0_proj_in": shape}
    assert fit(lora, listed(LAYOUTS["sdxl"])) == (Fit(1, 1) if shape else None)


def test_a_layer_of_another_shape_has_no_place():
    lora = {f"{NAME}.lora_down.weight": [4, 1280], f"{NAME}.lora_up.weight": [1281, 4]}
    assert fit(lora, listed(LAYOUTS["sdxl"])) == Fit(1, 0)
    assert fit(lora, {}) is None and fit({}, listed(LAYOUTS["sdxl"])) is None


@pytest.mark.parametrize("copy", [copies.fp8, copies.nf4, copies.nvfp4])
@pytest.mark.parametrize("family", BASES)
def test_a_copy_of_few_bits_takes_the_same_layers(family, copy):
    assert fit(loras.published(family)[0], listed(copy(LAYOUTS[BASES[family]]))).share == 1


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_copy_in_rows_of_256_takes_the_same_layers(family):
    assert fit(loras.published(family)[0], listed(copies.in_256(LAYOUTS[BASES[family]]))).share == 1


def test_weights_whose_shape_does_not_tell_go_by_their_names():
    assert fit(loras.published("flux")[0], listed(copies.nunchaku_flux())) == Fit(504, 504)


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["lora_unet_", "double_blocks_0_", "single_blocks_1_linear1", "img_attn_qkv", ".lora_down",
                                  ".lora_up", ".weight", ".hada_w1_a", "transformer."]) | st.text(max_size=2), max_size=5).map("".join),
        st.lists(st.integers(0, 2**40), max_size=4),
    )
)  # fmt: skip
def test_any_names_and_shapes_come_to_layers(shapes):
    assert all(shape is None or len(shape) > 1 for shape in layers(shapes).values())
    fit(shapes, shapes)


# The threshold.


def test_the_gap_is_still_there_and_the_threshold_in_its_middle():
    must, must_not = table.gap(table.shares())
    assert must_not < LEAST_SHARE < must
    assert abs(LEAST_SHARE - (must + must_not) / 2) < 0.01


def test_what_layers_alone_do_not_tell_is_told_by_the_architecture():
    alike = {(row, lora) for row, lora, share in table.alike(table.shares())}
    assert {row for row, _ in alike} <= set(table.BUILT_ALIKE), alike


def test_the_document_is_the_tables():
    assert table.PLACE.read_text(encoding="utf-8") == table.document(), "run python -m tools.fit"


# Files.


def test_files_are_read_once_and_again_when_they_have_changed(tmp_path, monkeypatch):
    lora, checkpoint = tmp_path / "lora.safetensors", tmp_path / "checkpoint.safetensors"
    loras.write(lora, loras.published("flux")[0])
    loras.write(checkpoint, listed(LAYOUTS["flux-dev"]))
    assert fit_of_files(lora, checkpoint) == Fit(504, 504)
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_any_header", lambda path: pytest.fail("read twice"))
        assert fit_of_files(str(lora), str(checkpoint)) == Fit(504, 504)
    loras.write(checkpoint, listed(LAYOUTS["flux-lite"]))
    os.utime(checkpoint, ns=(1, 1))
    assert fit_of_files(lora, checkpoint).share < LEAST_SHARE


def test_a_gguf_file_has_places_too(tmp_path):
    lora, checkpoint = tmp_path / "lora.safetensors", tmp_path / "checkpoint.gguf"
    loras.write(lora, loras.published("sd3")[0])
    checkpoint.write_bytes(header(listed(LAYOUTS["sd3-medium"]), Q4_K) + bytes(100))
    assert fit_of_files(lora, checkpoint).share == 1


def test_what_cannot_be_read_has_no_fit(tmp_path):
    lora, broken = tmp_path / "lora.safetensors", tmp_path / "broken.safetensors"
    loras.write(lora, loras.published("sd15")[0])
    broken.write_bytes(b"\x80\x04pickle")
    assert fit_of_files(lora, broken) is None and fit_of_files(broken, lora) is None
    assert fit_of_files(lora, tmp_path / "absent.safetensors") is None
