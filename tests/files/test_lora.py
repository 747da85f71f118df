"""What a LoRA's header tells: its family, its rank, whose naming it has, whether it changes the text encoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files.lora import Lora, lora_of
from lib_hypersd.recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES, published
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
        ("sd35-large", {"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": [4, 2432]}),
        (None, {"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": [4, 2048]}),
        (None, {"transformer.transformer_blocks.59.attn.add_q_proj.lora_A.weight": [4, 3072],
                "transformer.transformer_blocks.59.attn.to_q.lora_A.weight": [4, 3072]}),
        ("sdxl", {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [4, 1280]}),
        ("sd15", {f"lora_unet_{loras.flat(ATTENTION)}.hada_w1_b": [4, 768]}),
        (None, {f"lora_unet_{loras.flat(ATTENTION)}.lokr_w1": [8, 8]}),
    ],
)  # fmt: skip
def test_the_family_is_told_by_widths_and_names(family, shapes):
    assert lora_of(shapes).family == family


# SSD-1B's and Vega's LoRAs have all of their attention's layers; SDXL has a place for each of them.
def pruned(down, up, naming="kohya", parts=("",)):
    names = [
        f"down_blocks.{i + 1}.attentions.{j}.transformer_blocks.{d}"
        for i, level in enumerate(down)
        for j, depth in enumerate(level)
        for d in range(depth)
    ]
    names += [
        f"up_blocks.{i}.attentions.{j}.transformer_blocks.{d}"
        for i, level in enumerate(up)
        for j, depth in enumerate(level)
        for d in range(depth)
    ]
    full = loras.sdxl_unet()
    return loras.layers(full, naming, keep=lambda name: any(f"{n}." in name for n in names) and only(*parts)(name))


SSD_1B = (((2, 2), (4, 4)), ((4, 4, 10), (2, 1, 1)))
VEGA = (((1, 1), (2, 2)), ((2, 2, 2), (1, 1, 1)))
KOALA = (((2,), (5,)), ((5, 5), (2, 2)))


@pytest.mark.parametrize("naming", ["kohya", "peft unet", "old diffusers"])
@pytest.mark.parametrize("parts", [("",), ("attn1",), ("attn2",), ("ff", "attn")], ids="+".join)
@pytest.mark.parametrize("depths", [SSD_1B, VEGA, KOALA])
def test_a_lora_for_a_pruned_sdxl_is_told(depths, parts, naming):
    assert lora_of(pruned(*depths, naming, parts)).family == "sdxl-pruned"


def test_a_lora_for_ssd_1b_is_told_in_the_original_naming():
    depths = {"input_blocks": {4: 2, 5: 2, 7: 4, 8: 4}, "output_blocks": {0: 4, 1: 4, 2: 10, 3: 2, 4: 1, 5: 1}}
    names = [f"lora_unet_{side}_{i}_1_transformer_blocks_{d}_attn2_to_k" for side, blocks in depths.items()
             for i, depth in blocks.items() for d in range(depth)]  # fmt: skip
    assert lora_of({f"{name}.lora_down.weight": [4, 2048] for name in names}).family == "sdxl-pruned"


@pytest.mark.parametrize(
    "parts",
    [
        ("up_blocks.0.attentions.0.",), ("up_blocks.0.attentions.0.", "up_blocks.0.attentions.1."), ("down_blocks",),
        ("up_blocks",), ("down_blocks", "up_blocks"), ("mid_block", "down_blocks.2"), ("transformer_blocks.0.",),
        tuple(f"transformer_blocks.{i}." for i in range(4)), ("transformer_blocks.9.",), ("down_blocks.1", "up_blocks.1"),
    ],
    ids="+".join,
)  # fmt: skip
def test_a_lora_for_a_part_of_sdxl_is_one_for_sdxl(parts):
    assert lora_of(loras.layers(loras.sdxl_unet(), "kohya", keep=only(*parts))).family == "sdxl"


@pytest.mark.parametrize("naming", ["kohya", "onetrainer", "peft", "comfyui"])
@pytest.mark.parametrize(
    ("family", "network"),
    [
        ("flux-pruned", loras.flux(double=8)), ("flux-pruned", loras.flux(double=5, single=10)),
        ("flux", loras.flux(double=7, single=20)), ("flux", {k: v for k, v in loras.flux().items() if "blocks.7." in k}),
        (None, loras.flux(double=20, single=40)), (None, loras.flux(width=4096)),
        ("sd35-large", loras.sd3(width=2432, blocks=38)), (None, loras.sd3(width=1536, blocks=30)),
    ],
)  # fmt: skip
def test_transformers_of_other_sizes_are_not_taken_for_flux_or_sd3(family, network, naming):
    assert lora_of(loras.layers(network, naming)).family == family


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        ("flux2", {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj.lora_A.weight": [4, 3072]}),
        ("flux2", {"diffusion_model.single_blocks.0.linear2.lora_A.weight": [4, 12288],
                   "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": [4, 3072]}),
        ("flux2", {"diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": [4, 6144]}),
        ("flux", {"diffusion_model.single_blocks.0.linear2.lora_A.weight": [4, 15360],
                  "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": [4, 3072]}),
        ("qwen-image", {"transformer.transformer_blocks.0.img_mlp.net.2.lora_A.weight": [4, 12288],
                        "transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight": [4, 3072]}),
        ("auraflow", {"transformer.joint_transformer_blocks.0.attn.add_q_proj.lora_A.weight": [4, 3072]}),
    ],
)  # fmt: skip
def test_other_transformers_are_told_by_their_names(family, shapes):
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
