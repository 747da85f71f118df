"""The kinds of WebUI that the suite knows: how each is started, what it serves, and why it does not serve the rest."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """How one kind of host is started, and the families it serves: the options that choose each one's checkpoint.

    ``options`` are what its config file holds at first: all that requests override, since a host restores after a
    request only what its file has held. ``upscalers`` are those with which the second pass is checked. ``lacks`` says why
    each of the other families is not served, and ``load`` how many requests many clients send at once: networks of true
    size take four seconds for one.
    """

    name: str
    arguments: tuple[str, ...]
    families: dict[str, dict]
    options: dict
    lacks: dict[str, str]
    upscalers: tuple[str, ...] = ("Latent", "Lanczos")
    load: int = 60


def checkpoint(name: str, *modules: str) -> dict:
    return {"sd_model_checkpoint": name, **({"forge_additional_modules": list(modules)} if modules else {})}


TINY = {
    "sd15": checkpoint("tiny-sd15"),
    "sd15-merged": checkpoint("tiny_4SHyper"),
    "sd15-two": checkpoint("tiny-sd15-two"),
    "sd15-v": checkpoint("tiny-sd15-v"),
    # A1111 makes an image's sampler before it looks at this option, so that only loading a checkpoint with it is sure.
    "sd15-zero-snr": {"sd_noise_schedule": "Zero Terminal SNR", **checkpoint("tiny-sd15-zero-snr")},
    "sd15-inpainting": checkpoint("tiny-sd15-inpainting"),
    "sdxl": checkpoint("tiny-sdxl"),
    "sdxl-fp8": checkpoint("tiny-sdxl-fp8"),
    "sdxl-pruned": checkpoint("tiny-sdxl-pruned"),
    "sd3": checkpoint("tiny-sd3"),
}
SMALL = {
    "sd15": checkpoint("small_sd15"),
    "sd15-merged": checkpoint("small_4SHyper"),
    "sd15-two": checkpoint("small_sd15_two"),
    "sdxl": checkpoint("small_sdxl"),
    "sdxl-v": checkpoint("small_sdxl_v"),
}
PRUNED = {"sdxl-pruned": checkpoint("small_vega"), "sdxl-ssd1b": checkpoint("small_ssd1b")}
CLIP_L, CLIP_G, T5, AE = (f"rand_{name}.safetensors" for name in ("clip_l", "clip_g", "t5xxl", "ae"))
SD3 = {
    "sd3": checkpoint("rand_sd3", CLIP_L, CLIP_G, T5),
    "sd35-large": checkpoint("rand_sd35_large", CLIP_L, CLIP_G, T5),
}
FLUX = {
    "flux": checkpoint("rand_flux", CLIP_L, T5, AE),
    "flux-fp8": checkpoint("rand_flux_fp8", CLIP_L, T5, AE),
    "flux-gguf": checkpoint("rand_flux_Q4_K_S", CLIP_L, T5, AE),
    "flux-canny": checkpoint("rand_flux_canny", CLIP_L, T5, AE),
    "flux-fill": checkpoint("rand_flux_fill", CLIP_L, T5, AE),
    "flux-kontext": checkpoint("rand_flux_kontext", CLIP_L, T5, AE),
}
NF4 = {"flux-nf4": checkpoint("rand_flux_nf4", CLIP_L, T5, AE)}
RECTIFIED = {"sdxl-rectified": checkpoint("small_sdxl_rectified")}

COMMENTS = {"enable_prompt_comments": True}
TINY_FIRST = {**checkpoint("tiny-sd15.safetensors"), "sd_noise_schedule": "Default", **COMMENTS}
SMALL_FIRST = {**checkpoint("small_sd15.safetensors"), "sd_noise_schedule": "Default", **COMMENTS}
NO_DOWNLOAD = "--no-download-sd-model"
FORGE_FIRST = {**SMALL_FIRST, "forge_additional_modules": []}
# Forge Neo asks on its console about the settings of any other version.
NEO_FIRST = {**FORGE_FIRST, "VERSION_UID": "PY313"}
# Why a kind does not serve a family: what it lacks, or what does not fit on a machine of 16 GB.
LARGE = dict.fromkeys(("sd15-v", "sd15-zero-snr", "sd15-inpainting"), "AUTOMATIC1111 runs them")
NO_FP8 = {"sdxl-fp8": "it is asked of AUTOMATIC1111, which has no such option; flux-fp8 is run where there is one"}
NO_SD3 = dict.fromkeys(SD3, "it has no SD3")
# reForge has these networks, and no way to load a checkpoint of them.
NO_MODEL = dict.fromkeys(
    SD3, "its loader fails on every SD3, text encoders inside or not ('Module' object has no attribute 'model')"
)
NO_ENCODERS = dict.fromkeys(
    FLUX | NF4, "its loader gives every other checkpoint the text encoders of SD1.5, SD2 or SDXL"
)
NO_FLUX = dict.fromkeys(FLUX | NF4, "it has no FLUX")
ONLY_WHOLE = dict.fromkeys(PRUNED, "it loads whole SDXL only")
NO_SSD1B = {"sdxl-ssd1b": "it knows SSD-1B at true size only (4 GB); sdxl-pruned stands for it"}
NO_NF4 = {"flux-nf4": "it reads nf4 on CUDA only; Forge can be brought to read it on the CPU"}
NO_RECTIFIED = {"sdxl-rectified": "it has no rectified flow for SDXL"}
NO_KEYS = {"sdxl-v": "it reads no such keys"}

A1111 = Kind(
    "AUTOMATIC1111", (NO_DOWNLOAD, "--use-cpu", "all", "--no-half"), TINY, TINY_FIRST,
    NO_FLUX | NO_SSD1B | NO_RECTIFIED | NO_KEYS | {"sd35-large": "it has no SD3.5"}, load=500,
)  # fmt: skip
FORGE = Kind(
    "Forge",
    (NO_DOWNLOAD, "--always-cpu"),
    {**SMALL, **PRUNED, **SD3, **FLUX, **NF4},
    FORGE_FIRST,
    LARGE | NO_FP8 | NO_RECTIFIED,
)
NEO = Kind(
    "Forge Neo", ("--cpu", "--adv-samplers"), {**SMALL, **RECTIFIED, **FLUX}, NEO_FIRST,
    LARGE | NO_FP8 | NO_SD3 | NO_NF4 | ONLY_WHOLE, ("None",),
)  # fmt: skip
REFORGE = Kind(
    "reForge", (NO_DOWNLOAD, "--always-cpu"), {**SMALL, **PRUNED}, SMALL_FIRST,
    LARGE | NO_FP8 | NO_ENCODERS | NO_RECTIFIED | NO_MODEL,
)  # fmt: skip
CLASSIC = Kind(
    "Forge Classic", (NO_DOWNLOAD, "--always-cpu"), SMALL, SMALL_FIRST,
    LARGE | NO_FP8 | NO_SD3 | NO_FLUX | NO_RECTIFIED | ONLY_WHOLE,
)  # fmt: skip
KINDS = (A1111, FORGE, NEO, REFORGE, CLASSIC)


def kind_of(webui: Path) -> Kind:
    """The kind of a host, by what its folder has."""
    if (webui / "backend").is_dir():
        return NEO if (webui / "modules_forge" / "packages").is_dir() else FORGE
    if not (webui / "modules" / "sd_schedulers.py").exists():
        return CLASSIC
    return REFORGE if (webui / "modules_forge").is_dir() else A1111
