"""Which recipe a name or a hash belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files.identify import Clues, identify, made_for, named_family, recognise, words
from lib_hypersd.files.lora import Lora
from lib_hypersd.recipes.catalog import published

CATALOG = published()


def identified(name, digest=""):
    recipe = identify(CATALOG, name, digest)
    return recipe and recipe.id


@pytest.mark.parametrize("recipe", [r for r in CATALOG.recipes if r.file and r.words], ids=lambda r: r.id)
def test_every_published_name_is_its_own(recipe):
    for name in (
        recipe.file,
        recipe.file.removesuffix(".safetensors"),
        recipe.file.lower(),
        recipe.file.replace("-", "_"),
    ):
        assert identified(name) == recipe.id


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("sdxl_hyper_sd_4step_lora", "hyper-sdxl-4steps"),
        ("sdxl_hyper_sd_8step_cfg_lora", "hyper-sdxl-8steps-cfg"),
        ("Hyper-FLUX.1-dev-8steps-lora-fp16", "hyper-flux-8steps"),
        ("hyper-flux1-dev-16steps", "hyper-flux-16steps"),
        ("Hyper-SDXL-8steps-CFG-lora_rank1", "hyper-sdxl-8steps-cfg"),
        ("HyperSDXL 8 step", "hyper-sdxl-8steps"),
        ("hypersd15_2step", "hyper-sd15-2steps"),
        ("Hyper SD1.5 12 steps CFG", "hyper-sd15-12steps-cfg"),
        ("Hyper-SDXL-12steps-lora", None),
        ("Hyper-SDXL-18steps-lora", None),
        ("Hyper-SDXL", None),
        ("hyperrealism_sdxl_8steps", None),
        ("add_detail_sdxl_8steps", None),
        ("sdxl_lightning_4step_lora", "lightning-sdxl-4steps"),
        ("SDXL Lightning 8 steps", "lightning-sdxl-8steps"),
        ("sdxl_lightning", None),
        ("dmd2_sdxl_4step_lora", "dmd2-sdxl-4steps"),
        ("dmd2_sdxl_4step_lora_fp16", "dmd2-sdxl-4steps-fp16"),
        ("LCM_LoRA_SDv1-5", "lcm-sd15"),
        ("lcm-lora-ssd-1b", None),
        ("TCD-SD15-LoRA", "tcd-sd15"),
        ("pcm_sd15_normalcfg_8step_converted_fp16", "pcm-sd15-normalcfg-8steps"),
        ("flux1-dev-turbo-alpha", "turbo-alpha-flux"),
        ("FLUX.1-dev_tdd_adv_lora_weights", "tdd-flux"),
        ("HyperFlux16steps", "hyper-flux-16steps"),
        ("Qwen-Image-Lightning-8steps-V2.0-bf16", "qwen-lightning-8steps"),
        ("Qwen-Image-2512-Lightning-4steps-V1.0-fp32", "qwen-lightning-4steps"),
        ("Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16", "qwen-edit-lightning-4steps"),
        ("Qwen-Image-Edit-2511-Lightning-8steps-V1.0-bf16", "qwen-edit-lightning-8steps"),
        ("Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank64", "lightx2v-wan21-t2v"),
        ("lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16", "lightx2v-wan21-i2v"),
        ("Wan_2_2_I2V_A14B_HIGH_lightx2v_4step_lora_v1030_rank_64_bf16", "lightx2v-wan22-i2v-high"),
        ("wan2.2_t2v_A14b_low_noise_lora_rank64_lightx2v_4step_1217", "lightx2v-wan22-t2v-low"),
        ("Wan2.2-Lightning_T2V-A14B-4steps-lora_LOW_fp16", "lightning-wan22-t2v-low"),
        ("Z-Image-Fun-Lora-Distill-8-Steps-2602-ComfyUI", "fun-distill-z-image-8steps"),
        ("Z-Image-Fun-Lora-Distill-4-Steps-2603", "fun-distill-z-image-4steps"),
        ("anima-turbo-lora-v0.1", "turbo-anima"),
        ("chroma-unlocked-v47-flash-heun-8steps-cfg1_r256-fp32", "flash-chroma"),
        ("qwen_lightning", None),
        ("krea2_turbo_style", None),
        ("AnimeStyle_trained_on_Hyper-SDXL_8steps", None),
        ("Hyper-SDXL-8steps-character", None),
        ("sd_xl_turbo_1.0", None),
        ("pytorch_lora_weights", None),
        ("", None),
    ],
)
def test_names_seen_in_the_wild(name, recipe):
    assert identified(name) == recipe


def test_a_known_hash_comes_before_the_name():
    cfg = next(r for r in CATALOG.recipes if r.id == "hyper-sdxl-8steps-cfg")
    assert identified("renamed", cfg.sha256) == cfg.id
    assert identified("renamed", cfg.addnet) == cfg.id
    assert identified("Hyper-SD15-2steps-lora", cfg.addnet + "0" * 52) == cfg.id
    assert identified("renamed", cfg.addnet[:11]) is None
    assert identified("renamed", "0" * 64) is None


def lora(family):
    return Lora(family, "original", 64, text_encoder=False)


def test_a_lora_for_chroma_has_layers_like_fluxs_and_is_not_refused_for_that():
    flash = next(r for r in CATALOG.recipes if r.id == "flash-chroma")
    found = recognise(CATALOG, Clues("chroma-flash-heun_r96", lora=lora("flux")))
    assert found.recipe == flash and not found.refused and made_for(flash, lora("flux")) == "chroma"
    assert made_for(flash, lora("chroma")) == made_for(flash, lora(None)) == made_for(flash, None) == "chroma"
    other = recognise(CATALOG, Clues("chroma-flash-heun_r96", lora=lora("sdxl")))
    assert other.refused and "which is for Chroma, and its layers are made for SDXL" in other.sentence
    hyper = next(r for r in CATALOG.recipes if r.id == "hyper-flux-8steps")
    assert made_for(hyper, lora("chroma")) == "chroma", "not the other way round"
    assert made_for(None, lora("sd15")) == "sd15" and made_for(None, None) is None


def test_words_of_what_is_merged_into_a_checkpoint_name_no_lora():
    assert identified("my_lightning_wan") is None and identified("qwen lightning") is None


@pytest.mark.parametrize(
    ("alias", "family"),
    [
        ("Hyper-SDXL", "sdxl"), ("hyper-sdxl", "sdxl"), ("HYPER_SDXL", "sdxl"), ("HyperSDXL", "sdxl"),
        ("Hyper-SD15", "sd15"), ("hyper-sd1.5", "sd15"), ("Hyper-SD3", "sd3"), ("Hyper-FLUX", "flux"),
        ("Hyper-FLUX.1-dev", "flux"), ("Hyper-SD", None), ("Hyper", None), ("SDXL", None), ("Hyper-SDXL-style", None),
        ("Hyper-SD15-SDXL", None), ("hyperrealism-sdxl", None),
    ],
)  # fmt: skip
def test_family_aliases(alias, family):
    assert named_family(alias) == family


@given(st.text())
def test_any_text_is_a_name(text):
    assert isinstance(words(text), frozenset)
    identify(CATALOG, text, text)
    named_family(text)
