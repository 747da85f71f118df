"""What a checkpoint's layers leave open, and its metadata, its name or tensors beside its network tell."""

import pytest

from lib_hypersd.files.architectures import architecture_of
from tests.checkpoints import LAYOUTS, NETWORK, listed
from tests.files.headers import id_of
from tests.live.layouts import under

# What the layers leave open.


@pytest.mark.parametrize(
    ("layout", "text", "found"),
    [
        ("flux-dev", "flux1-dev-kontext_fp8_scaled", "flux-kontext"),
        ("flux-dev", "FLUX.1-Krea-dev", "flux-krea"),
        ("flux-dev", "flux1-krea-dev-Q4_K_S", "flux-krea"),
        ("flux-dev", "someMix_v2", "flux-dev"),
        ("flux-control", "flux1-canny-dev", "flux-canny"),
        ("flux-control", "flux1DepthDev_v10", "flux-depth"),
        ("flux-lite", "Flex.1-alpha", "flex"),
        ("flux-lite", "flux.1-lite-8B-alpha", "flux-lite"),
        ("flux-dev", "svdq-int4_r32-flux.1-kontext-dev", "flux-kontext"),
        ("flux-schnell", "OpenFLUX.1-fp8", "flux-schnell-dedistilled"),
        ("flux-schnell", "flux1-schnell-dedistilled", "flux-schnell-dedistilled"),
        ("flux-schnell", "shuttle-3-diffusion", "flux-schnell"),
        ("flux2-klein-4b", "flux-2-klein-4b-fp8", "flux2-klein-4b"),
        ("flux2-klein-4b", "flux-2-klein-base-4b", "flux2-klein-base-4b"),
        ("flux2-klein-9b", "FLUX.2-klein-base-9B-Q5_K_M", "flux2-klein-base-9b"),
        ("flux2-klein-9b", "flux-2-klein-9b-kv", "flux2-klein-9b"),
        ("chroma", "Chroma1-HD-Flash", "chroma-flash"),
        ("chroma", "chroma-unlocked-v48-detail-calibrated", "chroma"),
        ("lumina2", "NetaYumev35_pretrained_unet", "neta-lumina"),
        ("lumina2", "neta-lumina-v1.0", "neta-lumina"),
        ("lumina2", "lumina_2", "lumina2"),
        ("z-image", "z_image_turbo_bf16", "z-image-turbo"),
        ("z-image", "zImageTurbo_v10", "z-image-turbo"),
        ("z-image", "svdq-int4_r128-z-image-turbo", "z-image-turbo"),
        ("z-image", "moodyMix_zitV7", "z-image-turbo"),
        ("z-image", "z_image_bf16", "z-image"),
        ("z-image", "z_image_de_turbo_v1", "z-image"),
        ("z-image", "Z-Image-Base-fp8", "z-image"),
        ("qwen-image", "qwen_image_edit_2509_fp8_e4m3fn", "qwen-image-edit"),
        ("qwen-image", "Qwen-Image-Edit-Q4_K_M", "qwen-image-edit"),
        ("qwen-image", "qwen_image_2512_fp8", "qwen-image"),
        ("anima", "anima-turbo", "anima-turbo"),
        ("anima", "anima-base-v1.0", "anima"),
        ("krea2", "krea2_turbo_fp8_scaled", "krea2-turbo"),
        ("krea2", "Krea-2-Raw", "krea2-raw"),
        ("krea2", "someMix", "krea2"),
        ("ernie-image", "ernie-image-turbo-fp8", "ernie-image-turbo"),
        ("ernie-image", "ernie-image", "ernie-image"),
        ("sd35-large", "sd3.5_large_turbo", "sd35-large-turbo"),
        ("sd2", "v2-1_768-ema-pruned", "sd2-v"),
        ("sd2", "v2-1_512-ema-pruned", "sd2-base"),
        ("sd2", "stable-diffusion-v2-768-v", "sd2-v"),
        ("sd2", "someMix", "sd2"),
        ("sdxl", "NoobAI-XL-Vpred-v1.0", "sdxl-v"),
        ("sdxl", "noobaiXLNAIXL_vPred10Version", "sdxl-v"),
        ("sdxl", "animagine-v3", "sdxl"),
        ("sdxl", "ChenkinNoob-XL-V0.2-Rectified-Flow", "sdxl-flow"),
        ("sdxl", "noobRectifiedFlow_v1", "sdxl-flow"),
        ("sdxl", "playground-v2.5-1024px-aesthetic", "playground-2.5"),
        ("sdxl", "playground-v2-1024px-aesthetic", "sdxl"),
        ("sdxl", "perfectRealism", "sdxl"),
        ("sd1", "fluffyrock_vpred_e75", "sd1-v"),
        ("wan", "wan2.2_t2v_high_noise_14B", "wan22-high"),
        ("wan", "Wan2.2-T2V-A14B-LowNoise-Q8_0", "wan22-low"),
        ("wan", "wan2.2_AIO", "wan22"),
        ("wan22-i2v", "Wan2_2-I2V-A14B_HIGH_fp8", "wan22-i2v-high"),
        ("wan22-i2v", "wan2.2_i2v_low_noise_14B", "wan22-i2v-low"),
        ("wan", "Wan2_1-T2V-14B_fp8", "wan21"),
        ("wan", "t2v_low_noise_14B_fp16", "wan22-low"),
    ],
)
def test_titles_and_names_tell_what_layers_do_not(layout, text, found):
    for metadata, name, evidence in (({"modelspec.title": text}, "renamed", "metadata"), ({}, text, "file name")):
        one = architecture_of(listed(LAYOUTS[layout]), metadata, name)
        assert (one.id, one.evidence) == (found, "header" if found == layout else evidence)


def test_layers_come_before_metadata_and_metadata_before_the_name():
    assert id_of(LAYOUTS["flux-fill"], {"modelspec.title": "kontext"}, "flux-krea") == "flux-fill"
    assert id_of(LAYOUTS["flux-dev"], {"modelspec.title": "FLUX.1 Kontext"}, "flux-krea") == "flux-kontext"


@pytest.mark.parametrize(
    ("layout", "prediction", "found"),
    [("sdxl", "v", "sdxl-v"), ("sdxl", "v_prediction", "sdxl-v"), ("sdxl", "epsilon", "sdxl"), ("sd2", "v", "sd2-v"),
     ("sdxl", "rectified_flow", "sdxl-flow"), ("sdxl", "flow", "sdxl-flow"), ("sd2", "epsilon", "sd2-base")],
)  # fmt: skip
def test_the_metadatas_prediction_counts(layout, prediction, found):
    assert id_of(LAYOUTS[layout], {"modelspec.prediction_type": prediction, "modelspec.title": "V"}) == found


@pytest.mark.parametrize(
    ("keys", "found", "prediction"),
    [
        (["v_pred"], "sdxl-v", "v_prediction"),
        (["v_pred", "ztsnr"], "sdxl-v-zero-snr", "v_prediction"),
        (["ztsnr"], "sdxl", "epsilon"),
        (["edm_vpred.sigma_max"], "sdxl-v", "v_prediction"),
        (["edm_mean", "edm_std"], "playground-2.5", "edm"),
        (["edm_mean"], "sdxl", "epsilon"),
    ],
)
def test_tensors_beside_sdxls_network_tell_its_prediction(keys, found, prediction):
    one = architecture_of(listed(under(NETWORK, LAYOUTS["sdxl"]) | dict.fromkeys(keys, ())))
    assert (one.id, one.prediction) == (found, prediction)


def test_inpainting_with_v_prediction_predicts_v():
    one = architecture_of(listed(LAYOUTS["sdxl-inpainting"] | {"v_pred": ()}))
    assert (one.id, one.prediction) == ("sdxl-inpainting", "v_prediction")
