"""What a checkpoint is, told from headers with the published names and shapes, whole, copied and damaged."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files.architectures import ARCHITECTURES, LOOKALIKES, UNKNOWN, architecture_of, spaced
from lib_hypersd.files.lora import lora_of
from lib_hypersd.recipes.catalog import ALIKE, FAMILIES
from tests import checkpoints, copies
from tests.checkpoints import IN_DIFFUSERS, LAYOUTS, NETWORK, listed
from tests.files.headers import id_of
from tests.live.layouts import under

PREDICTIONS = ("epsilon", "v_prediction", "flow", "edm", None)


UNETS = [name for name, shapes in LAYOUTS.items() if "input_blocks.0.0.weight" in shapes or "conv_in.weight" in shapes]


# The table.


def test_every_row_has_a_family_or_a_reason_and_a_prediction():
    for row in ARCHITECTURES:
        assert row.family in FAMILIES or row.family in LOOKALIKES, row
        assert row.prediction in PREDICTIONS and row.name and row.evidence == "header", row
    assert LOOKALIKES.keys() == {row.family for row in ARCHITECTURES} - FAMILIES.keys()
    assert not LOOKALIKES.keys() & FAMILIES.keys()
    assert {"flux-pruned", "mugen", "sdxl-pruned", "sdxl-refiner", "sdxl-flow", "sd2"} <= LOOKALIKES.keys()
    assert (
        all(ARCHITECTURES.count(row) == 1 for row in ARCHITECTURES)
        and ALIKE.keys() | {*ALIKE.values()} <= FAMILIES.keys()
    )


def test_a_row_is_told_by_layers_or_by_words_of_a_row_above():
    above = set()
    for row in ARCHITECTURES:
        assert set(row.variant_of) <= above, row
        assert bool(row.words) == bool(row.variant_of) != bool(row.has or row.sizes), row
        above.add(row.id)


def test_every_row_that_layers_tell_has_a_header_here():
    assert {row.id for row in ARCHITECTURES if not row.variant_of and not row.keys} == LAYOUTS.keys()


def test_reasons_can_be_cut_into_the_name_that_sentences_use():
    for why in LOOKALIKES.values():
        assert ", which " in why or ", whose " in why or ", for which " in why


# Whole headers.


@pytest.mark.parametrize("prefix", ["", NETWORK, "diffusion_model.", "net.", "core.", "model.", "transformer."])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_architecture_is_told_from_its_layers(name, prefix):
    found = architecture_of(listed(under(prefix, LAYOUTS[name])))
    assert found in ARCHITECTURES and found.id == name and found.evidence == "header"


@pytest.mark.parametrize("name", IN_DIFFUSERS)
def test_every_architecture_is_told_in_diffusers_naming(name):
    assert id_of(IN_DIFFUSERS[name]) == name


def klein_in_diffusers(width, double, single):
    keys = {"x_embedder.weight": (width, 128), "context_embedder.weight": (width, 7680)}
    keys |= {f"double_stream_modulation_{side}.linear.weight": (6 * width, width) for side in ("img", "txt")}
    keys |= {f"transformer_blocks.{i}.attn.to_q.weight": (width, width) for i in range(double)}
    single = {f"single_transformer_blocks.{i}.attn.to_qkv_mlp_proj.weight": (9 * width, width) for i in range(single)}
    return keys | single


def test_flux_2_and_krea_2_are_told_in_diffusers_naming():
    assert id_of(klein_in_diffusers(3072, 5, 20)) == "flux2-klein-4b"
    assert id_of(klein_in_diffusers(4096, 8, 24)) == "flux2-klein-9b"
    assert id_of(klein_in_diffusers(3072, 8, 24)) == "unknown"
    krea = {"text_fusion.projector.weight": (1, 12), "transformer_blocks.0.attn.to_gate.weight": (6144, 6144)}
    assert id_of(krea) == "krea2"


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_stands_beside_the_network_does_not_count(name):
    beside = checkpoints.VAE | checkpoints.TEXTS | {"model_ema.decay": (), "logit_scale": ()}
    assert id_of(under(NETWORK, LAYOUTS[name]) | beside) == name
    assert id_of(LAYOUTS[name] | under("vae.", {"decoder.conv_in.weight": (512, 16, 3, 3)})) == name


ONLY_THERE = ("input_blocks.0.0.", "cap_embedder.1.")  # where alone the size of the latents or of the prompt shows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_few_missing_tensors_change_nothing(name, seed):
    inside = [key for key in LAYOUTS[name] if re.search(r"\.\d+\.", key) and not key.startswith(ONLY_THERE)]
    gone = set(random.Random(seed).sample(sorted(inside), len(inside) // 50))
    assert id_of({key: shape for key, shape in LAYOUTS[name].items() if key not in gone}) == name


COPIES = {"fp8": copies.fp8, "nf4": copies.nf4, "nvfp4": copies.nvfp4}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_copies_of_few_bits_are_what_they_were(name, copy):
    assert id_of(under(NETWORK, COPIES[copy](LAYOUTS[name]))) == name


@pytest.mark.parametrize("name", UNETS)
def test_copies_in_rows_of_256_are_what_they_were(name):
    assert id_of(copies.in_256(LAYOUTS[name])) == name


def test_a_network_that_nunchaku_packed_is_told():
    assert id_of(copies.nunchaku_flux()) == "flux-dev"


@pytest.mark.parametrize("name", ["z-image", "qwen-image", "qwen-image-edit"])
def test_other_networks_that_nunchaku_packed_are_told(name):
    assert id_of(copies.nunchaku(LAYOUTS[name])) == name


# What is unknown.


def without(shapes, start):
    return {key: shape for key, shape in shapes.items() if not key.startswith(start)}


STRANGE = {
    "nothing": {},
    "a VAE": {"decoder.conv_in.weight": (512, 4, 3, 3)},
    "a text encoder": {"model.layers.0.self_attn.q_proj.weight": (2048, 2048)},
    "FLUX with another prompt (LongCat-Image)": without(checkpoints.flux1(10, 20), "vector_in") | {"txt_in.weight": (3072, 3584)},
    "FLUX twice as wide": {key: tuple(2 * n for n in shape) for key, shape in checkpoints.flux1().items()},
    "FLUX with more blocks": checkpoints.flux1(24, 48),
    "FLUX with another MLP": checkpoints.flux1()
    | {f"double_blocks.{i}.img_mlp.0.weight": (8192, 3072) for i in range(19)},
    "FLUX of 48 channels": checkpoints.flux1(inputs=192),
    "FLUX.2 of another size": checkpoints.flux2(5120, 8, 40, 12288, False),
    "a ControlNet of SDXL": LAYOUTS["sdxl"] | {"input_hint_block.0.weight": (16, 3, 3, 3)},
    "a ControlNet of FLUX": checkpoints.flux1() | {"controlnet_blocks.0.weight": (3072, 3072)},
    "SDXL of 16 channels": checkpoints.sdxl(16, 16),
    "SD1 of 7 channels": checkpoints.sd1(7),
    "SD3 of another size": checkpoints.sd35(30),
    "NewBie": LAYOUTS["lumina2"] | {"clip_text_pooled_proj.0.weight": (1024,)},
    "HunyuanVideo of another size": {key: shape for key, shape in LAYOUTS["hunyuan-video"].items() if ".19." not in key},
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_unknown_is_called_unknown(name):
    assert architecture_of(listed(STRANGE[name])) == UNKNOWN


PIECES = ["double_blocks.0.", "img_attn.qkv", ".weight", ".bias", "input_blocks.", "transformer_blocks.1.", "attn2.to_k",
          "joint_blocks.3.", "x_block.", ".qweight", "single_blocks.7.linear1", NETWORK, "img_in", "conv_in", "_scale_2"]  # fmt: skip


@given(
    st.dictionaries(
        st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=5).map("".join),
        st.lists(st.integers(), max_size=5),
    ),
    st.text(max_size=20),
)
def test_any_names_and_shapes_come_to_a_row_or_to_unknown(shapes, name):
    found = architecture_of(shapes, {"modelspec.title": name}, name)
    assert found.family in {None, *FAMILIES, *LOOKALIKES}


@pytest.mark.parametrize("number", ["x", "9" * 5000, "-1", "٣", ""])
def test_blocks_without_a_number_or_with_an_endless_one_are_no_blocks(number):
    names = ("input_blocks.{}.0.op", "output_blocks.{}.1.transformer_blocks.{}.attn2.to_k", "double_blocks.{}.img_attn.qkv",
             "down_blocks.{}.attentions.{}.transformer_blocks.{}.attn2.to_k", "single_blocks.{}.linear1")  # fmt: skip
    shapes = {f"{name.replace('{}', number)}.weight": [8, 8] for name in names}
    assert architecture_of(shapes) == UNKNOWN
    lora_of({key.replace(".weight", ".lora_down.weight"): shape for key, shape in shapes.items()})


# Headers that hold little more than what tells: as they are made to try a loader.


def test_a_few_names_are_enough():
    depths = {"input_blocks": {4: 2, 5: 2, 7: 4, 8: 4}, "output_blocks": {0: 4, 1: 4, 2: 10, 3: 2, 4: 1, 5: 1}}
    ssd = {f"{NETWORK}{side}.{i}.1.transformer_blocks.{d}.attn2.to_k.weight": (640, 2048) for side, blocks in depths.items()
           for i, depth in blocks.items() for d in range(depth)}  # fmt: skip
    wan = {
        "head.modulation": (1, 2, 5120),
        "blocks.0.self_attn.q.weight": (5120, 5120),
        "patch_embedding.weight": (5120, 36, 1, 2, 2),
    }
    ernie = {"layers.0.mlp.linear_fc2.weight": (3072, 8192), "x_embedder.proj.weight": (3072, 128, 1, 1)}
    anima = {"blocks.0.mlp.layer1.weight": (8192, 2048), "llm_adapter.blocks.0.cross_attn.q_proj.weight": (1024, 1024)}
    pid = {"net.core.lq_proj.latent_proj.0.weight": (512, 16, 3, 3), "net.core.pixel_embedder.proj.weight": (16, 3)}
    assert [id_of(shapes) for shapes in (wan, ernie, anima, pid)] == ["wan22-i2v", "ernie-image", "anima", "pid"]
    large = {f"joint_blocks.{i}.x_block.attn.qkv.weight": (7296, 2432) for i in range(38)}
    lite = {f"double_blocks.{i}.img_attn.qkv.weight": (9216, 3072) for i in range(8)}
    lite |= {f"single_blocks.{i}.linear1.weight": (21504, 3072) for i in range(38)}
    lite |= {"guidance_in.in_layer.weight": (3072, 256)}
    assert (id_of(ssd), id_of(large), id_of(lite)) == ("ssd-1b", "sd35-large", "flux-lite")


@given(st.text())
def test_spaced_text_is_words(text):
    assert spaced(text) == spaced(spaced(text)) == spaced(text).lower()
