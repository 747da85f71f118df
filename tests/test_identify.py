"""Which recipe a name or a hash belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.catalog import published
from lib_hypersd.identify import identify, named_family, words

CATALOG = published()


def identified(name, hash=""):
    recipe = identify(CATALOG, name, hash)
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
