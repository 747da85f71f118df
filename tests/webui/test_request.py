"""A plan carried out: what it sets on the request, and what the image says of it."""

import json

import pytest
import torch

from tests.double import Processing
from tests.networks import relative_rms
from tests.webui.common import ON


def test_a_plan_is_carried_out_whole(host, script):
    p = Processing(host, steps=20, cfg_scale=7.0, hr_prompt="")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert (p.steps, p.cfg_scale, p.sampler_name, p.scheduler) == (4, 1.0, "DDIM-Trailing", "Trailing")
    assert (
        p.all_prompts == p.all_hr_prompts == ["<lora:Hyper-SD15-4steps-lora:1> a cat"]
        and p.main_prompt == p.all_prompts[0]
    )
    assert host.network.timesteps == pytest.approx([999, 749, 499, 249], abs=2e-2)
    assert p.extra_generation_params["Hyper-SD"] == "hyper-sd15-4steps"
    assert p.extra_generation_params["Hyper-SD steps"] == "4"
    assert not p.comments


def test_the_hires_prompt_of_its_own_gets_the_tag_too(host, script):
    p = Processing(host, hr_prompt="sharper")
    host.process_images(p, script, [ON])
    assert p.all_hr_prompts == ["<lora:Hyper-SD15-8steps-lora:1> sharper"]


def test_the_infotexts_prompt_and_settings_make_the_same_image_again(host, script):
    p = Processing(host)
    first = host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4, "eta": 0.5}])
    again = Processing(
        host, prompt=p.all_prompts[0], steps=p.steps, cfg_scale=p.cfg_scale, sampler_name=p.sampler_name, scheduler=p.scheduler,
        eta=p.extra_generation_params["Eta TCD"],
    )  # fmt: skip
    # Without the panel both halves are evaluated, and u + (c − u) is c up to rounding.
    assert relative_rms(first, host.process_images(again, script, [False])) < 1e-5, "from what the image says"
    again.eta = None
    assert torch.equal(first, host.process_images(again, script, [{**ON, "steps": 4, "eta": 0.5}])), (
        "with the panel restored"
    )
    assert again.all_prompts == p.all_prompts


def test_a_request_with_the_panel_off_is_left_alone(host, script):
    p = Processing(host, prompt="<lora:Hyper-SD15-4steps-lora:1> a cat")
    before = dict(vars(p))
    script.process(p, False, "unified", "4")
    assert vars(p) == before and not p.extra_generation_params and not p.comments


def test_eta_is_only_set_where_it_differs_from_the_samplers_own(host, script):
    """Another sampler, which the user has chosen for the second pass, would take it for its own."""
    p = Processing(host)
    host.process_images(p, script, [{**ON, "steps": 8}])
    assert p.eta is None
    host.shared.opts.data["eta_ddim"] = 0.5
    p = Processing(host)
    host.process_images(p, script, [{**ON, "steps": 8}])
    assert p.eta == 0.0 and p.extra_generation_params["Eta DDIM"] == 0.0


def test_warnings_and_unknown_keys_become_comments(host, script):
    p = Processing(host, prompt="a <lora:Hyper-SDXL-4steps-lora:1> cat")
    host.process_images(p, script, [{**ON, "turbo": 1}])
    assert list(p.comments) == [
        "“turbo” is unknown to this version of Hyper-SD and was passed over.",
        "Hyper-SDXL-4steps-lora was made for SDXL and the loaded checkpoint is SD1.5: its tag is not applied.",
    ]
    assert p.all_prompts == ["<lora:Hyper-SD15-8steps-lora:1> a   cat"]


def test_the_users_recipes_are_used_and_their_faults_are_said(host, script):
    own = [{"id": "hyper-sd15-8steps", "weight": 0.6}, {"id": "hyper-sd15-4steps", "weight": "x"}]
    (host.folder / "hypersd-recipes.json").write_text(json.dumps(own))
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:Hyper-SD15-8steps-lora:0.6> a cat"]
    assert "hypersd-recipes.json, line 1: “hyper-sd15-4steps”: weight must be" in list(p.comments)[0]


def test_a_lora_is_known_by_its_hash_whatever_its_name(host, script):
    host.in_folder[:] = []
    host.install_loras("renamed", renamed="ecb844c3f3b0" + "0" * 52)
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:renamed:1> a cat"] and p.extra_generation_params["Hyper-SD"] == "hyper-sd15-8steps"


def test_the_lora_that_an_option_adds_to_every_prompt_is_followed_like_a_tag(host, script):
    for name, steps in (("Hyper-SD15-4steps-lora", 4), ("some-style", 8), ("None", 8)):
        host.shared.opts.data["sd_lora"] = name
        p = Processing(host)
        host.process_images(p, script, [ON])
        assert p.steps == steps and p.all_prompts[0].count("<lora:") == 1
    host.shared.opts.data["sd_lora"] = "Hyper-SD15-4steps-lora"
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:Hyper-SD15-4steps-lora:0.8> a cat"]


def test_a_prompt_list_of_the_apis_is_not_changed_in_place(host, script):
    prompts = ["one", "two"]
    p = Processing(host, prompt=prompts, batch_size=2)
    host.process_images(p, script, [ON])
    assert prompts == ["one", "two"] and all(t.startswith("<lora:Hyper-SD15-8steps-lora:1>") for t in p.all_prompts)


def test_what_deviates_or_was_passed_over_stands_in_the_image(host, script):
    p = Processing(host, prompt="a cat <lora:Hyper-SD15-4steps-lora:0.2>")
    host.process_images(p, script, [{**ON, "weigth": 1}])
    assert p.extra_generation_params["Hyper-SD note"] == (
        "“weigth” is unknown to this version of Hyper-SD and was passed over. "
        "LoRA weight 0.2 is set, and this is made for 1."
    )
    assert list(p.comments) == p.extra_generation_params["Hyper-SD note"].replace("over. ", "over.|").split("|")
    quiet = Processing(host)
    host.process_images(quiet, script, [ON])
    assert "Hyper-SD note" not in quiet.extra_generation_params


@pytest.mark.parametrize(("panel", "eta"), [({**ON, "steps": 4}, 0.0), ({**ON, "variant": "unified"}, 1.0)])
def test_the_eta_that_some_clients_always_send_makes_no_deterministic_recipe_noisy(host, script, panel, eta):
    sent, own = Processing(host, eta=1.0), Processing(host)
    images = [host.process_images(p, script, [panel]) for p in (sent, own)]
    assert torch.equal(*images)
    key = "Eta DDIM" if eta == 0.0 else "Eta TCD"
    assert sent.extra_generation_params[key] == own.extra_generation_params[key] == eta
    sentence = "The request's own eta 1 is not used: this is made for eta 0."
    assert (sentence in sent.extra_generation_params.get("Hyper-SD note", "")) == (eta == 0.0)


def test_an_eta_of_our_own_or_of_an_axis_always_counts(host, script):
    p = Processing(host)
    host.process_images(p, script, [{**ON, "steps": 4, "eta": 0.5}])
    assert p.extra_generation_params["Eta DDIM"] == 0.5
    cell = host.cell(Processing(host), ("Eta", 0.25))
    host.process_images(cell, script, [{**ON, "steps": 4}])
    assert cell.extra_generation_params["Eta DDIM"] == 0.25


def test_what_stands_in_a_comment_decides_nothing(host, script):
    p = Processing(host, prompt="a cat\n# <lora:Hyper-SD15-4steps-lora:1>")
    host.process_images(p, script, [ON], between=host.strip_comments)
    assert p.steps == 8 and p.all_prompts == ["<lora:Hyper-SD15-8steps-lora:1> a cat\n"]
    if "enable_prompt_comments" not in host.shared.opts.data:
        return
    host.shared.opts.data["enable_prompt_comments"] = False
    p = Processing(host, prompt="a cat\n# <lora:Hyper-SD15-4steps-lora:1>")
    host.process_images(p, script, [ON])
    assert p.steps == 4


def test_another_extension_that_rewrites_the_prompts_does_not_lose_the_lora(host, script):
    def wildcard(p):
        p.all_prompts = ["a dog"]

    p = Processing(host)
    host.process_images(p, script, [ON], between=wildcard)
    assert p.all_prompts == ["<lora:Hyper-SD15-8steps-lora:1> a dog"] and p.steps == 8 and not p.comments
