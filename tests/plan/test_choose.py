"""Which recipe and which file."""

import dataclasses

import pytest

from lib_hypersd.plan import File, Model, NoPlan, Request, make_plan
from lib_hypersd.recipes.catalog import FAMILIES, HYPER_SD, Catalog, Recipe
from lib_hypersd.recipes.settings import VARIANTS, Settings
from tests.plans import BY_ID, CATALOG, DDIM, FLOW, TCD, file, plan, summary


@pytest.mark.parametrize(
    ("family", "fixed", "expected"),
    [
        ("sdxl", {}, ("Hyper-SDXL-8steps-lora", 8, 0.75, 1, *DDIM)),
        ("sdxl", {"steps": 1}, ("Hyper-SDXL-1step-lora", 1, 0.75, 1, *TCD)),
        ("sdxl", {"steps": 2}, ("Hyper-SDXL-2steps-lora", 2, 0.75, 1, *DDIM)),
        ("sdxl", {"steps": 3}, ("Hyper-SDXL-1step-lora", 3, 0.75, 1, *TCD)),
        ("sdxl", {"steps": 12}, ("Hyper-SDXL-12steps-CFG-lora", 12, 0.75, 5, *DDIM)),
        ("sdxl", {"variant": "cfg"}, ("Hyper-SDXL-8steps-CFG-lora", 8, 0.75, 5, *DDIM)),
        ("sdxl", {"variant": "cfg", "steps": 12}, ("Hyper-SDXL-12steps-CFG-lora", 12, 0.75, 5, *DDIM)),
        ("sdxl", {"variant": "unified", "steps": 4}, ("Hyper-SDXL-1step-lora", 4, 0.75, 1, *TCD)),
        ("sdxl", {"cfg": 4.0}, ("Hyper-SDXL-8steps-CFG-lora", 8, 0.75, 4.0, *DDIM)),
        ("sdxl", {"cfg": 1.5, "steps": 4}, ("Hyper-SDXL-4steps-lora", 4, 0.75, 1.5, *DDIM)),
        ("sdxl", {"steps": 5, "eta": 0.3}, ("Hyper-SDXL-1step-lora", 5, 0.75, 1, "TCD", "TCD", 0.3)),
        ("sdxl", {"steps": 5, "eta": 0.0}, ("Hyper-SDXL-1step-lora", 5, 0.75, 1, "TCD", "TCD", 0.0)),
        ("sd15", {}, ("Hyper-SD15-8steps-lora", 8, 1.0, 1, *DDIM)),
        ("sd15", {"steps": 4, "weight": 0.8}, ("Hyper-SD15-4steps-lora", 4, 0.8, 1, *DDIM)),
        ("sd15", {"weight": 0.0}, ("Hyper-SD15-8steps-lora", 8, 0.0, 1, *DDIM)),
        ("sd3", {}, ("Hyper-SD3-8steps-CFG-lora", 8, 0.125, 5, *FLOW)),
        ("sd3", {"steps": 4}, ("Hyper-SD3-4steps-CFG-lora", 4, 0.125, 3, *FLOW)),
        ("sd3", {"steps": 6}, ("Hyper-SD3-8steps-CFG-lora", 6, 0.125, 5, *FLOW)),
        ("sd3", {"steps": 16}, ("Hyper-SD3-16steps-CFG-lora", 16, 0.125, 7, *FLOW)),
        ("flux", {}, ("Hyper-FLUX.1-dev-8steps-lora", 8, 0.125, 1, *FLOW)),
        ("flux", {"steps": 16, "variant": "fixed"}, ("Hyper-FLUX.1-dev-16steps-lora", 16, 0.125, 1, *FLOW)),
    ],
)
def test_recommended_settings(family, fixed, expected):
    assert summary(plan(family, **fixed)) == expected


def test_flux_gets_its_distilled_guidance():
    assert plan("flux").distilled_cfg == 3.5 and plan("sdxl").distilled_cfg is None


def test_the_sentence_says_what_is_done_and_why():
    assert plan(steps=4).sentence == (
        "4 steps with Hyper-SDXL-4steps-lora at weight 0.75: DDIM-Trailing on the schedule Trailing, CFG 1. "
        "The LoRA was made for exactly 4 steps."
    )
    assert plan(steps=1).sentence == (
        "1 step with Hyper-SDXL-1step-lora at weight 0.75: TCD on the schedule TCD, eta 1, CFG 1. The LoRA serves 1 to 8 steps."
    )
    assert "distilled CFG 3.5" in plan("flux").sentence


def test_the_lora_nearest_to_8_steps_is_taken_of_those_at_hand():
    assert plan(files=[file("hyper-sdxl-2steps"), file("hyper-sdxl-4steps")]).file == "Hyper-SDXL-4steps-lora"
    assert plan(files=[file("hyper-sdxl-4steps"), file("hyper-sdxl-unified")]).file == "Hyper-SDXL-1step-lora"
    assert plan(files=[file("hyper-sdxl-8steps-cfg")]).cfg == 5
    assert plan(files=[file("hyper-sdxl-unified"), file("hyper-sdxl-8steps")]).file == "Hyper-SDXL-8steps-lora"

    def recipe_for(steps):
        return File(f"{steps}", dataclasses.replace(BY_ID["hyper-sdxl-8steps"], steps_min=1, steps_max=16, steps=steps))

    def nearest(*counts):
        mine = [recipe_for(steps) for steps in counts]
        catalog = Catalog(tuple(file.recipe for file in mine))
        return make_plan(Request(Settings(True), Model("sdxl"), mine), catalog).steps

    assert nearest(5, 10) == nearest(10, 5) == 10 and nearest(6, 11) == nearest(11, 6) == 6


def test_a_lora_that_needs_no_other_cfg_than_1_comes_first_unless_one_is_set():
    guided, other, plain = file("hyper-sdxl-8steps-cfg"), file("hyper-sdxl-2steps"), file("hyper-sdxl-8steps")
    assert plan(files=[guided, other]).file == "Hyper-SDXL-2steps-lora"
    for cfg in (3.0, 8.0):
        assert plan(files=[plain, guided], cfg=cfg).file == "Hyper-SDXL-8steps-CFG-lora"
        assert plan(files=[file("hyper-sdxl-8steps", "aaa"), guided], cfg=cfg).file == "Hyper-SDXL-8steps-CFG-lora"
    assert plan(files=[guided, plain], cfg=1.5).file == "Hyper-SDXL-8steps-lora"
    last = file("hyper-sdxl-8steps", "zzz")
    assert plan(files=[guided, last], cfg=1.0).file == plan(files=[guided, last], cfg=1.5).file == "zzz"


def test_a_renamed_file_is_used_under_its_name():
    renamed = plan(files=[file("hyper-sdxl-8steps", "my fast lora")])
    assert renamed.file == "my fast lora" and renamed.edit("a cat") == "<lora:my fast lora:0.75> a cat"


def test_a_missing_file_is_named_with_its_size_its_source_and_what_there_is_instead():
    refused = plan(steps=8, files=[file("hyper-sdxl-4steps"), file("hyper-sd15-8steps")])
    assert refused.problem == (
        "Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among the LoRAs; put it into the LoRA folder and refresh. "
        "It is published at huggingface.co/ByteDance/Hyper-SD. Installed for SDXL: Hyper-SDXL-4steps-lora (4 steps)."
    )
    assert refused.missing.id == "hyper-sdxl-8steps"
    assert plan(files=[]).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among the LoRAs")
    assert plan(files=[], prompt="<lora:Hyper-SDXL-2steps-lora:1>").missing.id == "hyper-sdxl-2steps"
    others = plan(files=[], prompt="<lora:lcm-lora-sdxl:1>")
    assert others.missing is None and others.problem.startswith("lcm-lora-sdxl.safetensors (394 MB) is not among")
    assert plan(steps=9).missing is None and plan(steps=8).missing is None, "no file would help, or none is needed"


@pytest.mark.parametrize(
    ("fixed", "problem"),
    [
        (
            {"family": None, "model": "v2-1_768"},
            "Hyper-SD was made for SD1.5, SDXL, SD3, FLUX.1-dev, and v2-1_768 is none of these.",
        ),
        ({"steps": 9}, "No Hyper-SD for SDXL serves 9 steps; 1 to 8, 12 do."),
        ({"steps": 3, "variant": "fixed"}, "No fixed-step Hyper-SD for SDXL serves 3 steps; 2, 4, 8 do."),
        ({"steps": 1, "variant": "cfg"}, "No CFG-preserved Hyper-SD for SDXL serves 1 step; 8, 12 do."),
        ({"steps": 9, "variant": "unified"}, "No unified Hyper-SD for SDXL serves 9 steps; 1 to 8 do."),
        (
            {"family": "flux", "variant": "cfg"},
            f"For FLUX.1-dev no Hyper-SD of the kind “{VARIANTS['cfg']}” was published.",
        ),
        (
            {"family": "sd3", "variant": "merged"},
            f"For SD3 no Hyper-SD of the kind “{VARIANTS['merged']}” was published.",
        ),
        (
            {"file": "nonsense"},
            "nonsense is not a LoRA with a known recipe; give it the name under which it was published.",
        ),
        (
            {"file": "Hyper-SD15-4steps-lora"},
            "Hyper-SD15-4steps-lora was made for SD1.5, and the loaded checkpoint is SDXL.",
        ),
        (
            {"file": "Hyper-SDXL-1step-Unet-Comfyui.fp16"},
            "Hyper-SDXL-1step-Unet-Comfyui.fp16 is a checkpoint, not a LoRA",
        ),
        (
            {"file": "Hyper-SDXL-1step-Unet"},
            "Hyper-SDXL-1step-Unet is a UNet in a form that no WebUI loads, not a LoRA",
        ),
        (
            {"prompt": "<lora:Hyper-SDXL-4steps-lora:heavy>"},
            "The weight in <lora:Hyper-SDXL-4steps-lora:heavy> is no number.",
        ),
        (
            {"prompt": "<lora:Hyper-SDXL-4steps-lora:nan>"},
            "The weight in <lora:Hyper-SDXL-4steps-lora:nan> is no number.",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_a_sentence(fixed, problem):
    refused = plan(**fixed)
    assert refused.problem.startswith(problem) and refused.sentence == refused.problem and isinstance(refused, NoPlan)


def test_a_users_recipe_is_planned_like_ours():
    mine = Recipe("mine", "sdxl", "fixed", 6, 6, 6, 2.0, 1.0, 3.0, "Euler", "Trailing", weight=0.9, words="mine")
    catalog = Catalog((*CATALOG.recipes, mine))
    result = make_plan(Request(Settings(True, steps=6, variant="fixed"), Model("sdxl"), [File("Mine", mine)]), catalog)
    assert summary(result) == ("Mine", 6, 0.9, 2.0, "Euler", "Trailing", None)
    refused = make_plan(Request(Settings(True, steps=6, variant="fixed"), Model("sdxl"), []), catalog)
    assert refused.problem == "mine is not among the LoRAs; put it into the LoRA folder and refresh."
    sized = Catalog((dataclasses.replace(mine, bytes=1_500_001),))
    refused = make_plan(Request(Settings(True, steps=6, variant="fixed"), Model("sdxl"), []), sized)
    assert refused.problem.startswith("mine (2 MB) is not among the LoRAs;"), "a megabyte is a million bytes"
    assert make_plan(Request(Settings(True), Model("sdxl")), catalog).file == "Hyper-SDXL-8steps-lora", (
        "it names no file, so it is not among all that are published"
    )


def test_a_catalog_without_anything_for_the_family_is_said():
    refused = make_plan(Request(Settings(True), Model("sdxl"), []), Catalog(()))
    assert refused.problem == "For SDXL no Hyper-SD was published."


# Other makers' LoRAs.


def test_hyper_sd_comes_first_and_others_serve_where_they_are_held():
    lightning, lcm, pcm = file("lightning-sdxl-8steps"), file("lcm-sdxl"), file("pcm-sdxl-normalcfg-16steps")
    held = [lightning, lcm, pcm, file("hyper-sdxl-unified")]
    assert plan(files=held).file == "Hyper-SDXL-1step-lora"
    assert plan(files=[lightning, file("hyper-sdxl-8steps-cfg")]).file == "Hyper-SDXL-8steps-CFG-lora"
    assert plan(files=held, steps=16).file == "pcm_sdxl_normalcfg_16step_converted"
    assert plan(files=[lightning, lcm]).file == "sdxl_lightning_8step_lora"
    assert plan(files=[lightning, lcm], steps=6).file == "lcm-lora-sdxl"
    assert plan(files=[lcm, file("hyper-sdxl-8steps-cfg")], cfg=1.8).file == "lcm-lora-sdxl", (
        "the other does not fit the CFG"
    )


def test_an_alias_means_hyper_sd_whatever_else_is_held():
    refused = plan(files=[file("lightning-sdxl-8steps")], prompt="<lora:Hyper-SDXL:1>")
    assert refused.problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among the LoRAs")
    assert "Installed for SDXL: sdxl_lightning_8step_lora (8 steps)." in refused.problem


def test_nobody_is_told_to_get_another_makers_file():
    assert plan(steps=16, files=[]).problem == "No Hyper-SD for SDXL serves 16 steps; 1 to 8, 12 do."
    assert plan(steps=16).problem == "No Hyper-SD for SDXL serves 16 steps; 1 to 8, 12 do."


def test_sentences_name_the_maker():
    assert plan(prompt="<lora:dmd2_sdxl_4step_lora:1>").sentence == (
        "4 steps with dmd2_sdxl_4step_lora at weight 1: TCD on the schedule Trailing, eta 1, CFG 1. "
        "The LoRA, by DMD2, was made for exactly 4 steps."
    )
    assert plan(file="TCD-SDXL-LoRA", prediction="v_prediction").warnings == (
        "The checkpoint predicts v; TCD was distilled from models that predict noise.",
    )
    assert plan("flux", file="FLUX.1-dev_tdd_adv_lora_weights").distilled_cfg == 2.0


@pytest.mark.parametrize("recipe", [r for r in CATALOG.recipes if r.is_lora and r.file], ids=lambda r: r.id)
def test_every_lora_is_served_by_its_own_recipe_when_it_is_named(recipe):
    weight = recipe.weight / 2
    result = plan(recipe.family, prompt=f"<lora:{recipe.file.removesuffix('.safetensors')}:{weight}>")
    assert (result.recipe, result.weight, result.steps, result.warnings) == (recipe, weight, recipe.steps, ())


# Refusals.


@pytest.mark.parametrize(("family", "prediction"), [("sdxl", "flow"), ("sdxl", "edm"), ("sd15", "flow")])
def test_a_checkpoint_that_predicts_something_else_is_refused(family, prediction):
    assert plan(family, model="rectified", prediction=prediction).problem == (
        f"rectified was trained to predict something other than the models that Hyper-SD for {FAMILIES[family]} was distilled from, "
        "so none of its LoRAs fits."
    )
    assert plan("flux", prediction=prediction).problem is None


@pytest.mark.parametrize("family", dict.fromkeys(r.family for r in CATALOG.recipes if r.maker == HYPER_SD))
def test_every_family_is_called_by_its_name_in_refusals(family):
    assert plan(family, steps=99).problem.startswith(f"No Hyper-SD for {FAMILIES[family]} serves 99 steps; ")
    if family not in ("sd3", "flux"):
        assert plan(family, schedule="By image size").problem.endswith(f"the loaded checkpoint is {FAMILIES[family]}.")


# LoRAs that declare of which checkpoint they are.

OWN = dataclasses.replace(BY_ID["hyper-sdxl-4steps"], id="own-sdxl-fixed-4", file=None, bytes=None, sha256=None)


def own(name, of_this, **changes):
    return File(name, dataclasses.replace(OWN, **changes), own=of_this)


def test_a_lora_of_this_checkpoint_comes_before_all_others():
    published = [file("hyper-sdxl-4steps"), file("hyper-sdxl-8steps"), file("hyper-sdxl-unified")]
    assert plan(files=[*published, own("mine", True)]).file == "mine"
    assert plan(files=[*published, own("mine", True)], steps=8).file == "Hyper-SDXL-8steps-lora", "it serves 4 steps"
    guided = file("hyper-sdxl-8steps-cfg")
    assert plan(files=[guided, own("mine", True)], cfg=5.0).file == guided.name, "a CFG that is set comes first"
    assert plan(files=[*published, own("mine", True)], prompt="<lora:Hyper-SDXL-8steps-lora:1>").steps == 8


def test_a_lora_of_another_checkpoint_comes_after_all_others():
    assert plan(files=[own("another", False), file("hyper-sdxl-8steps")]).file == "Hyper-SDXL-8steps-lora"
    assert plan(files=[own("another", False), file("hyper-sdxl-8steps")], steps=4).file == "another", "none else serves"
    assert plan(files=[own("another", False), own("mine", True)]).file == "mine"


def test_it_is_used_where_a_tag_names_it_or_the_family():
    for prompt in ("<lora:mine:0.8> a cat", "<lora:Hyper-SDXL:0.8> a cat"):
        assert summary(plan(files=[own("mine", True)], prompt=prompt))[:3] == ("mine", 4, 0.8)


def test_what_is_missing_is_never_one_that_nobody_publishes():
    refused = plan(files=[own("mine", True)], steps=8)
    assert "Hyper-SDXL-8steps-lora" in refused.problem and refused.missing.id == "hyper-sdxl-8steps"
