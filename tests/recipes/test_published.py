"""The published recipes: their numbers are those of their authors."""

import dataclasses

from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.recipe import FAMILIES, HYPER_SD, KINDS, check
from lib_hypersd.sampling.schedules import TIMESTEPS
from tests.plans import BY_ID

# One line of the table of recommendations for every published LoRA and checkpoint:
# steps min–max, recommended steps, weight, CFG, distilled CFG, sampler, schedule, eta.
RECOMMENDED = {
    "Hyper-SD15-1step-lora": (1, 8, 8, 1.0, 1, None, "TCD", "TCD", 1.0),
    "Hyper-SD15-2steps-lora": (2, 2, 2, 1.0, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SD15-4steps-lora": (4, 4, 4, 1.0, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SD15-8steps-lora": (8, 8, 8, 1.0, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SD15-8steps-CFG-lora": (8, 8, 8, 1.0, 5, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SD15-12steps-CFG-lora": (12, 12, 12, 1.0, 5, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-1step-lora": (1, 8, 8, 0.75, 1, None, "TCD", "TCD", 1.0),
    "Hyper-SDXL-2steps-lora": (2, 2, 2, 0.75, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-4steps-lora": (4, 4, 4, 0.75, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-8steps-lora": (8, 8, 8, 0.75, 1, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-8steps-CFG-lora": (8, 8, 8, 0.75, 5, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-12steps-CFG-lora": (12, 12, 12, 0.75, 5, None, "DDIM-Trailing", "Trailing", 0.0),
    "Hyper-SDXL-1step-Unet": (1, 3, 1, None, 1, None, "DDIM-Trailing", "Start at 800", 0.0),
    "Hyper-SDXL-1step-Unet-Comfyui.fp16": (1, 3, 1, None, 1, None, "DDIM-Trailing", "Start at 800", 0.0),
    "Hyper-SD3-4steps-CFG-lora": (4, 4, 4, 0.125, 3, None, "Euler", "Simple", None),
    "Hyper-SD3-8steps-CFG-lora": (6, 8, 8, 0.125, 5, None, "Euler", "Simple", None),
    "Hyper-SD3-16steps-CFG-lora": (12, 16, 16, 0.125, 7, None, "Euler", "Simple", None),
    "Hyper-FLUX.1-dev-8steps-lora": (8, 8, 8, 0.125, 1, 3.5, "Euler", "Simple", None),
    "Hyper-FLUX.1-dev-16steps-lora": (16, 16, 16, 0.125, 1, 3.5, "Euler", "Simple", None),
}
# The neighbours' files: maker, steps min–max, weight, CFG min–max, distilled CFG, sampler, schedule, eta.
NEIGHBOURS = {
    **{
        f"sdxl_lightning_{n}step_lora": ("SDXL-Lightning", n, n, 1, 1, 1.5, None, "Euler", "Trailing", None)
        for n in (2, 4, 8)
    },
    "dmd2_sdxl_4step_lora": ("DMD2", 4, 4, 1, 1, 1, None, "TCD", "Trailing", 1),
    "dmd2_sdxl_4step_lora_fp16": ("DMD2", 4, 4, 1, 1, 1, None, "TCD", "Trailing", 1),
    "lcm-lora-sdv1-5": ("LCM", 4, 8, 1, 1, 2, None, "LCM", "TCD", None),
    "lcm-lora-sdxl": ("LCM", 4, 8, 1, 1, 2, None, "LCM", "TCD", None),
    "TCD-SD15-LoRA": ("TCD", 4, 50, 1, 1, 1, None, "TCD", "TCD", 0.3),
    "TCD-SDXL-LoRA": ("TCD", 4, 50, 1, 1, 1, None, "TCD", "TCD", 0.3),
    **{
        f"pcm_{family}_{cfg}cfg_{n}step_converted": ("PCM", n, n, 1, *span, None, "DDIM-Trailing", "Trailing", 0)
        for family in ("sd15", "sdxl")
        for cfg, span, counts in (("small", (1, 2), (2, 4, 8, 16)), ("normal", (2, 9), (4, 8, 16)))
        for n in counts
    },
    "FLUX.1-Turbo-Alpha": ("FLUX.1-Turbo-Alpha", 8, 8, 1, 1, 1, 3.5, "Euler", "Simple", None),
    "TDD-FLUX.1-dev-lora-beta": ("TDD", 8, 8, 0.125, 1, 1, 2, "Euler", "Simple", None),
    "FLUX.1-dev_tdd_adv_lora_weights": ("TDD", 8, 8, 0.125, 1, 1, 2, "Euler", "Simple", None),
}
NEIGHBOURS |= {
    **{
        f"Qwen-Image-{edit}Lightning-{n}steps-V1.0": (
            "Qwen-Image-Lightning", n, n, 1, 1, 1, None, "Euler", "Simple", None
        )
        for edit in ("", "Edit-") for n in (4, 8)
    },
    **dict.fromkeys(
        (
            "wan2.1_t2v_14b_lora_rank64_lightx2v_4step", "wan2.1_i2v_lora_rank64_lightx2v_4step",
            *(f"wan2.2_t2v_A14b_{noise}_noise_lora_rank64_lightx2v_4step_1217" for noise in ("high", "low")),
            *(f"wan2.2_i2v_A14b_{noise}_noise_lora_rank64_lightx2v_4step_1022" for noise in ("high", "low")),
            *(f"Wan2.2-Lightning_{k}-A14B-4steps-lora_{n}_fp16" for k in ("T2V", "I2V") for n in ("HIGH", "LOW")),
        ),
        ("LightX2V", 4, 4, 1, 1, 1, None, "Euler", "Simple", None),
    ),
    "chroma-unlocked-v47-flash-heun-8steps-cfg1_r96-fp32": (
        "Chroma-Flash", 8, 8, 1, 1, 1, None, "Heun", "Simple", None
    ),
    **{
        f"Z-Image-Fun-Lora-Distill-{n}-Steps-2603-ComfyUI": (
            "Z-Image-Fun-Distill", n, n, weight, 1, 1, None, "Euler", "Simple", None
        )
        for n, weight in ((2, 1), (4, 1), (8, 0.8))
    },
    "anima-turbo-lora-v0.2": ("Anima-Turbo", 8, 12, 1, 1, 1, None, "Euler", "Simple", None),
}  # fmt: skip
# What is already inside a checkpoint: maker, family, steps min–max, recommended steps, CFG min, CFG, CFG max, distilled
# CFG, sampler, schedule, eta.
INSIDE = {
    "hyper-sd15-merged": (HYPER_SD, "sd15", 1, 8, 8, 1, 1, 2, None, "DDIM-Trailing", "Trailing", 0),
    "hyper-sdxl-merged": (HYPER_SD, "sdxl", 1, 8, 8, 1, 1, 2, None, "DDIM-Trailing", "Trailing", 0),
    "hyper-flux-merged": (HYPER_SD, "flux", 8, 16, 8, 1, 1, 1, 3.5, "Euler", "Simple", None),
    "lightning-sdxl-own": ("SDXL-Lightning", "sdxl", 2, 8, 4, 1, 1, 1.5, None, "Euler", "Trailing", None),
    "lightning-sdxl-merged": ("SDXL-Lightning", "sdxl", 3, 9, 6, 1, 1.5, 2, None, "DPM++ SDE", "Karras", None),
    "turbo-sdxl-own": ("SDXL-Turbo", "sdxl", 1, 4, 4, 1, 1, 1, None, "Euler a", "Trailing", None),
    "turbo-sdxl-merged": ("SDXL-Turbo", "sdxl", 4, 8, 8, 1, 2, 2.5, None, "DPM++ SDE", "Karras", None),
    "dmd2-sdxl-merged": ("DMD2", "sdxl", 4, 8, 8, 1, 1, 1.8, None, "TCD", "Trailing", 1),
    **{f"lcm-{f}-merged": ("LCM", f, 4, 12, 8, 1, 1.5, 2.5, None, "LCM", "TCD", None) for f in ("sd15", "sdxl")},
    **{f"tcd-{f}-merged": ("TCD", f, 4, 50, 8, 1, 1, 1, None, "TCD", "TCD", 0.3) for f in ("sd15", "sdxl")},
    **{
        f"pcm-{f}-merged": ("PCM", f, 2, 16, 4, 1, 1, 2, None, "DDIM-Trailing", "Trailing", 0) for f in ("sd15", "sdxl")
    },
    "turbo-sd3-merged": ("SD3.5-Turbo", "sd3", 4, 8, 8, 1, 1, 1.5, None, "Euler", "Simple", None),
    "schnell-flux-merged": ("FLUX.1-schnell", "flux", 4, 8, 6, 1, 1, 1, 3.5, "Euler", "Simple", None),
    "turbo-alpha-flux-merged": ("FLUX.1-Turbo-Alpha", "flux", 8, 8, 8, 1, 1, 1, 3.5, "Euler", "Simple", None),
    "qwen-lightning-merged": ("Qwen-Image-Lightning", "qwen-image", 4, 8, 8, 1, 1, 1, None, "Euler", "Simple", None),
    "lightx2v-wan-merged": ("LightX2V", "wan", 4, 8, 4, 1, 1, 1, None, "Euler", "Simple", None),
}
# Checkpoints that their own makers have distilled: the same, with the shift for the distilled CFG, and which they are.
OWN = {
    "schnell-own": ("FLUX.1-schnell", "flux-schnell", 1, 4, 4, 1, 1, 1, None, "Euler", "Simple", ["FLUX.1-schnell"]),
    "klein-own": (
        "FLUX.2-klein", "flux2", 4, 8, 4, 1, 1, 1, None, "Euler", "Simple", ["FLUX.2-klein 4B", "FLUX.2-klein 9B"],
    ),
    "flash-chroma-own": ("Chroma-Flash", "chroma", 8, 12, 8, 1, 1, 1, None, "Heun", "Simple", ["Chroma-Flash"]),
    "z-image-turbo-own": ("Z-Image-Turbo", "z-image", 8, 12, 8, 1, 1, 1, 3, "Euler", "Simple", ["Z-Image-Turbo"]),
    "krea2-turbo-own": ("Krea 2 Turbo", "krea2", 8, 8, 8, 1, 1, 1, None, "Euler", "Simple", ["Krea 2 Turbo"]),
    "ernie-image-turbo-own": (
        "ERNIE-Image-Turbo", "ernie-image", 8, 8, 8, 1, 1, 1, 3, "Euler", "Simple", ["ERNIE-Image-Turbo"],
    ),
    "anima-turbo-own": ("Anima-Turbo", "anima", 8, 12, 10, 1, 1, 1, 3, "Euler", "Simple", ["Anima-Turbo"]),
    "turbo-sd35-large-own": (
        "SD3.5-Turbo", "sd35-large", 4, 8, 4, 1, 1, 1.5, None, "Euler", "Simple", ["SD3.5 large Turbo"],
    ),
    "pid-own": ("PiD", "pid", 4, 4, 4, 1, 1, 1, 1.5, "LCM", "Simple", ["PiD"]),
}  # fmt: skip
# The shift of the LoRAs that have one, and what they were made for where a family has several.
SHIFTS = {"LightX2V": 5, "Z-Image-Fun-Distill": 3, "Anima-Turbo": 3}
BASES = {
    "hyper-flux-8steps": "FLUX.1-dev", "hyper-flux-16steps": "FLUX.1-dev", "turbo-alpha-flux": "FLUX.1-dev",
    "tdd-flux-beta": "FLUX.1-dev", "tdd-flux": "FLUX.1-dev", "turbo-anima": "Anima",
    **{f"qwen-lightning-{n}steps": "Qwen-Image" for n in (4, 8)},
    **{f"qwen-edit-lightning-{n}steps": "Qwen-Image-Edit" for n in (4, 8)},
    **{f"fun-distill-z-image-{n}steps": "Z-Image" for n in (2, 4, 8)},
    **{f"lightx2v-wan21-{kind}2v": f"Wan 2.1 {kind.upper()}2V" for kind in "ti"},
    **{
        f"{maker}-wan22-{kind}2v-{noise}": f"Wan 2.2 {kind.upper()}2V, {noise} noise"
        for maker in ("lightx2v", "lightning") for kind in "ti" for noise in ("high", "low")
    },
}  # fmt: skip
# Samplers and schedules that AUTOMATIC1111 and Forge have, and ours.
SAMPLERS = {"Euler", "Heun", "Euler a", "DPM++ SDE", "LCM", "TCD", "DDIM-Trailing"}
SCHEDULES = {"Karras", "Trailing", "TCD", "Start at 800", "Simple"}


def stem(recipe):
    return recipe.file.removesuffix(".safetensors")


def test_every_published_file_has_the_settings_of_its_authors():
    table = {
        stem(r): (r.steps_min, r.steps_max, r.steps, r.weight, r.cfg, r.distilled_cfg, r.sampler, r.schedule, r.eta)
        for r in published().recipes
        if r.file and r.maker == HYPER_SD
    }
    assert table == RECOMMENDED


def test_the_neighbours_have_the_settings_of_theirs_and_come_after():
    makers = [r.maker for r in published().recipes]
    assert HYPER_SD not in makers[makers.index("SDXL-Lightning") :]
    table = {
        stem(r): (
            r.maker, r.steps_min, r.steps_max, r.weight, r.cfg_min, r.cfg_max, r.distilled_cfg, r.sampler, r.schedule, r.eta
        )
        for r in published().recipes if r.is_lora and r.maker != HYPER_SD
    }  # fmt: skip
    assert table == NEIGHBOURS


def test_what_is_already_inside_a_checkpoint_has_the_settings_of_those_who_made_it():
    table = {
        r.id: (
            r.maker, r.family, r.steps_min, r.steps_max, r.steps, r.cfg_min, r.cfg, r.cfg_max, r.distilled_cfg,
            r.sampler, r.schedule, r.eta,
        )
        for r in published().recipes if r.kind == "merged" and not r.bases
    }  # fmt: skip
    assert table == INSIDE
    inside = [r for r in published().recipes if r.id in INSIDE]
    assert not any(r.is_lora or r.weight or r.can_be_fetched for r in inside)
    assert {r.id for r in inside if r.words} == {"qwen-lightning-merged", "lightx2v-wan-merged"}
    own = {r.id: r.file for r in published().recipes if r.kind == "merged" and r.file}
    assert own == {
        "lightning-sdxl-own": "sdxl_lightning_4step.safetensors",
        "turbo-sdxl-own": "sd_xl_turbo_1.0_fp16.safetensors",
    }


def test_what_its_own_makers_have_distilled_has_their_settings():
    table = {
        r.id: (
            r.maker, r.family, r.steps_min, r.steps_max, r.steps, r.cfg_min, r.cfg, r.cfg_max, r.shift, r.sampler,
            r.schedule, r.bases,
        )
        for r in published().recipes if r.kind == "merged" and r.bases
    }  # fmt: skip
    assert table == OWN
    assert not any(r.is_lora or r.weight or r.words or r.can_be_fetched for r in published().recipes if r.id in OWN)


def test_what_a_lora_was_made_for_and_its_shift():
    loras = [r for r in published().recipes if r.is_lora]
    assert {r.id: r.bases for r in loras if r.bases} == {name: [base] for name, base in BASES.items()}
    assert {r.maker: r.shift for r in loras if r.shift} == SHIFTS
    hyper = BY_ID["hyper-flux-8steps"]
    assert hyper.made_for("FLUX.1-dev") and hyper.made_for(None) and not hyper.made_for("FLUX.1-Kontext")
    assert BY_ID["hyper-sdxl-8steps"].made_for("SDXL with v-prediction")


def test_where_there_is_an_eta_to_set():
    takes = {r.id for r in published().recipes if r.takes_eta}
    unified = {f"hyper-{family}-unified" for family in ("sd15", "sdxl")}
    assert takes == unified | {f"tcd-{family}{end}" for family in ("sd15", "sdxl") for end in ("", "-merged")}
    assert all((r.eta_min, r.eta_max) == (0, 1) for r in published().recipes if r.takes_eta)
    assert not dataclasses.replace(BY_ID["hyper-sdxl-unified"], eta=0.5, eta_min=0.5, eta_max=0.5).takes_eta


def test_dmd2_visits_the_timesteps_of_its_model_card():
    assert TIMESTEPS["Trailing"](4, 1.0, 1000) == [999, 749, 499, 249]
    assert TIMESTEPS["TCD"](4, 1.0, 50) == [49, 37, 24, 12], "LCM's 999, 759, 499, 259 on the hosts' grid of 50"


def test_the_catalog_is_sound():
    recipes = published().recipes
    assert len({r.id for r in recipes}) == len(recipes) and not published().problems
    for recipe in recipes:
        check(recipe)
        assert recipe.source, f"{recipe.id} does not say where its settings come from"
        if recipe.file and recipe.maker == HYPER_SD:
            assert len(recipe.sha256) == 64 and int(recipe.sha256, 16) and recipe.bytes > 2**20
            assert recipe.addnet is None or (len(recipe.addnet) == 12 and int(recipe.addnet, 16))
    hashes = [h for r in recipes for h in (r.sha256, r.superseded_sha256) if h]
    assert all(len(h) == 64 and int(h, 16) for h in hashes) and len(set(hashes)) == len(hashes)
    assert len({r.sha256 for r in recipes if r.sha256 and r.maker == HYPER_SD}) == 19
    assert {r.sampler for r in recipes} == SAMPLERS and {r.schedule for r in recipes} == SCHEDULES
    assert {r.family for r in recipes} == set(FAMILIES) and {r.kind for r in recipes} == set(KINDS)


def test_no_two_files_that_can_be_fetched_get_one_name_and_all_are_hyper_sds():
    fetched = [r for r in published().recipes if r.can_be_fetched]
    names = [r.file.lower() for r in published().recipes if r.file]
    assert len(fetched) == 18 and {r.repository for r in fetched} == {"ByteDance/Hyper-SD"}
    assert all(names.count(r.file.lower()) == 1 for r in fetched)
