"""Checkpoints: what fits them, what is in them, what is remembered of them."""

import dataclasses

import pytest

from lib_hypersd.plan import Memory, Model, Request, SecondPass, make_plan
from lib_hypersd.recipes.catalog import LOOKALIKES, Catalog
from lib_hypersd.recipes.settings import Settings
from tests.plans import BY_ID, CATALOG, DDIM, file, plan, summary


def test_the_one_step_unet_starts_at_800_without_a_lora():
    result = plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16")
    assert summary(result) == (None, 1, None, 1, "DDIM-Trailing", "Start at 800", 0.0)
    assert result.edit("a cat") == "a cat" and not result.warnings and not result.offers
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", steps=3).warnings == ()
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", variant="merged").warnings == ()
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", steps=4).warnings == (
        "4 steps are set, and this is made for 1 to 3 steps.",
    )


PLAIN_HINT = "If {} is not in the checkpoint, say that it is plain, or fix a LoRA file or a variant."


def test_a_checkpoint_with_hyper_sd_in_it_gets_no_second_one():
    result = plan(model="epicrealismXL_4SHyper")
    assert summary(result) == (None, 4, None, 1, *DDIM), "as many steps as its name says"
    assert result.sentence.endswith("Hyper-SD is already in the checkpoint, by its name.")
    assert result.warnings == (PLAIN_HINT.format("Hyper-SD"),)
    assert plan(model="epicrealismXL_4SHyper", steps=6).steps == 6
    by_hand = plan(model="plain", variant="merged")
    assert by_hand.file is None and not by_hand.warnings and by_hand.steps == by_hand.recipe.steps
    assert by_hand.sentence.endswith("Hyper-SD is already in the checkpoint, by your own word.")
    assert plan(model="x", variant="merged", weight=0.5).warnings == (
        "No LoRA is added, so the fixed LoRA weight has no effect.",
    )


def test_a_recipe_for_a_merged_checkpoint_may_have_a_weight_that_nothing_gets():
    merged = dataclasses.replace(BY_ID["hyper-sdxl-merged"], weight=0.5)
    result = make_plan(Request(Settings(True), Model("sdxl", "epicrealismXL_4SHyper")), Catalog((merged,)))
    assert result.recipe == merged and result.weight is None and result.warnings == (PLAIN_HINT.format("Hyper-SD"),)


@pytest.mark.parametrize(
    "fixed", [{"variant": "fixed"}, {"file": "Hyper-SDXL-8steps-lora"}, {"prompt": "<lora:Hyper-SDXL:0.75>"}]
)
def test_the_users_own_lora_comes_before_the_checkpoints_name(fixed):
    result = plan(model="epicrealismXL_4SHyper", **fixed)
    assert result.file == "Hyper-SDXL-8steps-lora" and result.steps == 8
    assert result.warnings == ("Hyper-SD is already in the checkpoint, by its name; with a LoRA it acts twice.",)


def test_another_makers_checkpoint_gets_that_makers_recipe_and_no_lora():
    result = plan(model="DreamShaperXL_Lightning")
    assert result.file is None and result.recipe.maker == "SDXL-Lightning" and result.recipe.kind == "merged"
    assert result.warnings == (PLAIN_HINT.format("SDXL-Lightning"),)
    by_metadata = plan(model="dream", metadata={"modelspec.title": "DreamShaper XL Lightning"})
    assert by_metadata.recipe == result.recipe and "by its metadata" in by_metadata.sentence


def test_what_is_in_a_checkpoint_and_has_no_recipe_is_refused_with_the_way_out():
    refused = plan("sd15", model="something_Lightning")
    assert refused.problem == (
        "“lightning” is already in something_Lightning, by its name, and no recipe is known for that in SD1.5. "
        "If that is wrong, say that the checkpoint is plain."
    )
    assert plan("sd15", model="something_Lightning", memory=Memory("")).file == "Hyper-SD15-8steps-lora"
    assert plan("sd15", model="something_Lightning", variant="fixed").file == "Hyper-SD15-8steps-lora"


# What the user has said.


def test_the_users_word_comes_before_the_name_and_the_metadata():
    plain = plan(model="epicrealismXL_4SHyper", memory=Memory(""), metadata={"modelspec.title": "4SHyper"})
    assert plain.file == "Hyper-SDXL-8steps-lora" and plain.warnings == ()
    inside = plan(model="epicrealismXL_4SHyper", memory=Memory("SDXL-Lightning"))
    assert inside.recipe.maker == "SDXL-Lightning" and inside.file is None and inside.warnings == ()
    assert inside.sentence.endswith("SDXL-Lightning is already in the checkpoint, by your own word.")
    assert plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", memory=Memory("")).file == "Hyper-SDXL-8steps-lora"


def test_remembered_settings_are_recommended_and_those_of_the_request_win():
    memory = Memory(settings=Settings(steps=4, cfg=1.5, weight=0.5))
    result = plan(memory=memory)
    assert summary(result) == ("Hyper-SDXL-4steps-lora", 4, 0.5, 1.5, *DDIM)
    assert result.warnings == ("Remembered for this checkpoint: Steps 4, LoRA weight 0.5, CFG 1.5.",)
    result = plan(memory=memory, steps=2, cfg=1.0)
    assert summary(result) == ("Hyper-SDXL-2steps-lora", 2, 0.5, 1.0, *DDIM)
    assert result.warnings == ("Remembered for this checkpoint: LoRA weight 0.5.",)
    assert plan(memory=Memory(settings=Settings(sampler="Euler a"))).warnings[0] == (
        "Remembered for this checkpoint: sampler Euler a."
    )


@pytest.mark.parametrize("family", LOOKALIKES)
def test_what_only_looks_like_a_family_is_refused_with_the_reason(family):
    assert plan(family, model="some.safetensors").problem == f"some.safetensors is {LOOKALIKES[family]}."


@pytest.mark.parametrize("fixed", [{"file": "Hyper-SDXL-4steps-lora"}, {"prompt": "<lora:Hyper-SDXL-4steps-lora:1>"}])
def test_a_lora_for_sdxl_on_a_pruned_one_is_refused_with_both_names(fixed):
    assert plan("sdxl-pruned", model="SSD-1B", **fixed).problem == (
        "SSD-1B is a pruned SDXL (SSD-1B, Segmind-Vega or the like), whose blocks Hyper-SDXL does not fit. "
        "Hyper-SDXL-4steps-lora was made for SDXL."
    )


def test_a_lora_on_a_pruned_sdxl_is_told_by_its_file_or_else_by_its_name():
    renamed = plan("sdxl-pruned", files=[file("hyper-sdxl-4steps", "renamed")], file="renamed")
    assert renamed.problem.endswith(" renamed was made for SDXL.")
    absent = plan("sdxl-pruned", files=[], file="Hyper-SD15-4steps-lora")
    assert absent.problem.endswith(" Hyper-SD15-4steps-lora was made for SD1.5.")


def test_a_refiner_that_the_lora_does_not_fit_is_said():
    def warnings(family):
        request = Request(Settings(True), Model("sdxl", "x"), refiner=family and Model(family, "other"))
        return make_plan(request, CATALOG).warnings

    assert warnings("sdxl") == warnings(None) == ()
    unknown = Request(Settings(True), Model("sdxl", "x"), refiner=Model(None, "other"))
    assert make_plan(unknown, CATALOG).warnings == (), "of what nobody knows nothing is said"
    for family, what in (("sdxl-refiner", LOOKALIKES["sdxl-refiner"]), ("sd15", "SD1.5")):
        assert warnings(family) == (
            f"The refiner other is {what}: the LoRA has no effect on its part. Choose another or none.",
        )


@pytest.mark.parametrize(("role", "key"), [("refiner", "refiner"), ("second pass's checkpoint", "second")])
def test_another_checkpoint_in_the_same_image_has_the_lora_and_nothing_else(role, key):
    def warnings(other, **fixed):
        return plan(**{key: other if key == "refiner" else SecondPass(model=other)}, **fixed).warnings

    remedy = "Choose another or none."
    assert warnings(Model("sdxl", "other")) == warnings(Model(None, "other")) == ()
    assert warnings(Model("sd15", "other")) == (
        f"The {role} other is SD1.5: the LoRA has no effect on its part. {remedy}",
    )
    assert warnings(Model("sdxl", "x_Lightning")) == (
        f"The {role} x_Lightning has SDXL-Lightning in it, and its part is made by the same plan. {remedy}",
    )
    unet = "Hyper-SDXL-1step-Unet-Comfyui.fp16"
    assert warnings(Model("sdxl", unet)) == (
        f"The {role} {unet} has Hyper-SD in it, and its part is made by the same plan. {remedy}",
    )
    assert warnings(Model("sdxl", "plain"), model="y_Lightning")[-1] == (
        f"The {role} plain has no few-step model in it, and its part is made by the same plan. {remedy}"
    )
    assert warnings(Model("sdxl", "z_Lightning"), model="y_Lightning") == (PLAIN_HINT.format("SDXL-Lightning"),)


def test_a_checkpoint_that_is_known_is_called_by_its_name():
    assert plan(None, model="x", architecture="Wan 2.2").problem == (
        "Hyper-SD was made for SD1.5, SDXL, SD3, FLUX.1-dev, and x is Wan 2.2."
    )


def test_a_lora_on_the_one_step_unet_acts_twice():
    result = plan(model="Hyper-SDXL-1step-Unet-Comfyui.fp16", file="Hyper-SDXL-8steps-lora")
    assert result.file and result.warnings == (
        "Hyper-SD is already in the checkpoint, by its name; with a LoRA it acts twice.",
    )
    assert "8 steps with no LoRA: DDIM-Trailing" in plan(variant="merged").sentence


def test_what_is_remembered_in_a_few_words():
    assert Memory().summary() == "" and Memory().values() == {}
    assert Memory("").summary() == "plain" and Memory("LCM").summary() == "LCM"
    memory = Memory("LCM", Settings(True, steps=6, cfg=1.5, sampler="Euler"))
    assert memory.values() == {"steps": 6, "cfg": 1.5, "sampler": "Euler"}
    assert memory.summary() == "LCM, steps 6, cfg 1.5, sampler Euler"
