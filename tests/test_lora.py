"""What a LoRA's header tells: its family, its rank, whose naming it has, whether it changes the text encoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.catalog import FAMILIES, HYPER_SD, LOOKALIKES, published
from lib_hypersd.lora import Lora, lora_of
from tests import loras

NAMINGS = {
    "kohya": "kohya",
    "onetrainer": "OneTrainer",
    "peft": "diffusers",
    "peft unet": "diffusers",
    "comfyui": "original",
}


@pytest.mark.parametrize("family", loras.NETWORKS)
def test_the_layouts_are_those_of_the_published_files(tmp_path, family):
    """Every LoRA of Hyper-SD is as long as this layout makes it, down to the byte."""
    shapes, metadata = loras.published(family)
    sizes = {loras.write(tmp_path / "some.safetensors", shapes, metadata=m) for m in (metadata, None, loras.PT)}
    recipes = [r for r in published().recipes if r.family == family and r.is_lora and r.file and r.maker == HYPER_SD]
    assert recipes and {r.bytes for r in recipes} <= sizes


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("family", loras.NETWORKS)
def test_every_family_is_told_in_every_naming(family, naming):
    shapes = loras.layers(loras.NETWORKS[family](), naming, rank=8)
    assert lora_of(shapes) == Lora(family, NAMINGS[naming], 8, text_encoder=False)


ATTENTION = "down_blocks.2.attentions.0.transformer_blocks.0.attn2.to_k"


def only(*parts):
    return lambda name: any(part in name for part in parts)


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        ("sdxl", loras.layers(loras.sdxl_unet(), "kohya", keep=only("attn2"))),
        ("sdxl", loras.layers(loras.sdxl_unet(), "kohya", keep=only("attn1"))),
        ("sd2", loras.layers(loras.unet(context=1024), "kohya")),
        ("sdxl-refiner", loras.layers(loras.unet(context=1280), "peft unet")),
        ("sd15", loras.layers(loras.unet(), "old diffusers")),
        (None, loras.layers(loras.unet(), "kohya", keep=only("attn1"))),
        ("flux", {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": [4, 3072]}),
        ("flux", {"double_blocks.0.img_attn.qkv.lora_A.weight": [4, 3072]}),
        ("flux", {"diffusion_model.single_blocks.3.linear1.lora_A.weight": [4, 3072]}),
        ("flux", {"double_blocks.0.processor.qkv_lora1.down.weight": [4, 3072]}),
        ("flux", {"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": [4, 3072]}),
        ("chroma", {"lora_unet_distilled_guidance_layer_layers_0_in_layer.lora_down.weight": [4, 5120]}),
        ("sd3", {"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": [4, 1536]}),
        (None, {"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": [4, 2432]}),
        (None, {"transformer.transformer_blocks.59.attn.add_q_proj.lora_A.weight": [4, 3072],
                "transformer.transformer_blocks.59.attn.to_q.lora_A.weight": [4, 3072]}),
        ("sdxl", {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [4, 1280]}),
        ("sd15", {f"lora_unet_{loras.flat(ATTENTION)}.hada_w1_b": [4, 768]}),
        (None, {f"lora_unet_{loras.flat(ATTENTION)}.lokr_w1": [8, 8]}),
    ],
)  # fmt: skip
def test_the_family_is_told_by_widths_and_names(family, shapes):
    assert lora_of(shapes).family == family


def test_two_widths_in_one_file_are_no_family():
    shapes = {f"lora_unet_{i}_attn2_to_k.lora_down.weight": [4, width] for i, width in enumerate((768, 2048))}
    assert lora_of(shapes).family is None


def test_the_text_encoders_part_is_seen():
    unet = loras.layers(loras.unet(), "kohya")
    text = {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [64, 768]}
    assert not lora_of(unet).text_encoder and lora_of(unet | text).text_encoder
    assert lora_of({"text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_A.weight": [4, 768]}).text_encoder


def test_the_rank_is_that_of_most_layers():
    shapes = {f"lora_unet_{i}.lora_down.weight": [rank, 320] for i, rank in enumerate((4, 16, 16))}
    assert lora_of(shapes).rank == 16


def test_what_has_no_layer_of_a_lora_is_none():
    assert lora_of({}) is None
    assert (
        lora_of({"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [640, 768]}) is None
    )


PARTS = [
    "lora_unet_",
    "transformer.",
    "double_blocks.0.",
    "attn2.to_k",
    "attn.to_q",
    ".lora_down.weight",
    ".lora_A.weight",
    ".alpha",
]


@given(
    st.dictionaries(
        st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=4).map("".join),
        st.lists(st.integers(0), max_size=4),
    )
)
def test_any_names_and_shapes_come_to_a_lora_or_to_none(shapes):
    lora = lora_of(shapes)
    assert lora is None or lora.family in {None, *FAMILIES, *LOOKALIKES}
