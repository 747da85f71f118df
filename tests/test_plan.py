"""The plan: what is done for what is asked, and that it is done whole or not at all."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_hypersd.catalog import FAMILIES, LOOKALIKES, Catalog, Recipe, published
from lib_hypersd.plan import File, Model, NoPlan, Request, SecondPass, as_json, make_plan, point_out
from lib_hypersd.settings import VARIANTS, Settings
from lib_hypersd.tags import find

CATALOG = published()
BY_ID = {recipe.id: recipe for recipe in CATALOG.recipes}


def file(recipe_id, name=None, *aliases):
    return File(name or BY_ID[recipe_id].file.removesuffix(".safetensors"), BY_ID[recipe_id], aliases)


def plan(
    family="sdxl", prompt="a cat", files=None, model=None, prediction="epsilon", coarse=False, prompts=None, second=None,
    **asked,
):  # fmt: skip
    model = Model(family, model or f"some {family} model", prediction, coarse)
    return make_plan(Request(Settings(True, **asked), model, files, prompts or (prompt,), second), CATALOG)


def summary(plan):
    assert plan.problem is None, plan.problem
    return plan.file, plan.steps, plan.weight, plan.cfg, plan.sampler, plan.schedule, plan.eta


DDIM, TCD, FLOW = ("DDIM-Trailing", "Trailing", 0.0), ("TCD", "TCD", 1.0), ("Euler", "Simple", None)


@pytest.mark.parametrize(
    ("family", "asked", "expected"),
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
def test_recommended_settings(family, asked, expected):
    assert summary(plan(family, **asked)) == expected


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


# What is installed decides.


def test_the_lora_nearest_to_8_steps_is_taken_of_those_at_hand():
    assert plan(files=[file("hyper-sdxl-2steps"), file("hyper-sdxl-4steps")]).file == "Hyper-SDXL-4steps-lora"
    assert plan(files=[file("hyper-sdxl-4steps"), file("hyper-sdxl-unified")]).file == "Hyper-SDXL-1step-lora"
    assert plan(files=[file("hyper-sdxl-8steps-cfg")]).cfg == 5
    assert plan(files=[file("hyper-sdxl-unified"), file("hyper-sdxl-8steps")]).file == "Hyper-SDXL-8steps-lora"

    def made_for(steps):
        return File(f"{steps}", dataclasses.replace(BY_ID["hyper-sdxl-8steps"], steps_min=1, steps_max=16, steps=steps))

    def nearest(*counts):
        mine = [made_for(steps) for steps in counts]
        catalog = Catalog(tuple(file.recipe for file in mine))
        return make_plan(Request(Settings(True), Model("sdxl"), mine), catalog).steps

    assert nearest(5, 10) == nearest(10, 5) == 10 and nearest(6, 11) == nearest(11, 6) == 6


def test_a_lora_that_needs_no_other_cfg_than_1_comes_first_unless_one_is_set():
    guided, other, plain = file("hyper-sdxl-8steps-cfg"), file("hyper-sdxl-2steps"), file("hyper-sdxl-8steps")
    assert plan(files=[guided, other]).file == "Hyper-SDXL-2steps-lora"
    for cfg in (3.0, 8.0):
        assert plan(files=[plain, guided], cfg=cfg).file == "Hyper-SDXL-8steps-CFG-lora"
    assert plan(files=[guided, plain], cfg=1.5).file == "Hyper-SDXL-8steps-lora"


def test_a_renamed_file_is_used_under_its_name():
    renamed = plan(files=[file("hyper-sdxl-8steps", "my fast lora")])
    assert renamed.file == "my fast lora" and renamed.edit("a cat") == "a cat <lora:my fast lora:0.75>"


def test_a_missing_file_is_named_with_its_size_its_source_and_what_there_is_instead():
    refused = plan(steps=8, files=[file("hyper-sdxl-4steps"), file("hyper-sd15-8steps")])
    assert refused.problem == (
        "Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among the LoRAs; put it into the LoRA folder and refresh. "
        "The panel downloads it from huggingface.co/ByteDance/Hyper-SD. Installed for SDXL: Hyper-SDXL-4steps-lora (4 steps)."
    )
    assert refused.missing.id == "hyper-sdxl-8steps"
    assert plan(files=[]).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among the LoRAs")
    assert plan(files=[], prompt="<lora:Hyper-SDXL-2steps-lora:1>").missing.id == "hyper-sdxl-2steps"
    others = plan(files=[], prompt="<lora:lcm-lora-sdxl:1>")
    assert others.missing is None and others.problem.startswith("lcm-lora-sdxl.safetensors (394 MB) is not among")
    assert plan(steps=9).missing is None and plan(steps=8).missing is None, "no file would help, or none is needed"


def test_a_refusal_carries_no_settings():
    refused = plan(files=[])
    assert refused == NoPlan(family="sdxl", problem=refused.problem, missing=BY_ID["hyper-sdxl-8steps"])
    assert refused.edit("a <lora:x:1>") == "a <lora:x:1>"
    told = as_json(refused, "a <lora:x:1>")
    assert {name for name, value in told.items() if value} == {"family", "problem", "sentence", "missing", "prompt"}
    made = as_json(plan(), "a cat")
    assert told.keys() == made.keys(), "what there is not is null"
    assert made["family"] == "sdxl" and "rename" not in made, "what becomes of the tags stands in the prompt"


def test_a_refusal_says_all_else_that_is_off():
    refused = plan(files=[], prompt="<lora:Hyper-SD15-4steps-lora:1>")
    assert isinstance(refused, NoPlan) and refused.warnings == (
        "Hyper-SD15-4steps-lora was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
    )


@pytest.mark.parametrize(
    ("asked", "problem"),
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
            "nonsense is no LoRA whose recipe is known; give it the name under which it was published.",
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
def test_what_cannot_be_carried_out_is_a_sentence(asked, problem):
    refused = plan(**asked)
    assert refused.problem.startswith(problem) and refused.sentence == refused.problem and isinstance(refused, NoPlan)


# Prompt tags.


@pytest.mark.parametrize("alias", ["Hyper-SDXL", "hyper-sdxl", "HYPER-SDXL", "HyperSDXL", "hyper_sdxl"])
def test_an_alias_becomes_the_file_for_the_step_count(alias):
    for steps, name in ((2, "Hyper-SDXL-2steps-lora"), (5, "Hyper-SDXL-1step-lora"), (None, "Hyper-SDXL-8steps-lora")):
        made = plan(prompt=f"a cat <lora:{alias}:0.6>", steps=steps)
        assert made.file == name and made.weight == 0.6
        assert made.edit(f"a cat <lora:{alias}:0.6>") == f"a cat <lora:{name}:0.6>"
    assert plan(prompt=f"<lora:{alias}>").edit(f"<lora:{alias}>") == "<lora:Hyper-SDXL-8steps-lora:0.75>"
    assert plan(prompt=f"<lora:{alias}>", weight=0.5).weight == 0.5


def test_a_name_of_a_step_count_resolves_to_the_installed_file():
    made = plan(
        prompt="<lora:hyper sdxl 4 steps:0.7>", files=[file("hyper-sdxl-4steps", "renamed"), file("hyper-sdxl-8steps")]
    )
    prompt = "<lora:hyper sdxl 4 steps:0.7> a cat"
    assert made.file == "renamed" and made.edit(prompt) == "<lora:renamed:0.7> a cat" and not made.warnings
    assert (
        "(787 MB) is not among"
        in plan(prompt="<lora:Hyper-SDXL-4steps-lora:1>", files=[file("hyper-sdxl-8steps")]).problem
    )


def test_a_hand_written_tag_is_followed_and_never_doubled():
    prompt = "a cat <lora:Hyper-SDXL-4steps-lora:0.9>"
    made = plan(prompt=prompt)
    assert summary(made) == ("Hyper-SDXL-4steps-lora", 4, 0.9, 1, *DDIM) and made.edit(prompt) == prompt
    by_alias = plan(prompt="<lora:trained_as:0.9>", files=[file("hyper-sdxl-4steps", "renamed", "trained_as")])
    assert by_alias.steps == 4 and by_alias.edit("<lora:trained_as:0.9>") == "<lora:renamed:0.9>"
    after_another = plan(prompt="<lora:style:0.5> <lora:Hyper-SDXL-4steps-lora:0.9>")
    assert (after_another.steps, after_another.weight) == (4, 0.9)


def test_a_tag_comes_before_the_panel_and_says_so():
    made = plan(prompt="<lora:Hyper-SDXL-4steps-lora:0.9>", weight=0.5, file="Hyper-SDXL-8steps-lora", steps=6)
    assert (made.file, made.weight, made.steps) == ("Hyper-SDXL-4steps-lora", 0.9, 6)
    assert made.warnings == (
        "The prompt's tag Hyper-SDXL-4steps-lora comes before the file Hyper-SDXL-8steps-lora that the panel has fixed.",
        "The tag's weight 0.9 comes before the 0.5 that the panel has fixed.",
        "6 steps are set, and this is made for 4 steps.",
    )


def test_an_alias_leaves_the_file_to_the_panel():
    made = plan(prompt="<lora:Hyper-SDXL:0.6>", file="Hyper-SDXL-2steps-lora")
    assert made.file == "Hyper-SDXL-2steps-lora" and made.weight == 0.6


def test_a_tag_of_the_wrong_family_is_called_out_and_dropped():
    for name in ("Hyper-SD15-4steps-lora", "Hyper-SD15"):
        prompt = f"a <lora:{name}:1> <lora:style:0.5>"
        made = plan(prompt=prompt)
        assert made.warnings == (
            f"{name} was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
        )
        assert [t.name for t in find(made.edit(prompt))] == ["style", "Hyper-SDXL-8steps-lora"]


def test_a_second_few_step_lora_is_dropped():
    prompt = "<lora:Hyper-SDXL-4steps-lora:1> <lora:Hyper-SDXL-8steps-lora:1> <lora:Hyper-SDXL-4steps-lora:1>"
    made = plan(prompt=prompt)
    assert made.steps == 4 and [t.name for t in find(made.edit(prompt))] == ["Hyper-SDXL-4steps-lora"]
    assert made.warnings == ("Hyper-SDXL-8steps-lora would be a second few-step LoRA: its tag is not applied.",)
    made = plan(prompt="<lora:Hyper-SDXL-4steps-lora:1> <lora:hyper sdxl 8 steps:1>")
    assert made.warnings == ("hyper sdxl 8 steps would be a second few-step LoRA: its tag is not applied.",), (
        "also under a name that no file has"
    )


def test_every_prompt_of_a_batch_gets_the_tag_of_the_first():
    prompts = ("one <lora:Hyper-SDXL:0.6>", "two", "three <lora:Hyper-SD15:1> <lora:Hyper-SDXL-2steps-lora:1>")
    made = plan(prompts=prompts, steps=4)
    assert [made.edit(p) for p in prompts] == [
        "one <lora:Hyper-SDXL-4steps-lora:0.6>",
        "two <lora:Hyper-SDXL-4steps-lora:0.6>",
        "three   <lora:Hyper-SDXL-4steps-lora:0.6>",
    ]
    assert plan(prompts=("no tag", "<lora:Hyper-SDXL-2steps-lora:1>")).steps == 8, "only the first prompt decides"


def test_a_tag_of_the_plans_own_file_in_another_prompt_stays_as_it_is():
    second = "sharper <lora:Hyper-SDXL-8steps-lora:0.5> <lora:HYPER-sdxl:0.4>"
    for first in ("no tag", "<lora:Hyper-SDXL:0.6>", "<lora:Hyper-SDXL-8steps-lora:0.6>"):
        made = plan(prompts=(first, second))
        assert made.edit(second) == "sharper <lora:Hyper-SDXL-8steps-lora:0.5> " and not made.warnings
    assert plan(prompts=("<lora:Hyper-SDXL>", "<lora:Hyper-SDXL-4steps-lora:1>")).warnings == (
        "Hyper-SDXL-4steps-lora would be a second few-step LoRA: its tag is not applied.",
    )


def test_a_file_called_like_an_alias_whose_recipe_nobody_knows_is_refused():
    unknown = File("Hyper-SDXL", None)
    assert plan(prompt="<lora:Hyper-SDXL:1>", files=[unknown]).problem.startswith(
        "Hyper-SDXL is no LoRA whose recipe is known"
    )


# Checkpoints that need no LoRA.


def test_the_one_step_unet_starts_at_800_without_a_lora():
    made = plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16")
    assert summary(made) == (None, 1, None, 1, "DDIM-Trailing", "Start at 800", 0.0)
    assert made.edit("a cat") == "a cat" and not made.warnings and not made.offers
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", steps=3).warnings == ()
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", variant="merged").warnings == ()
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", steps=4).warnings == (
        "4 steps are set, and this is made for 1 to 3 steps.",
    )


def test_a_checkpoint_with_hyper_sd_in_it_gets_no_second_one():
    made = plan(model="epicrealismXL_4SHyper", steps=4)
    assert summary(made) == (None, 4, None, 1, *DDIM)
    assert made.warnings == (
        "This goes by the checkpoint's name; if Hyper-SD is not in it, fix a LoRA file or a variant.",
    )
    assert plan(model="plain", variant="merged").file is None and not plan(model="plain", variant="merged").warnings
    assert plan(model="x", variant="merged", weight=0.5).warnings == (
        "No LoRA is added, so the fixed LoRA weight has no effect.",
    )


@pytest.mark.parametrize(
    "asked", [{"variant": "fixed"}, {"file": "Hyper-SDXL-8steps-lora"}, {"prompt": "<lora:Hyper-SDXL:1>"}]
)
def test_the_users_own_lora_comes_before_the_checkpoints_name(asked):
    made = plan(model="epicrealismXL_4SHyper", **asked)
    assert made.file == "Hyper-SDXL-8steps-lora"
    assert made.warnings == ("The checkpoint's name says that Hyper-SD is already in it; with a LoRA it acts twice.",)


# What is done as asked, though not as meant.


@pytest.mark.parametrize(
    ("asked", "warning"),
    [
        ({"file": "Hyper-SDXL-4steps-lora", "steps": 6}, "6 steps are set, and this is made for 4 steps."),
        ({"cfg": 7.0, "variant": "unified"}, "CFG 7 is set, and this is made for 1 to 1.5."),
        ({"family": "flux", "cfg": 3.0}, "CFG 3 is set, and this is made for 1."),
        (
            {"sampler": "Euler a"},
            "Euler a on the schedule Trailing is set, and this is made for DDIM-Trailing on the schedule Trailing.",
        ),
        (
            {"schedule": "Karras"},
            "DDIM-Trailing on the schedule Karras is set, and this is made for DDIM-Trailing on the schedule Trailing.",
        ),
        (
            {"file": "Hyper-SDXL-8steps-lora", "variant": "cfg"},
            f"The LoRA is not of the kind “{VARIANTS['cfg']}” that the panel has fixed.",
        ),
        ({"family": "flux", "eta": 0.5}, "Euler has no eta, so the fixed eta has no effect."),
        (
            {"prediction": "v_prediction"},
            "The checkpoint predicts v; Hyper-SD was distilled from models that predict noise.",
        ),
    ],
)
def test_what_is_not_as_meant_is_said(asked, warning):
    made = plan(**asked)
    assert made.problem is None and made.warnings == (warning,)


def test_flux_may_be_shifted_for_the_pictures_own_size_and_nothing_else():
    made = plan("flux", schedule="By image size")
    assert made.schedule == "By image size" and not made.warnings
    assert plan("sd3", schedule="By image size").problem == (
        "The schedule “By image size” is for FLUX, and the loaded checkpoint is SD3."
    )


def test_flux_takes_another_distilled_guidance():
    assert plan("flux", distilled_cfg=2.5).distilled_cfg == 2.5
    assert plan("sdxl", distilled_cfg=2.5).distilled_cfg is None


@pytest.mark.parametrize("family", LOOKALIKES)
def test_what_only_looks_like_a_family_is_refused_with_the_reason(family):
    assert plan(family, model="some.safetensors").problem == f"some.safetensors is {LOOKALIKES[family]}."


def test_weights_of_few_bits_get_the_hint():
    assert plan("flux", coarse=True).warnings == (
        "The checkpoint's weights are of few bits, in which a LoRA is rounded away: "
        "set “Diffusion in Low Bits” to “Automatic (fp16 LoRA)”.",
    )
    assert not plan(model="x_4SHyper", variant="merged", coarse=True).warnings, "without a LoRA nothing is lost"


def test_a_superseded_edition_is_said():
    old = File("Hyper-SD3-4steps-CFG-lora", BY_ID["hyper-sd3-4steps-cfg"], (), True)
    assert plan("sd3", files=[old]).warnings == (
        "Hyper-SD3-4steps-CFG-lora is an edition that its authors have replaced under the same name; get it again.",
    )


@pytest.mark.parametrize(
    ("second", "asked", "steps", "warnings"),
    [
        (None, {}, None, ()),
        (SecondPass(), {}, 0, ()),
        (SecondPass(8), {}, 8, ()),
        (SecondPass(3), {"variant": "unified"}, 3, ()),
        (SecondPass(20), {}, 0, ("8 steps is what this is made for, so the second pass takes as many as the first.",)),
        (SecondPass(20), {"hires_steps": 2}, 2, ()),
        (SecondPass(20), {"hires_steps": 0}, 0, ()),
        (SecondPass(0, "DDIM-Trailing", "Trailing"), {}, 0, ()),
        (SecondPass(0, None, "Automatic"), {}, 0, ()),
        (
            SecondPass(0, "Euler a", "Karras"),
            {},
            0,
            (
                "Euler a is set for the second pass, and this is made for DDIM-Trailing.",
                "Karras is set for the second pass, and this is made for Trailing.",
            ),
        ),
    ],
)
def test_the_second_pass(second, asked, steps, warnings):
    made = plan(second=second, **asked)
    assert made.hires_steps == steps and made.warnings == warnings


def test_a_refiner_that_the_lora_does_not_fit_is_said():
    def warnings(family):
        request = Request(Settings(True), Model("sdxl", "x"), refiner=family and Model(family, "other"))
        return make_plan(request, CATALOG).warnings

    assert warnings("sdxl") == warnings(None) == ()
    unknown = Request(Settings(True), Model("sdxl", "x"), refiner=Model(None, "other"))
    assert make_plan(unknown, CATALOG).warnings == (), "of what nobody knows nothing is said"
    for family, what in (("sdxl-refiner", LOOKALIKES["sdxl-refiner"]), ("sd15", "SD1.5")):
        assert warnings(family) == (
            f"The refiner other is {what}: the LoRA has no effect on its part. Take the refiner out.",
        )


def test_another_sampler_gets_no_eta_that_it_was_not_given():
    assert plan(variant="unified", sampler="Euler a").eta is None
    assert plan(variant="unified", sampler="Euler a", eta=0.5).eta == 0.5


def test_offers():
    assert plan().offers == ("cfg",)
    assert plan(variant="unified").offers == ("cfg", "detail")
    assert plan(variant="unified", eta=0.3).offers == ("cfg",)
    assert plan(variant="unified", eta=0.305).offers == ("cfg", "detail")
    assert plan(variant="unified", steps=2).offers == ("cfg", "detail")
    assert plan(variant="unified", steps=1).offers == ("cfg",), "at one step there is no noise to lower"
    others = Catalog((BY_ID["hyper-sdxl-8steps"], BY_ID["pcm-sdxl-normalcfg-8steps"]))
    assert make_plan(Request(Settings(True), Model("sdxl")), others).offers == (), "only Hyper-SD's is offered"
    assert plan(variant="cfg").offers == () and plan("flux").offers == () and plan(cfg=1.5).offers == ()


def test_a_users_recipe_is_planned_like_ours():
    mine = Recipe("mine", "sdxl", "fixed", 6, 6, 6, 2.0, 1.0, 3.0, "Euler", "Trailing", weight=0.9, words="mine")
    catalog = Catalog((*CATALOG.recipes, mine))
    made = make_plan(Request(Settings(True, steps=6, variant="fixed"), Model("sdxl"), [File("Mine", mine)]), catalog)
    assert summary(made) == ("Mine", 6, 0.9, 2.0, "Euler", "Trailing", None)
    refused = make_plan(Request(Settings(True, steps=6, variant="fixed"), Model("sdxl"), []), catalog)
    assert refused.problem == "mine is not among the LoRAs; put it into the LoRA folder and refresh."
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
    made = plan(recipe.family, prompt=f"<lora:{recipe.file.removesuffix('.safetensors')}:0.5>")
    assert (made.recipe, made.weight, made.steps, made.warnings) == (recipe, 0.5, recipe.steps, ())


# Files that do not fit, or cannot be used.


def test_a_file_whose_layers_are_for_another_model_is_refused_with_both_names():
    misnamed = File("fast", BY_ID["hyper-sdxl-8steps"], family="sd15")
    assert plan(files=[misnamed], file="fast").problem == "fast was made for SD1.5, and the loaded checkpoint is SDXL."
    assert plan(files=[misnamed]).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among")
    assert plan(files=[misnamed, file("hyper-sdxl-4steps")], prompt="<lora:fast:1>").warnings == (
        "fast was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
    )
    ssd = File("ssd", BY_ID["lcm-sdxl"], family="sdxl-pruned")
    assert plan(files=[ssd], file="ssd").problem == (
        "ssd was made for a pruned SDXL (SSD-1B, Segmind-Vega or the like), and the loaded checkpoint is SDXL."
    )


@pytest.mark.parametrize("asked", [{"file": "Hyper-SDXL-4steps-lora"}, {"prompt": "<lora:Hyper-SDXL-4steps-lora:1>"}])
def test_a_lora_for_sdxl_on_a_pruned_one_is_refused_with_both_names(asked):
    assert plan("sdxl-pruned", model="SSD-1B", **asked).problem == (
        "SSD-1B is a pruned SDXL (SSD-1B, Segmind-Vega or the like), whose blocks Hyper-SDXL does not fit. "
        "Hyper-SDXL-4steps-lora was made for SDXL."
    )


def test_a_lora_on_a_pruned_sdxl_is_told_by_its_file_or_else_by_its_name():
    renamed = plan("sdxl-pruned", files=[file("hyper-sdxl-4steps", "renamed")], file="renamed")
    assert renamed.problem.endswith(" renamed was made for SDXL.")
    absent = plan("sdxl-pruned", files=[], file="Hyper-SD15-4steps-lora")
    assert absent.problem.endswith(" Hyper-SD15-4steps-lora was made for SD1.5.")


def test_a_file_that_cannot_be_used_says_why_wherever_it_is_asked_for():
    broken = File("Hyper-SDXL-8steps-lora", None, problem="It is broken.", looks_like=BY_ID["hyper-sdxl-8steps"])
    four = file("hyper-sdxl-4steps")
    assert plan(files=[broken, four], file=broken.name).problem == "It is broken."
    assert plan(files=[broken, four], prompt=f"<lora:{broken.name}:1>").problem == "It is broken."
    assert plan(files=[broken, four], steps=8).problem.startswith(
        "It is broken. Hyper-SDXL-8steps-lora.safetensors (787 MB)"
    )
    assert plan(files=[broken, four]).file == "Hyper-SDXL-4steps-lora"
    other = dataclasses.replace(broken, looks_like=BY_ID["hyper-sdxl-2steps"])
    assert plan(files=[other, four], steps=8).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB)")


# While the panel is off.


@pytest.mark.parametrize("name", ["Hyper-SDXL", "hyper_sd15", "Hyper-SDXL-4steps-lora", "renamed", "alias"])
def test_a_tag_is_pointed_out_while_the_panel_is_off(name):
    request = Request(
        Settings(), Model("sdxl"), [file("hyper-sdxl-8steps", "renamed", "alias")], (f"a <lora:{name}:1>",)
    )
    assert point_out(request, CATALOG).startswith(f"The prompt has the few-step LoRA {name}.")


def test_a_tag_is_pointed_out_where_every_published_file_is_taken_to_be_at_hand():
    request = Request(Settings(), Model("sdxl"), None, ("a <lora:Hyper-SDXL-4steps-lora:1>",))
    assert point_out(request, CATALOG).startswith("The prompt has the few-step LoRA Hyper-SDXL-4steps-lora.")


def test_other_tags_are_not_pointed_out():
    assert point_out(Request(Settings(), Model("sdxl"), [], ("a <lora:style:1>",)), CATALOG) is None


# Whatever is asked.

LORAS = [recipe for recipe in CATALOG.recipes if recipe.is_lora]
BROKEN = File("broken", None, problem="It is broken.", looks_like=BY_ID["hyper-sdxl-8steps"])
MISNAMED = File("misnamed", BY_ID["hyper-sdxl-8steps"], family="sd15")
FILES = st.none() | st.lists(
    st.sampled_from([file(r.id) for r in LORAS] + [File("Hyper-SDXL", None), BROKEN, MISNAMED]), unique=True
)
TAGS = st.sampled_from(
    [
        "<lora:Hyper-SDXL:0.6>",
        "<lora:hyper-sd15>",
        "<lora:Hyper-SD15-4steps-lora:0.9>",
        "<lora:Hyper-SDXL-1step-lora:x>",
        "<lora:style:1>",
    ]
)
PROMPT = st.lists(TAGS | st.text(alphabet="ab ,<>:", max_size=5), max_size=4).map(" ".join)


@settings(max_examples=500)
@given(
    st.builds(
        Request,
        st.builds(
            Settings,
            enabled=st.just(True),
            variant=st.none() | st.sampled_from(list(VARIANTS)),
            steps=st.none() | st.integers(1, 20),
            weight=st.none() | st.floats(0, 2),
            cfg=st.none() | st.floats(1, 30),
            eta=st.none() | st.floats(0, 1),
            file=st.none() | st.sampled_from([r.file.removesuffix(".safetensors") for r in LORAS] + ["x"]),
            sampler=st.none() | st.just("Euler a"),
            schedule=st.none() | st.just("Karras"),
        ),
        st.builds(
            Model,
            st.none() | st.sampled_from(list(FAMILIES)),
            st.sampled_from(["plain", "xl_hyper_8step", "Hyper-SDXL-1step-Unet-Comfyui"]),
        ),
        FILES,
        st.lists(PROMPT, min_size=1, max_size=3).map(tuple),
    )
)
def test_a_plan_is_whole_or_a_sentence_and_the_users_settings_win(request):
    made, asked = make_plan(request, CATALOG), request.settings
    assert made.sentence.endswith(".")
    if made.problem:
        assert (made.missing is not None) == (
            "The panel downloads it from huggingface.co/ByteDance/Hyper-SD." in made.problem
        )
        assert made.sentence == made.problem and all(made.edit(p) == p for p in request.prompts)
        return
    assert made.recipe.family == request.model.family
    assert made.sampler and made.schedule and made.steps >= 1 and math.isfinite(made.cfg)
    for name in ("steps", "cfg", "sampler", "schedule"):
        assert getattr(asked, name) in (None, getattr(made, name))
    assert asked.eta is None or made.eta == asked.eta
    edited = [made.edit(p) for p in request.prompts]
    if made.file is None:
        assert made.weight is None and edited == list(request.prompts)
        return
    assert math.isfinite(made.weight)
    assert request.files is None or made.file in {f.name for f in request.files}
    few_step = {"hyper-sd15", "Hyper-SDXL", "Hyper-SD15-4steps-lora", "Hyper-SDXL-1step-lora"}
    for prompt, once in zip(request.prompts, edited, strict=True):
        names = [tag.name for tag in find(once)]
        assert names.count(made.file) == 1 and few_step.isdisjoint(set(names) - {made.file})
        assert names.count("style") == [tag.name for tag in find(prompt)].count("style")
        assert made.edit(once) == once
    again = make_plan(dataclasses.replace(request, prompts=tuple(edited)), CATALOG)
    assert (again.problem, again.file, again.weight) == (None, made.file, made.weight), (
        "the infotext's prompt gives the same plan"
    )
