"""What every family of checkpoints gets: its own makers' settings, a LoRA that somebody made for it, or a sentence."""

import dataclasses

import pytest

from lib_hypersd.files.architectures import ARCHITECTURES
from lib_hypersd.files.layers import Fit
from lib_hypersd.plan import File, Memory, Model, SecondPass
from lib_hypersd.recipes.catalog import FAMILIES, HYPER_SD, LOOKALIKES
from tests.plans import BY_ID, CATALOG, FLOW, file, plan, summary

OURS = {r.family for r in CATALOG.recipes if r.maker == HYPER_SD}
EULER = ("Euler", "Simple", None)


# Checkpoints that their makers have distilled.


@pytest.mark.parametrize(
    ("family", "architecture", "expected", "control"),
    [
        ("flux-schnell", "FLUX.1-schnell", (None, 4, None, 1, *EULER), None),
        ("flux2", "FLUX.2-klein 4B", (None, 4, None, 1, *EULER), None),
        ("flux2", "FLUX.2-klein 9B", (None, 4, None, 1, *EULER), None),
        ("chroma", "Chroma-Flash", (None, 8, None, 1, "Heun", "Simple", None), None),
        ("z-image", "Z-Image-Turbo", (None, 8, None, 1, *EULER), 3),
        ("krea2", "Krea 2 Turbo", (None, 8, None, 1, *EULER), None),
        ("ernie-image", "ERNIE-Image-Turbo", (None, 8, None, 1, *EULER), 3),
        ("anima", "Anima-Turbo", (None, 10, None, 1, *EULER), 3),
        ("sd35-large", "SD3.5 large Turbo", (None, 4, None, 1, *EULER), None),
        ("pid", "PiD", (None, 4, None, 1, "LCM", "Simple", None), 1.5),
    ],
)
@pytest.mark.parametrize("files", [None, []])
def test_a_checkpoint_that_makes_few_steps_by_itself_gets_its_makers_settings(
    family, architecture, expected, control, files
):
    result = plan(family, architecture=architecture, prediction="flow", files=files)
    assert summary(result) == expected and result.distilled_cfg == control and result.warnings == ()
    assert result.sentence.endswith(f"The checkpoint is {result.recipe.maker}, which makes few steps by itself.")
    assert result.edit("a cat") == "a cat"


def test_the_shift_is_said_and_set_by_the_hosts_one_control():
    result = plan("z-image", architecture="Z-Image-Turbo")
    assert "Euler on the schedule Simple, CFG 1, shift 3. " in result.sentence
    assert "distilled CFG 3.5. " in plan("flux").sentence and "shift" not in plan("sdxl").sentence
    other = plan("z-image", architecture="Z-Image-Turbo", distilled_cfg=9.0)
    assert other.distilled_cfg == 9 and other.warnings == ("Shift 9 is set, and this is made for 3.",)
    assert plan("krea2", architecture="Krea 2 Turbo", distilled_cfg=9.0).distilled_cfg is None, "it has no such control"


def test_steps_in_the_name_of_such_a_checkpoint_count_where_they_can():
    architecture = {"architecture": "FLUX.1-schnell"}
    assert plan("flux-schnell", model="schnell_2steps", **architecture).steps == 2
    assert plan("flux-schnell", model="schnell_8steps", **architecture).steps == 4
    assert plan("z-image", model="z_image_turbo_12steps", architecture="Z-Image-Turbo").steps == 12


def test_the_users_word_comes_before_the_architecture():
    refused = plan("z-image", architecture="Z-Image-Turbo", memory=Memory(""))
    assert refused.problem.startswith("For Z-Image no Hyper-SD was published.")
    result = plan("z-image", architecture="Z-Image", memory=Memory("Z-Image-Turbo"))
    assert result.recipe.id == "z-image-turbo-own"
    assert result.sentence.endswith("Z-Image-Turbo is already in the checkpoint, by your own word.")


def test_a_lora_by_hand_on_such_a_checkpoint_acts_twice():
    held = file("fun-distill-z-image-8steps")
    result = plan("z-image", architecture="Z-Image-Turbo", files=[held], file=held.name)
    assert result.file == held.name and result.sentence.endswith("was made for exactly 8 steps.")
    assert result.warnings == (
        "Z-Image-Turbo is already in the checkpoint, by its architecture; with a LoRA it acts twice.",
        f"{held.name} was made for Z-Image, and some z-image model (Z-Image-Turbo) is another model: compare the results.",
    )


def test_such_a_checkpoint_in_the_second_pass_of_a_plain_one_is_named():
    held, other = file("fun-distill-z-image-8steps"), Model("z-image", "fast", architecture="Z-Image-Turbo")
    result = plan("z-image", architecture="Z-Image", files=[held], second=SecondPass(model=other))
    assert result.file == held.name and result.warnings == (
        "The second pass's checkpoint fast has Z-Image-Turbo in it, and its part is made by the same plan. "
        "Choose another or none.",
    )
    assert plan("z-image", architecture="Z-Image-Turbo", second=SecondPass(model=other)).warnings == ()


def test_another_makers_name_in_a_merge_is_told_by_the_family():
    result = plan("qwen-image", model="qwen_image_lightning_4steps", architecture="Qwen-Image")
    assert (result.recipe.id, result.steps, result.file) == ("qwen-lightning-merged", 4, None)
    assert result.sentence.endswith("Qwen-Image-Lightning is already in the checkpoint, by its name.")
    refused = plan("chroma", model="some_lightning")
    assert refused.problem.startswith("“lightning” is already in some_lightning, by its name, and no recipe is known")
    by_word = plan("chroma", memory=Memory("LCM"))
    assert by_word.problem.startswith("LCM is already in some chroma model, by your own word, and no recipe is known")


# LoRAs.


@pytest.mark.parametrize(
    ("recipe", "architecture"),
    [(r, base) for r in CATALOG.recipes if r.is_lora and r.family not in OURS for base in r.bases or [None]],
    ids=lambda value: getattr(value, "id", value),
)
def test_a_lora_that_is_held_is_taken_with_its_settings(recipe, architecture):
    held = file(recipe.id)
    result = plan(recipe.family, architecture=architecture, files=[held], prediction="flow")
    assert summary(result) == (held.name, recipe.steps, recipe.weight, 1, recipe.sampler, recipe.schedule, None)
    assert result.distilled_cfg == recipe.shift and result.warnings == ()
    assert f"The LoRA, by {recipe.maker}," in result.sentence


def test_the_lora_that_was_made_for_this_very_kind_of_checkpoint_is_taken():
    plain, edit = file("qwen-lightning-8steps"), file("qwen-edit-lightning-4steps")
    for files in ([plain, edit], [edit, plain]):
        assert plan("qwen-image", architecture="Qwen-Image-Edit", files=files).file == edit.name
        assert plan("qwen-image", architecture="Qwen-Image", files=files).file == plain.name
        assert plan("qwen-image", files=files).file == plain.name, "nearest to 8 steps, where nothing tells"
    part = edit._replace(fit=Fit(100, 50))
    result = plan("qwen-image", architecture="Qwen-Image-Edit", files=[plain, part], model="x")
    assert result.file == plain.name and result.warnings == (
        f"{plain.name} was made for Qwen-Image, and x (Qwen-Image-Edit) is another model: compare the results.",
    )


def test_all_that_a_lora_was_made_for_is_named_where_the_checkpoint_is_another():
    recipe = dataclasses.replace(BY_ID["qwen-lightning-8steps"], bases=["Qwen-Image", "Qwen-Image-2512"])
    result = plan("qwen-image", architecture="Qwen-Image-Edit", files=[File("held", recipe)], model="x")
    assert result.warnings == (
        "held was made for Qwen-Image and Qwen-Image-2512, and x (Qwen-Image-Edit) is another model: compare the results.",
    )


@pytest.mark.parametrize("noise", ["high", "low"])
@pytest.mark.parametrize("kind", ["t2v", "i2v"])
def test_each_half_of_wan_2_2_gets_its_half_of_the_loras(kind, noise):
    files = [file(r.id) for r in CATALOG.recipes if r.family == "wan" and r.is_lora]
    result = plan("wan", architecture=f"Wan 2.2 {kind.upper()}, {noise} noise", files=files)
    assert result.recipe.id == f"lightning-wan22-{kind}-{noise}" and result.distilled_cfg == 5


@pytest.mark.parametrize(
    ("architecture", "guidance"),
    [("FLUX.1-Kontext", 2.5), ("FLUX.1-Krea", 4.5), ("FLUX.1-Fill", 30), ("FLUX.1-Canny", 10), ("FLUX.1-Depth", 10),
     ("FLUX.1-Canny or FLUX.1-Depth", 10)],
)  # fmt: skip
def test_what_is_built_like_flux_dev_takes_hyper_flux_with_a_warning_and_its_own_guidance(architecture, guidance):
    result = plan("flux", model="some", architecture=architecture, prediction="flow")
    assert summary(result) == ("Hyper-FLUX.1-dev-8steps-lora", 8, 0.125, 1, *FLOW) and result.distilled_cfg == guidance
    assert result.warnings == (
        f"Hyper-FLUX.1-dev-8steps-lora was made for FLUX.1-dev, and some ({architecture}) is another model: compare the results.",
    )
    fixed = plan("flux", architecture=architecture, distilled_cfg=guidance * 2)
    assert fixed.warnings[-1] == f"Distilled CFG {guidance * 2:g} is set, and this is made for {guidance:g}."


def test_flux_dev_itself_has_neither():
    result = plan("flux", architecture="FLUX.1-dev")
    assert result.warnings == () and result.distilled_cfg == 3.5
    assert plan("flux").distilled_cfg == 3.5


def test_a_lora_for_flux_dev_is_not_put_on_what_only_looks_like_it():
    tag = "a cat <lora:Hyper-FLUX.1-dev-8steps-lora:0.125>"
    for family, architecture in (("flux-schnell", "FLUX.1-schnell"), ("chroma", "Chroma-Flash")):
        result = plan(family, tag, architecture=architecture)
        assert result.file is None and result.edit(tag).strip() == "a cat"
        assert result.warnings == (
            f"Hyper-FLUX.1-dev-8steps-lora was made for FLUX.1-dev and the loaded checkpoint is {FAMILIES[family]}: "
            "its tag is not applied.",
        )


# Where there is nothing.


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in OURS])
def test_a_family_without_hyper_sd_is_told_what_serves_instead(family):
    for files in (None, []):
        problem = plan(family, model="some", files=files).problem
        assert problem.startswith(f"For {FAMILIES[family]} no Hyper-SD was published.")
        for recipe in (r for r in CATALOG.recipes if r.family == family):
            named = [recipe.file.removesuffix(".safetensors")] if recipe.is_lora else recipe.bases
            assert all(name in problem for name in named)


def test_what_serves_instead_in_whole_sentences():
    assert plan("anima", files=[]).problem == (
        "For Anima no Hyper-SD was published. If you have one of these, use it: anima-turbo-lora-v0.2. "
        "If it is Anima-Turbo, which needs no LoRA, say what is in the checkpoint."
    )
    assert plan("krea2", architecture="Krea 2 Raw").problem == (
        "For Krea 2 no Hyper-SD was published. If it is Krea 2 Turbo, which needs no LoRA, say what is in "
        "the checkpoint."
    )
    assert plan("flux2", files=[]).problem == (
        "For FLUX.2 no Hyper-SD was published. If it is FLUX.2-klein 4B or FLUX.2-klein 9B, which needs no LoRA, say what "
        "is in the checkpoint."
    )
    loras = ", ".join(f"Z-Image-Fun-Lora-Distill-{steps}-Steps-2603-ComfyUI" for steps in (8, 4, 2))
    assert f"If you have one of these, use it: {loras}. If" in plan("z-image", files=[]).problem
    assert plan("krea2", variant="cfg").problem == (
        "For Krea 2 no Hyper-SD of the kind “CFG-preserved: the negative prompt works” was published."
    )


def test_steps_that_no_lora_serves_are_said():
    held = file("qwen-lightning-8steps")
    assert plan("qwen-image", files=[held], steps=6).problem == "No LoRA for Qwen-Image serves 6 steps; 4, 8 do."
    assert plan("qwen-image", files=[held], steps=6, variant="fixed").problem.startswith("No fixed-step LoRA for Qwen")
    assert plan("krea2", files=[], steps=6).problem.startswith("For Krea 2 no Hyper-SD was published.")


def test_a_unet_that_predicts_a_flow_gets_no_hyper_sdxl():
    refused = plan("sdxl", model="noob_rf", prediction="flow", architecture="SDXL")
    assert refused.problem.startswith(
        "noob_rf (SDXL) was trained to predict something other than the models that Hyper-SD for SDXL"
    )
    flow = next(a for a in ARCHITECTURES if a.id == "sdxl-flow")
    assert flow.prediction == "flow" and flow.family in LOOKALIKES
    assert "rectified flow" in plan(flow.family, prediction=flow.prediction).problem
    mugen = next(a for a in ARCHITECTURES if a.id == "mugen")
    assert mugen.prediction == "flow" and "Mugen, for which no Hyper-SD" in plan(mugen.family).problem


def test_every_recipe_of_a_family_without_ours_says_where_it_comes_from_and_needs_no_code():
    for recipe in CATALOG.recipes:
        if recipe.family not in OURS:
            assert recipe.source and recipe.maker != HYPER_SD and recipe.cfg == 1
    assert BY_ID["qwen-lightning-8steps"].bases == ["Qwen-Image"]
