"""Every field: what is wanted, what is recommended, and what is said where they differ."""

import pytest

from lib_hypersd.plan import File, Model, Plan, Request, SecondPass, make_plan
from lib_hypersd.plan.settle import RULES
from lib_hypersd.recipes.catalog import Catalog
from lib_hypersd.recipes.settings import VARIANTS, Settings
from tests.plans import BY_ID, plan


@pytest.mark.parametrize(
    ("fixed", "warning"),
    [
        ({"file": "Hyper-SDXL-4steps-lora", "steps": 6}, "6 steps are set, and this is made for 4 steps."),
        ({"cfg": 7.0, "variant": "unified"}, "CFG 7 is set, and this is made for 1 to 1.5."),
        ({"family": "flux", "cfg": 3.0}, "CFG 3 is set, and this is made for 1."),
        (
            {"sampler": "Euler a"},
            "Euler a is set as the sampler, and this is made for DDIM-Trailing.",
        ),
        (
            {"schedule": "Karras"},
            "Karras is set as the schedule, and this is made for Trailing.",
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
def test_what_is_not_as_meant_is_said(fixed, warning):
    result = plan(**fixed)
    assert result.problem is None and result.warnings == (warning,)


def test_flux_may_be_shifted_for_the_pictures_own_size_and_nothing_else():
    result = plan("flux", schedule="By image size")
    assert result.schedule == "By image size" and not result.warnings
    assert plan("sd3", schedule="By image size").problem == (
        "The schedule “By image size” is for FLUX, and the loaded checkpoint is SD3."
    )


def test_flux_takes_another_distilled_guidance():
    result = plan("flux", distilled_cfg=2.5)
    assert result.distilled_cfg == 2.5 and result.warnings == () and "distilled CFG 2.5" in result.sentence
    assert plan("flux", distilled_cfg=7.0).warnings == ("Distilled CFG 7 is set, and this is made for 3.5.",)
    assert plan("sdxl", distilled_cfg=2.5).distilled_cfg is None


def test_weights_of_few_bits_get_the_hint():
    assert plan("flux", coarse=True).warnings == (
        "The checkpoint's weights are of few bits, in which a LoRA is rounded away: "
        "set “Diffusion in Low Bits” to “Automatic (fp16 LoRA)”.",
    )
    assert not plan(variant="merged", coarse=True).warnings, "without a LoRA nothing is lost"


def test_a_superseded_edition_is_said():
    old = File("Hyper-SD3-4steps-CFG-lora", BY_ID["hyper-sd3-4steps-cfg"], (), True)
    assert plan("sd3", files=[old]).warnings == (
        "Hyper-SD3-4steps-CFG-lora is an edition that its authors have replaced under the same name; get it again.",
    )


@pytest.mark.parametrize(
    ("second", "fixed", "steps", "warnings"),
    [
        (None, {}, None, ()),
        (SecondPass(), {}, 0, ()),
        (SecondPass(8), {}, 8, ()),
        (SecondPass(3), {"variant": "unified"}, 3, ()),
        (SecondPass(20), {}, 0, ("8 steps is what this is made for, so the second pass takes as many as the first.",)),
        (
            SecondPass(20),
            {"hires_steps": 2},
            2,
            ("2 steps are set for the second pass, and this is made for 8 steps.",),
        ),
        (SecondPass(20), {"hires_steps": 8}, 8, ()),
        (None, {"hires_steps": 2}, None, ()),
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
def test_the_second_pass(second, fixed, steps, warnings):
    result = plan(second=second, **fixed)
    assert result.hires_steps == steps and result.warnings == warnings


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


# The table.


def test_every_field_of_a_plan_and_of_the_settings_has_a_rule():
    ruled = {rule.name for rule in RULES}
    of_plan = {
        "family",
        "problem",
        "recipe",
        "file",
        "rename",
        "strip",
        "warnings",
        "offers",
        "sentence",
        "missing",
    }
    assert set(Plan.__dataclass_fields__) - of_plan <= ruled
    assert set(Settings._fields) - {"enabled", "file"} <= ruled
    assert ruled - set(Plan.__dataclass_fields__) == {"variant", "two_pass", "hires_sampler", "hires_schedule"}


# The weight.


@pytest.mark.parametrize(
    ("family", "tag", "remark"),
    [
        ("flux", "Hyper-FLUX.1-dev-8steps-lora:1", "LoRA weight 1 is set, and this is made for 0.125."),
        ("sd3", "Hyper-SD3-8steps-CFG-lora:1", "LoRA weight 1 is set, and this is made for 0.125."),
        ("sdxl", "Hyper-SDXL-8steps-lora:10", "LoRA weight 10 is set, and this is made for 0.75."),
        ("sdxl", "Hyper-SDXL-8steps-lora:-1", "LoRA weight -1 is set, and this is made for 0.75."),
        ("sdxl", "Hyper-SDXL-8steps-lora:0.37", "LoRA weight 0.37 is set, and this is made for 0.75."),
        ("sdxl", "Hyper-SDXL-8steps-lora:1.01", "LoRA weight 1.01 is set, and this is made for 0.75."),
        (
            "sdxl", "Hyper-SDXL-8steps-lora:0",
            "LoRA weight 0 takes the LoRA out, and without it few steps leave the image unfinished.",
        ),
    ],
)  # fmt: skip
def test_a_weight_far_from_the_recommended_one_is_done_and_said(family, tag, remark):
    weight = float(tag.rpartition(":")[2])
    by_tag = plan(family, prompt=f"a cat <lora:{tag}>")
    assert (by_tag.weight, by_tag.warnings) == (weight, (remark,))
    assert plan(family, weight=weight).warnings == (remark,)


def test_a_weight_near_the_recommended_one_is_fine():
    assert all(plan(weight=weight).warnings == () for weight in (0.375, 0.75, 1.0))
    assert all(plan("flux", weight=weight).warnings == () for weight in (0.0625, 0.1, 0.16))


def test_two_remarks_on_a_weight_are_two_sentences():
    result = plan(prompt="<lora:Hyper-SDXL-8steps-lora:1.5>", weight=0.5)
    assert result.warnings == (
        "The tag's weight 1.5 comes before the 0.5 that the panel has fixed. LoRA weight 1.5 is set, and this is made for 0.75.",
    )
    assert plan(prompt="<lora:Hyper-SDXL-8steps-lora:0.5>", weight=0.0).warnings == (
        "The tag's weight 0.5 comes before the 0 that the panel has fixed.",
    )


# Eta.


def test_an_eta_that_the_recipe_does_not_have_is_said():
    assert plan(eta=1.0).warnings == ("Eta 1 is set, and this is made for 0.",) and plan(eta=1.0).eta == 1.0
    assert plan(eta=0.0).warnings == plan(variant="unified", eta=0.0).warnings == ()
    assert plan(file="dmd2_sdxl_4step_lora", eta=0.3).warnings == ("Eta 0.3 is set, and this is made for 1.",)
    assert all(plan(file="TCD-SDXL-LoRA", eta=eta).warnings == () for eta in (0.0, 0.3, 0.5, 1.0))


def test_an_eta_that_a_client_sends_to_the_host_counts_only_where_the_recipe_lets_it_be_set():
    result = plan(sent_eta=1.0)
    assert result.eta == 0.0 and result.warnings == ("The request's own eta 1 is not used: this is made for eta 0.",)
    assert plan(sent_eta=0.0).warnings == plan(sent_eta=None).warnings == ()
    unified = plan(variant="unified", sent_eta=0.4)
    assert unified.eta == 0.4 and unified.warnings == ()
    assert plan(variant="unified", sent_eta=0.4, eta=0.2).eta == 0.2
    flow = plan("flux", sent_eta=1.0)
    assert flow.eta is None and flow.warnings == ("The request's own eta 1 is not used: Euler has no eta.",)
    own_sampler = plan(sampler="Euler a", sent_eta=1.0)
    assert own_sampler.eta is None and own_sampler.warnings == (
        "Euler a is set as the sampler, and this is made for DDIM-Trailing.",
    )
    assert plan(eta=1.0, sent_eta=0.5).eta == 1.0


# The decoder.


def test_the_fast_decoder_is_used_where_it_is_wanted_and_there():
    assert plan().fast_decoding is None and "decoded" not in plan().sentence
    wanted = plan(fast_decoding=True)
    assert wanted.fast_decoding is True and wanted.warnings == () and "; decoded by TAESD. " in wanted.sentence
    missing = "TAESD is not used: it has no decoder for this checkpoint."
    without = plan(fast_decoding=True, no_fast_decoder=missing)
    assert without.fast_decoding is None and without.warnings == (missing,) and "decoded" not in without.sentence
    assert plan(no_fast_decoder=missing).warnings == (), "nobody has asked for it"
