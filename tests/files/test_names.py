"""What names say: their words, a family, and the distillation that a checkpoint has inside."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.files.names import MAKERS, TURBOS, Distillation, distillation_of, family_named, recipe_inside, words
from lib_hypersd.recipes.catalog import FAMILIES, HYPER_SD, published

CATALOG = published()


# File names of checkpoints as they are passed around, and as they could be, with the number of steps that they say:
# whose distillation is inside, or None where it is a checkpoint like any other.
CHECKPOINTS = {
    "Hyper-SD": [
        ("realisticVisionV60B1_v51HyperVAE", None), ("realisticVisionV60B1_v51HyperInpaintVAE", None),
        ("epicrealismXL_vxiAbeast4SHyper", 4), ("leosamsHelloworldXL_hyperv10", None),
        ("Juggernaut_X_RunDiffusion_Hyper", None), ("JuggernautXRundiffusion_Hyper", None),
        ("juggernautXL_juggXHyper", None), ("realvisxlV50_v50Hyper", None), ("RealVisXL_V4.0_Hyper", None),
        ("cyberrealisticXL_v41Hyper", None), ("ponyRealism_v22Hyper", None), ("colossusProjectXLSFW_v10bHyper", None),
        ("unstableIllusion_hyper", None), ("vxpXLHyper_v22", None),
        ("creapromptLightning_creapromtHypersdxlV1", None), ("creapromptHyperSDXL_v1.2_FULL", None),
        ("hyperSDXL_v1", None), ("juggernaut_hyper8step", 8), ("dreamshaperXL_hypersd", None), ("ponyHyperXL", None),
        ("SDXLHyper4Step", 4), ("juggernautXL_hyper_8step_sfw", 8), ("Realistic_Vision_V5.1_Hyper", None),
        ("Juggernaut-X-Hyper", None), ("flux-hyp8-Q5_K_M.gguf", 8), ("flux-hyp16-Q4_0", 16),
        ("flux_1_dev_hyper_8steps_nf4", 8), ("flux1-dev-hyper8-Q4_K_S", 8),
        ("flux.1-lite-8B-alpha-Hyper-8.Steps-Detail.Plus-fp8_e4m3fn_fast", 8),
        ("flux.1-lite-8B-alpha-Hyper-16.Steps-Detail.Plus", 16), ("HyperFlux16steps", 16), ("FluxHyper8S_v1", 8),
        ("epicrealism_xl_8shyper", 8), ("novaRealityXL_ilHyper8SVAE", 8), ("realDream_sdxlHyper12Steps", 12),
        ("hyperrealisticXL_v2Hyper", None), ("Pony_v6_Hyper_4step", 4), ("waiANINSFWPONYXL_v8Hyper", None),
        ("everclearPNYByZovya_v3Hyper", None), ("hyper_sdxl_8step_merge", 8), ("hyper-sd-merged-v1", None),
        ("ultimateblendXL_hyper8", 8), ("Hyper-SDXL-merge", None),
        ("flux1DevHyperNF4Flux1DevBNB_flux1DevHyperNF4", None), ("hyperflux_v1", None),
        ("HyperfluxDiversity_q80", None), ("Realistic Vision V6.0 B1 Hyper 4S", 4),
        ("deliberate_v2_hyper-sd15-8steps", 8), ("AnythingHyper_v5-inpainting", None),
        ("cyberrealistic_hyper_v2", None), ("colossusProjectXLSFW_v53Trained_hyper12steps", 12),
        ("NewRealityXL_Hyper_4S", 4), ("Animagine-XL-4.0-Hyper-8steps", 8), ("prefectIllustriousXL_v3_hyper8", 8),
        ("Pony Hyper 8 steps", 8), ("HyperVAE_sdxl", None), ("SuperHyperXL_v2", None), ("cineHyperXL", None),
        ("2dn_4SHyper_v1", 4), ("bb95FurryMix_v14Hyper", None), ("indigoFurryMixXL_hyperV2", None),
        ("mistoonAnime_ponyAlphaHyper4", 4),
    ],
    "SDXL-Lightning": [
        ("juggernautXL_v9Rdphoto2Lightning", None), ("DreamShaperXL_Lightning", None),
        ("dreamshaperXL_lightningDPMSDE", None), ("dreamshaperXL_lightningInpaint", None),
        ("RealVisXL_V4.0_Lightning", None), ("realvisxlV50_v50LightningBakedvae", None),
        ("ponyRealism_v21Lightning4SVAE", 4), ("aetherverseLightning_v10", None),
        ("jibMixRealisticXL_v10Lightning46Step", None), ("realismFromHadesXL_lightningV3", None),
        ("lustifySDXLNSFWSFW_v20LIGHTNING", None), ("agxl_LightningV10", None),
        ("babesByStableYogi_v4XLLightning", None), ("realismByStableYogi_v5XLLightning", None),
        ("leosamsHelloworldXL_hw50EulerALightning", None), ("wildcardxXLLIGHTNING_wildcardxXL", None),
        ("againmixsdxl_v4Lightning", None), ("copaxTimelessxlSDXL1_v11Lightning", None),
        ("fluentlyXL_v3Lightning4S", 4), ("realDream_sdxlLightning1LowCFG", None),
        ("unstableIllusionSDXL_sdxlLightningVAE", None),
        ("Juggernaut-XL-v9-RDPhoto2-Lightning_4Step-VAE_Incorporated", 4), ("sdxl_lightning_4step", 4),
        ("sd_xl_lightning_8step", 8), ("SDXLLightning2step", 2), ("epicrealism-lightning-xl", None),
        ("Fluently-XL-v3-Lightning", None), ("DreamShaperXL_Turbo-Lightning", None),
        ("NaturalVision_v2.5_Lightning_8step", 8), ("modelXL_Lightning4Steps", 4), ("novaAnimeXL_lightning4", 4),
        ("FastLightningSDXL", None), ("whimsicalXLlightning_v1", None), ("unet_lightning8step_merged", 8),
        ("dreamshaperXL_sfwLightningDPMSDE", None), ("autismmixSDXL_autismmixLightning", None),
        ("bluePencilXL_v700Lightning", None), ("zonkeyXL_4stepsLightning", 4), ("SDXL-Lightning-8steps-RealVis", 8),
        ("raemuXL_v35Lightning", None), ("HyperRealXL_Lightning", None), ("RealVisXL_V5.0_Lightning_fp16", None),
        ("Hyper_Realistic_Vision_v1_lightning_4step", 4), ("DucHaiten-Real3D-NSFW-XL_Lightning", None),
        ("hyper reality xl lightning", None), ("waiNSFWIllustrious_v140_Lightning", None),
        ("Hyper Photo Lightning 4 step", 4), ("realLightning_XL_v2Lightning", None),
        ("realvisxl5-lightning-8-step", 8), ("photopediaXL_45Lightning", None),
        ("mklanXXXNSFWVersion_v2300Lightning4S", 4),
    ],
    "SDXL-Turbo": [
        ("dreamshaperXL_v21TurboDPMSDE", None), ("dreamshaperXL_turboDpmppSDEKarras", None),
        ("sd_xl_turbo_1.0_fp16", None), ("sd_xl_turbo_1.0", None), ("sdxl_turbo_fp16", None), ("sd_turbo", None),
        ("sdTurbo_v10", None), ("DreamShaperXL_Turbo_v2_1", None), ("RealVisXL_V3.0_Turbo", None),
        ("realvisxlV40_v30TurboBakedvae", None), ("RealVisXLV40Turbo-40", None),
        ("wildcardxXLTURBO_wildcardxXLTURBOV10", None), ("mahuaXLTurbo10_v10", None), ("mahuaXLTurbo_v20", None),
        ("ultraspice_XLturbo_v10", None), ("envysunflowerxl01turbo_v10", None), ("pixelwaveturboExcellent_02", None),
        ("cerberoturboAllInOne_10", None), ("anima008XxmixTurbo_v10", None),
        ("phoenixByArteiaman_v10SDXLTURBO", None), ("turboxl_Ambdreamffxl400", None),
        ("socababesTurboXL_v12Hybrid", None), ("sogniXLturbo_alpha1_ad", None),
        ("turbovisionxlSuperFastXLBasedOnNew_tvxlV431Bakedvae", None), ("STOIQOAfroditeFLUXXL_turboXL31", None),
        ("realvisxlV30Turbo_v30TurboBakedvae", None), ("thinkdiffusionxlTurbo", None), ("sdxl-turbo", None),
        ("stableDiffusionXLTurbo_v10", None), ("juggernautXLTurbo_v1", None), ("kolorsTurbo", None),
        ("z_image_turbo_bf16", None), ("ZavyChromaXL_v8_TurboMix", None), ("samaritan3dCartoon_v40SDXLTurbo", None),
        ("sdxlTurboDPO_v1", None), ("DreamShaper_XL_v2_Turbo_DpmppSDE", None), ("stableCascade_turbo", None),
        ("halcyonSDXL_v1Turbo4Steps", 4), ("zavyYumeXL_turboV1", None),
    ],
    "SD3.5-Turbo": [
        ("sd3.5_large_turbo", None), ("sd3.5m_turbo_8steps", 8), ("sd35_large_turbo_fp8", None),
    ],
    "FLUX.1-Turbo-Alpha": [
        ("flux-unchained-turbo-Q4_0.gguf", None), ("flux.1-lite-8B-alpha-Turbo-8.Steps-Detail.Plus-fp8", 8),
        ("flux1-dev-turbo-alpha-Q8_0", None), ("FLUXturbo_v1", None), ("Flux_Turbo_8step_Q8", 8),
        ("flux-dev-turbo-alpha-merged-fp8", None),
    ],
    "LCM": [
        ("LCM_Dreamshaper_v7", None), ("LCM_Dreamshaper_v7_4k", None), ("dreamshaper_8LCM", None),
        ("DreamShaper8_LCM", None), ("comiccraftLCM_beta4", None), ("cyberphotonlcm_v10", None),
        ("xenogasmLCMEditionSFWNSFW_lcmV5", None), ("frtMixmodelLCM_realisticV10", None), ("madnessLCMV1_v10", None),
        ("3dAnimationDiffusion_lcm", None), ("xxmix9realistic_v40+LCM_LoRA_Weights_SD15.fp16", None),
        ("onlyfornsfw118_v10TurboLCM", None), ("semirealxLCM_v10", None), ("LCMXL_v1", None),
        ("photon_hyper_lcm", None), ("meinahentai_v5LCM", None), ("picxReal_10LCM", None),
        ("epicphotogasm_lcm", None), ("absolutereality_lcm_8s", 8), ("sd15-lcm-merge", None), ("lcm-sdxl", None),
        ("LCM-epicrealism", None), ("absoluteRealityLCM_v1", None),
    ],
    "DMD2": [
        ("lustifySDXLNSFW_ggwpV7-DMD2", None), ("lustifySDXLNSFW_endgameDMD2", None),
        ("cyberrealistic_v70DMD2", None), ("xxxRay_dmd2", None), ("DMD2/lustifySDXLNSFW_v40DMD2.safetensors", None),
        ("dmd2_sdxl_4step_unet_fp16", 4), ("anythingxl_dmd2", None), ("bigLustXL_DMD2-8step", 8),
        ("model_dmd_v2", None), ("waiIllustriousSDXL_v150DMD2", None), ("gonzalomoXLFluxPony_v60UnityXLDMD", None),
        ("splashedMixDMD_v5", None), ("illustriousXL_v01_dmd2_merged", None), ("fastPhotoXL_dmd", None),
        ("DMD2-XL-anime", None), ("dmdAnime_v1", None), ("JuggernautXL_Ragnarok_4step_DMD2_fp16", 4),
    ],
    "PCM": [
        ("realvisXL_PCM_4step", 4), ("dreamshaper8_pcm16step", 16), ("PCM_SDXL_smallcfg_8step_merged", 8),
        ("deliberatePCM_v1", None),
    ],
    "TCD": [
        ("duchaitenAiartSDXL_v33515LightningTCD", None), ("animagineXL_TCD", None), ("ponyXL_tcd_v2", None),
        ("tcd-sdxl-merged-v1", None),
    ],
    "FLUX.1-schnell": [
        ("flux1-schnell-Q4_K_S", None), ("flux1-schnell_fp8", None), ("FLUX.1-schnell-dev-merged-fp8-4step", 4),
        ("flux_dev_schnell_fp8", None), ("FluxFusionV2-Q6_K", None), ("fluxFusionV24StepsGGUFNF4_V2NF4", None),
        ("svdq-int4-flux.1-schnell", None), ("FLUX.1-schnell", None), ("fluxSchnellFp8_v10", None),
        ("schnell_anime_v2", None), ("PixelWave_FLUX.1-schnell_04", None),
    ],
    None: [
        ("hyperrealism_v3", None), ("Hyper Realism XL v2", None), ("hyper-realistic_v3", None),
        ("Hyper Detailed Mix", None), ("hyperspire", None), ("hypernetworkTest", None), ("hyperloraMix", None),
        ("superhyperdetailed", None), ("Hyper3D", None), ("hyperpixel_v10", None), ("hyperfusionFinetune_v7", None),
        ("flux1-dev-hyper-realism", None), ("HyperRealisticMix_v5", None), ("ultraHyperRealisticXL", None),
        ("Hyper Cute Anime", None), ("hyperion_v2", None), ("hypnosisXL_v1", None), ("photoHyperDetailer_sdxl", None),
        ("HyperDimensionXL", None), ("turbulent_v2", None), ("turbochargedAnime", None),
        ("Turbo Diesel Cars XL", None), ("LightningBolt style", None), ("lightning dragon", None),
        ("thunder_and_lightning_v1", None), ("blackLightning_v10", None), ("lightningStrikesXL_v10", None),
        ("pcmcia_v1", None), ("lcmix_v2", None), ("flashback-xl", None), ("realgoodFastpass_beta01", None),
        ("El_Michael_XL_Vpred_v1_no_dmd2", None), ("beyondLCMNonLCM_v10cNonLCM", None),
        ("wan22EnhancedNSFWSVICamera_nolightningSVIFmFp8L", None), ("Flux.1-Dedistilled-Mix-Tuned-fp8", None),
        ("flux-dev-de-distill-Q8_0", None), ("v1-5-pruned-emaonly", None), ("sd_xl_base_1.0", None),
        ("juggernautXL_ragnarokBy", None), ("ponyDiffusionV6XL_v6StartWithThisOne", None),
        ("noobaiXLNAIXL_epsilonPred11Version", None), ("STOIQOAfroditeFLUXXL_XL31", None),
        ("zavychromaxl_v100", None), ("lustifySDXLNSFW_endgame", None), ("flux1-dev-Q4_K_S", None),
        ("calcMachine_v1", None), ("dreamshaper_8", None), ("Lightning McQueen XL", None),
        ("RealisticLightningFX_v2", None), ("copaxTimelessxlSDXL1_v122", None), ("albedobaseXL_v31Large", None),
        ("sdxlUnstableDiffusers_nihilmania", None), ("nightvisionXLPhotorealisticPortrait_v0791Bakedvae", None),
        ("halcyonSDXL_v19", None), ("HYPER_ANIME_V3", None), ("HyperAnimeXL", None), ("StableHyperRealism", None),
        ("LCMix_v1", None), ("turbografx16 style", None), ("Lightning Girl v2", None),
        ("ponyRealism_V22.safetensors", None), ("sdxlYamersRealistic5_v5Rundiffusion", None),
        ("dynavisionXLAllInOneStylized_releaseV0610Bakedvae", None), ("4xUltraSharp", None),
        ("XL_Hyper_Real_v1", None), ("Sdxl Lightning Storm", None), ("sd3_medium_incl_clips", None),
        ("flux1-schnell-dedistilled", None), ("OpenFLUX.1", None), ("starlightXLAnimated_v3", None),
        ("Lightning_Fusion_XL_v1.5", None), ("ntrMIXIllustriousXL_xiii", None), ("fluxedUpFluxNSFW_40DevFp8", None),
        ("hyperbolicTimeChamber", None), ("tPonynai3_v51WeightOptimized", None), ("Hypersonic_v1", None),
        ("crystalClearXL_ccxl", None), ("HYPERREALISM_XL", None), ("realisticStockPhoto_v20", None),
        ("plantMilkModelSuite_walnut", None), ("HyperPhotoXL_v2", None), ("flux1-dev-fp8", None),
        ("PixelWave_FLUX.1-dev_03", None), ("turboCar_v1", None), ("TurboRacer XL", None),
        ("cyberpunkTurbine_v1", None), ("turbineXL", None), ("enlightningXL", None), ("LightningStorm_XL", None),
        ("lightning-in-a-bottle", None), ("Lightning_Wolf_SD15", None), ("ThunderLightning", None),
        ("electricLightningEffects_v1", None), ("hyperlinkXL", None), ("Hyperdreambooth", None),
        ("hyperStyle_v3", None), ("hyperGAN", None), ("HyperTile", None), ("hyperMaleXL_v1", None),
        ("hyperFuta_v2", None), ("HyperBeast_PonyXL", None), ("cyberrealisticXL_v22", None), ("lyriel_v16", None),
        ("flashFusionXL", None), ("quickSilverXL", None), ("speedyMix_8steps", None), ("sdxl_flash_mini", None),
        ("tcdc_xl", None), ("XLCMix", None),
    ],
}  # fmt: skip


ROWS = [(name, maker, steps) for maker, rows in CHECKPOINTS.items() for name, steps in rows]


@pytest.mark.parametrize(("name", "maker", "steps"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_inside_a_checkpoint(name, maker, steps):
    inside = distillation_of(name)
    assert (inside and inside.maker, inside and inside.steps) == (maker, steps)
    assert inside is None or (inside.evidence == "its name" and inside.word in MAKERS)
    for spelled in (
        f"{name}.safetensors",
        f"{name}.safetensors [31e35c80fc]",
        f"fast/{name}.ckpt",
        f"hyper\\{name}.gguf",
    ):
        assert distillation_of(spelled) == inside


def test_there_are_enough_names_and_none_comes_twice():
    names = [name for name, _, _ in ROWS]
    assert len(names) == len(set(names)) >= 320
    assert set(CHECKPOINTS) == {*MAKERS.values(), *TURBOS.values(), None}


def test_every_maker_has_a_recipe_for_every_family_that_it_made_one_for():
    merged = {(r.maker, r.family) for r in CATALOG.recipes if r.kind == "merged"}
    by_name = {r.maker for r in CATALOG.recipes if r.kind == "merged" and not r.bases and not r.words}
    assert by_name == set(CHECKPOINTS) - {None}
    loras = {(r.maker, r.family) for r in CATALOG.recipes if r.is_lora and r.maker != "TDD"}
    nobody_merges = {(HYPER_SD, "sd3"), ("Z-Image-Fun-Distill", "z-image")}
    assert loras - merged == nobody_merges, "a LoRA that keeps guidance; one whose base has a Turbo of its own"


@pytest.mark.parametrize(
    ("name", "family", "recipe"),
    [
        ("epicrealismXL_vxiAbeast4SHyper", "sdxl", "hyper-sdxl-merged"),
        ("realisticVisionV60B1_v51HyperVAE", "sd15", "hyper-sd15-merged"),
        ("flux-hyp8-Q5_K_M.gguf", "flux", "hyper-flux-merged"),
        ("sd_xl_turbo_1.0_fp16", "sdxl", "turbo-sdxl-own"),
        ("dreamshaperXL_v21TurboDPMSDE", "sdxl", "turbo-sdxl-merged"),
        ("sdxl_lightning_4step", "sdxl", "lightning-sdxl-own"),
        ("juggernautXL_v9Rdphoto2Lightning", "sdxl", "lightning-sdxl-merged"),
        ("dmd2_sdxl_4step_unet_fp16", "sdxl", "dmd2-sdxl-merged"),
        ("dreamshaper_8LCM", "sd15", "lcm-sd15-merged"),
        ("flux_dev_schnell_fp8", "flux", "schnell-flux-merged"),
        ("sd3.5m_turbo_8steps", "sd3", "turbo-sd3-merged"),
        ("qwen_image_lightning_8steps_fp8", "qwen-image", "qwen-lightning-merged"),
        ("wan2.2_lightning_merge", "wan", "lightx2v-wan-merged"),
        ("some_lightning", "chroma", None),
        ("dreamshaper_8LCM", "flux", None),
        ("dreamshaper_8LCM", None, None),
    ],
)
def test_the_recipe_of_what_is_inside(name, family, recipe):
    found = recipe_inside(CATALOG, distillation_of(name), family)
    assert (found and found.id) == recipe


@pytest.mark.parametrize(
    ("metadata", "maker", "steps"),
    [
        ({"modelspec.title": "Juggernaut XL Lightning 4 steps"}, "SDXL-Lightning", 4),
        ({"ss_output_name": "my_dmd2"}, "DMD2", None),
        ({"title": "Hyper Realism", "name": "x"}, None, None),
        ({"modelspec.title": "sd_xl_base_1.0", "modelspec.description": "lightning fast turbo"}, None, None),
        ({"sd_merge_models": json.dumps({"ab": {"name": "RealVisXL_V4.0_Lightning.safetensors [abc]", "sd_merge_recipe": None}})}, "SDXL-Lightning", None),
        ({"sd_merge_models": json.dumps({"ab": {"name": "dreamshaper_8", "legacy_hash": "x"}})}, None, None),
        ({"sd_merge_recipe": json.dumps({"type": "webui", "custom_name": "mine_4SHyper", "interp_method": "Weighted sum"})}, "Hyper-SD", 4),
        ({"sd_merge_models": "{", "sd_merge_recipe": "[1, 2]"}, None, None),
        ({"sd_merge_models": json.dumps({"ab": "lightning", "cd": {"name": 4}})}, None, None),
        ({"sd_merge_models": "[" * 100_000}, None, None),
        ({"modelspec.title": 3}, None, None),
    ],
)  # fmt: skip
def test_metadata_comes_before_the_name(metadata, maker, steps):
    inside = distillation_of("renamed", metadata)
    assert (inside and inside.maker, inside and inside.steps) == (maker, steps)
    assert inside is None or inside.evidence == "its metadata"
    named = distillation_of("other_v10_8stepTurboXL", metadata)
    assert named == (inside or Distillation("SDXL-Turbo", 8, "its name", "turbo"))


def test_only_the_beginning_of_a_text_is_a_name():
    assert distillation_of("x", {"modelspec.title": "x " * 200 + "lightning"}) is None


@given(st.text(), st.dictionaries(st.sampled_from(["name", "title", "sd_merge_models", "sd_merge_recipe"]), st.text()))
def test_any_text_is_a_name(text, metadata):
    assert isinstance(words(text), frozenset)
    assert distillation_of(text, metadata) is None or distillation_of(text, metadata).maker in CHECKPOINTS
    assert family_named(text) in {None, *FAMILIES}


@given(st.text(alphabet="hyperlightnuboxlcmdv 0123456789_-.HLTVX~"))
def test_any_join_of_letters_and_digits_is_a_name(text):
    assert distillation_of(text) is None or distillation_of(text).steps in {None, *range(1, 17)}
