"""The words of a name, and the families that people mean."""

import pytest

from lib_hypersd.files.names import family_named, words
from lib_hypersd.recipes.catalog import FAMILIES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HyperFlux16steps", "hyper flux 16step"), ("hyper_flux_16steps", "hyper flux 16step"),
        ("flux1-dev-16steps", "flux dev 16step"), ("Flux 1 step", "flux 1step"), ("sdxl_hyper_sd_4step_lora", "sdxl hyper sd 4step lora"),
        ("LCM_LoRA_SDv1-5", "lcm lora sd15"), ("Hyper SD1.5", "hyper sd15"), ("hypersd15_2step", "hyper sd15 2step"),
        ("HyperSDXL4StepLoRA", "hyper sdxl 4step lora"), ("DMD2SDXL", "dmd2 sdxl"), ("pcm_SmallCFG", "pcm smallcfg"),
        ("Hyper-SDXL-1step-Unet-ComfyUI.fp16", "hyper sdxl 1step unet comfyui fp16"), ("v51HyperVAE", "v 51 hyper vae"),
        ("4SHyper", "4step hyper"), ("XLLightning", "sdxl lightning"), ("FLUXturbo", "flux turbo"),
        ("Qwen-Image-Edit-2511-Lightning-4steps-V1.0-bf16", "qwen-image edit 2511 lightning 4step v 1 0 bf16"),
        ("qwen_lightning", "qwen-image lightning"), ("zImageTurbo", "z-image turbo"), ("Z-Image-Fun-Lora-Distill-8-Steps", "z-image fun lora distill 8step"),
        ("krea2_turbo", "krea2 turbo"), ("flux1-krea-dev", "flux krea dev"), ("FLUX.2-klein-4B", "flux2 klein 4 b"),
        ("Wan2.2-Lightning_T2V-A14B-4steps", "wan 2 2 lightning t2v a 14 b 4step"), ("lightx2v_I2V_14B", "lightx2v i2v 14 b"),
        ("Wan21_T2V", "wan 21 t2v"), ("ernie-image-turbo", "ernie-image turbo"), ("flux2steps", "flux 2step"),
        ("v21TurboDPMSDE", "v 21 turbo dpmsde"), ("hyperrealism", "hyperrealism"), ("t5xxl", "t 5 xxl"), ("", ""),
    ],
)  # fmt: skip
def test_words_as_people_join_them(name, expected):
    assert words(name) == set(expected.split())


@pytest.mark.parametrize(
    ("text", "family"),
    [
        *((text, "sd15") for text in ("sd15", "SD15", "SD1.5", "sd 1.5", "SD v1.5", "Stable Diffusion 1.5")),
        *((text, "sdxl") for text in ("sdxl", "SDXL", "SDXL 1.0", "SD XL", "xl", "pony", "Pony Diffusion V6 XL", "PONY")),
        *((text, "sdxl") for text in ("illustrious", "Illustrious XL", "IllustriousXL", "NoobAI", "noobai-xl", "NoobAI XL")),
        *((text, "sd3") for text in ("sd3", "SD3", "SD 3", "Stable Diffusion 3")),
        *((text, "flux") for text in ("flux", "FLUX", "FLUX.1-dev", "flux.1-dev", "flux1-dev", "flux dev", "Flux.1 Dev")),
        *((text, None) for text in ("", "sd", "sd2", "SD 2.1", "sd3.5", "flux2-dev", "chroma hd", "sdxl flux", "sdxl turbo")),
        *((text, "flux-schnell") for text in ("FLUX.1-schnell", "flux schnell", "flux.1-schnell", "flux-schnell")),
        *((text, "flux2") for text in ("flux.2", "FLUX.2", "flux 2", "flux2")),
        ("chroma", "chroma"), ("z image", "z-image"), ("ZImage", "z-image"), ("Krea 2", "krea2"), ("WAN", "wan"),
    ],
)  # fmt: skip
def test_families_as_people_write_them(text, family):
    assert family_named(text) == family


def test_every_family_is_understood_as_our_messages_write_it():
    assert {family_named(text) for text in FAMILIES.values()} == set(FAMILIES)
    assert all(family_named(family) == family for family in FAMILIES)
