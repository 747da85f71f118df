"""The host adapter against the double: registration, a request carried out whole, and nothing left behind."""

import json
import sys
import time
from types import SimpleNamespace

import gradio as gr
import pytest
import torch
from fastapi.testclient import TestClient

from lib_hypersd.plan import Memory
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.memory import CannotRemember
from lib_hypersd.recipes.settings import Settings
from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd, start_noise_scale
from lib_hypersd.sampling.schedules import (
    TIMESTEPS,
    flow_sigmas,
    flux_shift,
    sigmas_at,
    start_timesteps,
    tcd_timesteps,
    trailing_timesteps,
)
from tests import loras as lora_files
from tests import webui
from tests.files.headers import NETWORKS, tensors, write
from tests.networks import Network, denoiser, relative_rms
from tests.webui import Host, Processing, Rng

LORAS = [f"Hyper-SD15-{kind}-lora" for kind in ("1step", "2steps", "4steps", "8steps", "8steps-CFG", "12steps-CFG")]
ON = {"enabled": True}


@pytest.fixture
def host(tmp_path):
    with webui.running(tmp_path, "a1111", *LORAS, "Hyper-SDXL-4steps-lora", "some-style") as host:
        yield host


@pytest.fixture
def script(host):
    return host.load_script()


@pytest.fixture
def forge(tmp_path):
    """A host with FLUX, which patches its network, fires hooks twice, and has a CFG of its own for the second pass."""
    with webui.running(tmp_path, "forge", *LORAS, "Hyper-FLUX.1-dev-8steps-lora") as host:
        yield host


@pytest.fixture
def classic(tmp_path):
    """A host without schedules."""
    with webui.running(tmp_path, "classic", *LORAS) as host:
        yield host


def snapshot(host):
    """All of the host that a request could leave changed."""
    return (
        dict(host.shared.opts.data), set(vars(host.shared.opts)), [s.name for s in host.sd_samplers.all_samplers],
        [s.label for s in host.sd_schedulers.schedulers], set(vars(host.model)),
    )  # fmt: skip


# Registration.


def test_samplers_and_schedules_are_there_once_however_often_the_ui_reloads(host):
    for _ in range(3):
        host.load_script()
    assert [s.name for s in host.sd_samplers.all_samplers] == ["Euler", "Euler a", "DPM++ 2M", "TCD", "DDIM-Trailing"]
    assert [s.label for s in host.sd_schedulers.schedulers] == [
        "Automatic",
        "Simple",
        "Trailing",
        "TCD",
        "Start at 800",
    ]
    for schedule in host.sd_schedulers.schedulers:
        assert (
            host.sd_schedulers.schedulers_map[schedule.label]
            is schedule
            is host.sd_schedulers.schedulers_map[schedule.name]
        )
    assert [o.label for o in host.xyz.axis_options if o.label.startswith("[Hyper-SD]")] == [
        "[Hyper-SD] Steps", "[Hyper-SD] Eta", "[Hyper-SD] Weight", "[Hyper-SD] Variant"
    ]  # fmt: skip


def test_another_extensions_tcd_gives_way(host):
    foreign = type(host.sd_samplers.all_samplers[0])("TCD", None, [], {})
    host.sd_samplers.all_samplers.insert(0, foreign)
    host.load_script()
    assert [s.name for s in host.sd_samplers.all_samplers].count("TCD") == 1
    assert host.sd_samplers.all_samplers[0].constructor is not None


def test_no_name_survives_or_suffers_the_hosts_suffix_cutting(host, script):
    """The host cuts " <schedule>" off a sampler's name, and takes the first sampler for what it does not know."""
    labels = [name for s in host.sd_schedulers.schedulers for name in (s.name, s.label)]
    for sampler in host.sd_samplers.all_samplers:
        assert not any(sampler.name.endswith(f" {label}") for label in labels)


def test_a_host_without_the_xyz_script_is_none_the_worse(host):
    from lib_hypersd.webui import axes

    axes.register()
    assert len(host.xyz.axis_options) == 7
    host.load_script()
    assert len(host.xyz.axis_options) == 11


def test_the_option_of_eta_has_its_infotext(host, script):
    assert host.shared.opts.data["hypersd_tcd_eta"] == 0.3
    assert host.shared.opts.data_labels["hypersd_tcd_eta"].infotext == "Eta TCD"


# The panel in the host's tabs.


def test_the_panel_is_built_with_the_prompt_once_and_then_without_it(host, script):
    """The API builds it again in Blocks of its own, only to read the defaults; there is no prompt to listen to."""
    inputs = []
    for _ in range(2):
        with gr.Blocks() as blocks:
            prompt = gr.Textbox(elem_id="txt2img_prompt")
            if not inputs:
                script.after_component(gr.Textbox(), elem_id="something_else")
                script.after_component(prompt, elem_id="txt2img_prompt")
            controls = script.ui(False)
        assert [c.value for c in controls] == [False, *["Recommended"] * 7]
        assert [component for component, _ in script.infotext_fields] == controls
        inputs.append(
            [prompt._id in dependency["inputs"] for dependency in blocks.dependencies if dependency["inputs"]]
        )
    assert all(inputs[0]) and not any(inputs[1])
    assert script.title() == "Hyper-SD" and script.show(False) is host.scripts.AlwaysVisible


def test_the_refresh_button_makes_the_host_look_into_its_folder(host, script):
    from lib_hypersd.webui import loras

    host.in_folder.append(("Hyper-SD15-1step-lora-copy", ""))
    assert "Hyper-SD15-1step-lora-copy" not in {f.name for f in loras.at_hand(published(), None).files}
    loras.refresh()
    assert "Hyper-SD15-1step-lora-copy" in {f.name for f in loras.at_hand(published(), None).files}
    del sys.modules["networks"]
    loras.refresh()


# The samplers inside the host.


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "timesteps", "eta"),
    [
        ("TCD", "TCD", sample_tcd, tcd_timesteps(4), 0.3),
        ("TCD", "Automatic", sample_tcd, tcd_timesteps(4), 0.3),
        ("TCD", "Trailing", sample_tcd, trailing_timesteps(4), 0.3),
        ("DDIM-Trailing", "Automatic", sample_ddim, trailing_timesteps(4), 0.0),
        ("DDIM-Trailing", "Start at 800", sample_ddim, start_timesteps(4), 0.0),
    ],
)
def test_the_hosts_samplers_are_ours(host, script, sampler, schedule, ours, timesteps, eta):
    p = Processing(host, sampler_name=sampler, scheduler=schedule, steps=4, cfg_scale=1.0)
    latents = host.process_images(p, script)
    assert host.network.timesteps == pytest.approx(timesteps, abs=2e-2)
    model, rng = denoiser(Network(torch.float32)), Rng([1])
    sigmas = sigmas_at(timesteps, model.sigmas)
    x = rng.next() * start_noise_scale(sigmas[0].item(), flow=False)
    expected = ours(model, x, sigmas, {"cond": None}, None, True, eta, lambda *_: rng.next())
    assert relative_rms(latents, expected) < 1e-5
    key = "Eta TCD" if sampler == "TCD" else "Eta DDIM"
    assert p.extra_generation_params[key] == eta


@pytest.mark.parametrize("kind", webui.KINDS)
@pytest.mark.parametrize("sampler", ["TCD", "DDIM-Trailing"])
def test_each_image_of_a_batch_gets_the_noise_of_its_own_seed(tmp_path, kind, sampler):
    host = Host(tmp_path, kind)
    with host.as_modules():
        script = host.load_script()

        def made(seed, count):
            p = Processing(host, sampler_name=sampler, steps=4, cfg_scale=1.0, eta=1.0, seed=seed, batch_size=count)
            return host.process_images(p, script)

        batch = made(7, 2)
        for i in range(2):
            assert relative_rms(batch[i], made(7 + i, 1)[0]) < 1e-5


@pytest.mark.parametrize("multiplier", [False, True])
@pytest.mark.parametrize(("schedule", "timestep"), [("Trailing", 999), ("Start at 800", 800)])
def test_start_noise_is_scaled_as_diffusers_scales_it(host, script, schedule, timestep, multiplier):
    host.shared.opts.data["sgm_noise_multiplier"] = multiplier
    p = Processing(host, sampler_name="DDIM-Trailing", scheduler=schedule, steps=1)
    host.process_images(p, script)
    sigma = p.sampler.model_wrap.sigmas[timestep]
    assert relative_rms(p.sampler._started_from, Rng([1]).next() * (1 + sigma**2).sqrt()) < 1e-6


def test_the_hosts_own_samplers_start_as_ever(host, script):
    p = Processing(host, sampler_name="Euler", scheduler="Trailing", steps=2)
    host.process_images(p, script)
    assert relative_rms(p.sampler._started_from, Rng([1]).next() * p.sampler.model_wrap.sigmas[999]) < 1e-6


def test_an_option_that_drops_a_timestep_does_not_reach_our_samplers(host, script):
    host.shared.opts.data["always_discard_next_to_last_sigma"] = True
    host.process_images(Processing(host, sampler_name="DDIM-Trailing", steps=4), script)
    assert host.network.timesteps == pytest.approx([999, 749, 499, 249], abs=2e-2)
    assert host.shared.opts.data["always_discard_next_to_last_sigma"] is True


def test_each_image_of_a_batch_is_the_image_of_its_own_seed(host, script):
    args = [{**ON, "variant": "unified", "steps": 4}]
    batch = host.process_images(Processing(host, batch_size=3, seed=5), script, args)
    for i in range(3):
        single = host.process_images(Processing(host, seed=5 + i), script, args)
        assert relative_rms(batch[i : i + 1], single) < 1e-5


def test_more_tcd_steps_than_its_grid_has_are_taken_from_all_timesteps(host, script):
    host.process_images(Processing(host, sampler_name="TCD", scheduler="TCD", steps=80), script)
    assert len(host.network.timesteps) == 80


# A plan carried out.


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


# All or nothing.


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
    said = "The request's own eta 1 is not used: this is made for eta 0."
    assert (said in sent.extra_generation_params.get("Hyper-SD note", "")) == (eta == 0.0)


def test_an_eta_of_our_own_or_of_an_axis_always_counts(host, script):
    p = Processing(host)
    host.process_images(p, script, [{**ON, "steps": 4, "eta": 0.5}])
    assert p.extra_generation_params["Eta DDIM"] == 0.5
    cell = host.cell(Processing(host), ("Eta", 0.25))
    host.process_images(cell, script, [{**ON, "steps": 4}])
    assert cell.extra_generation_params["Eta DDIM"] == 0.25


@pytest.mark.parametrize("prompt", ["a cat <lora:mystyle:0.8", "a cat # <lora:mystyle:1>\nin a hat", "a <b:c"])
def test_a_plan_that_is_taken_back_leaves_the_prompts_as_they_were(host, script, prompt):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    p, own = Processing(host, prompt=prompt), Processing(host, prompt=prompt)
    host.process_images(p, script, [ON], between=host.strip_comments)
    host.process_images(own, script, [False], between=host.strip_comments)
    assert p.all_prompts == own.all_prompts and p.main_prompt == own.main_prompt
    assert p.steps == 20 and "could not load Hyper-SD15-8steps-lora" in p.extra_generation_params["Hyper-SD note"]


def test_a_tag_that_the_host_cannot_read_is_named_when_nothing_was_loaded(host, script):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    p = Processing(host, prompt="a <lora:mystyle:heavy> cat")
    host.process_images(p, script, [ON])
    assert "It cannot read <lora:mystyle:heavy>." in p.extra_generation_params["Hyper-SD note"]


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


# What the user says of a checkpoint.


def test_what_is_remembered_of_a_checkpoint_is_recommended_and_can_be_forgotten(host, script):
    memory = sys.modules["lib_hypersd.webui.memory"]
    memory.remember(Memory(settings=Settings(steps=4)))
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.steps == 4 and "Remembered for this checkpoint: Steps 4." in p.extra_generation_params["Hyper-SD note"]
    (label,) = memory.labels()
    assert label == "tiny-sd15: steps 4"
    host.shared.opts.data["hypersd_forget"] = None  # as a settings file may have it
    memory.forget_ticked()
    assert list(memory.labels()) == [label]
    host.shared.opts.data["hypersd_forget"] = [label, "another"]
    memory.forget_ticked()
    assert memory.labels() == {} and host.shared.opts.data["hypersd_forget"] == []
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.steps == 8


def test_a_checkpoint_that_is_not_there_cannot_be_remembered(host, script):
    with pytest.raises(CannotRemember, match="has no checkpoint of that name"):
        sys.modules["lib_hypersd.webui.memory"].remember(Memory(""), "nonsense")


def assert_left_alone(host, p, latents, expected, *said):
    assert (p.steps, p.cfg_scale, p.sampler_name, p.scheduler) == (20, 7.0, "Euler", "Automatic")
    assert torch.equal(latents, expected)
    (comment,) = p.comments
    assert comment.startswith("Hyper-SD was not applied, and your own settings were used.")
    assert all(part in comment for part in said)
    assert set(p.extra_generation_params) == {"Hyper-SD note"} and p.extra_generation_params[
        "Hyper-SD note"
    ].startswith("not applied.")


@pytest.fixture
def untouched(host, script):
    return host.process_images(Processing(host), script)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"steps": float("nan")}, "Steps must be a whole number from 1 to 150, not 'nan'."),
        ({"steps": -4}, "Steps must be"), ({"weight": 1e30}, "LoRA weight must be"), ({"cfg": "much"}, "CFG must be"),
        ({"eta": [0.3]}, "Eta must be"), ({"variant": "turbo"}, "Variant must be one of"), ({"file": "no such file"}, "no such file is no LoRA"),
        ({"enabled": 1}, "“enabled” must be true or false, not 1."), ({"steps": 9}, "No Hyper-SD for SD1.5 serves 9 steps"),
        ({"sampler": "DPM++ 9M"}, "This WebUI has no sampler “DPM++ 9M”."), ({"schedule": "Odd"}, "This WebUI has no schedule “Odd” for the sampler “DDIM-Trailing”."),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_changes_nothing(host, script, untouched, args, said):
    p = Processing(host)
    latents = host.process_images(p, script, [{**ON, **args}])
    assert_left_alone(host, p, latents, untouched, said)


def test_a_missing_file_changes_nothing(host, script, untouched):
    host.in_folder[:] = [("some-style", "")]
    host.list_networks()
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "Hyper-SD15-8steps-lora.safetensors (269 MB) is not among the LoRAs")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "and odd is none of these."),
        ({"is_sd2": True}, "odd is SD 2, for which no Hyper-SD was made."),
        ({"is_sdxl": True, "is_ssd": True}, "odd is a pruned SDXL"),
    ],
)
def test_a_family_without_hyper_sd_changes_nothing(host, script, flags, said):
    host.load("odd", **flags)
    untouched = host.process_images(Processing(host), script)
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, said)


@pytest.mark.parametrize("img2img", [False, True])
def test_a_lora_that_does_not_load_takes_the_whole_plan_back(host, script, untouched, img2img):
    host.placed["Hyper-SD15-8steps-lora"] = 0
    own = host.process_images(Processing(host, img2img=True), script) if img2img else untouched
    p = Processing(host, img2img=True) if img2img else Processing(host, hr_prompt="")
    latents = host.process_images(p, script, [ON])
    assert p.all_prompts == getattr(p, "all_hr_prompts", ["a cat"]) == ["a cat"]
    assert_left_alone(host, p, latents, own, "could not load Hyper-SD15-8steps-lora")


def test_a_request_that_a_script_runs_again_starts_from_the_users_own_values(host, script, untouched):
    p = Processing(host)
    for _ in range(2):
        host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
        assert p.steps == 4 and "Hyper-SD eta" not in p.extra_generation_params
    p.comments.clear()
    latents = host.process_images(p, script, [{**ON, "steps": 9}])
    assert p.eta is None
    assert_left_alone(host, p, latents, untouched, "serves 9 steps")
    p.steps = 5
    host.process_images(p, script, [False])
    assert p.steps == 5, "what the script has changed meanwhile stays"


def test_loras_switched_off_by_the_request(host, script, untouched):
    p = Processing(host, disable_extra_networks=True)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "disable_extra_networks")


def test_no_checkpoint_in_memory_is_a_sentence(host, script):
    host.sd_models.model_data.sd_model = None
    p = Processing(host)
    p.all_prompts = ["a cat"]
    script.process(p, True)
    assert list(p.comments) == ["Hyper-SD was not applied, and your own settings were used. No checkpoint is loaded."]


def test_without_the_hosts_lora_extension(host, script, untouched):
    del sys.modules["networks"]
    p = Processing(host)
    latents = host.process_images(p, script, [ON])
    assert_left_alone(host, p, latents, untouched, "is not among the LoRAs")


def test_another_extension_that_rewrites_the_prompts_does_not_lose_the_lora(host, script):
    def wildcard(p):
        p.all_prompts = ["a dog"]

    p = Processing(host)
    host.process_images(p, script, [ON], between=wildcard)
    assert p.all_prompts == ["<lora:Hyper-SD15-8steps-lora:1> a dog"] and p.steps == 8 and not p.comments


# Guidance.


def rows(host):
    counted = []
    handle = host.network.register_forward_pre_hook(lambda module, args: counted.append(args[0].shape[0]))
    return counted, handle


def test_at_cfg_1_the_network_sees_half_the_rows_and_gives_the_same_image(host, script):
    counted, handle = rows(host)
    p = Processing(host, batch_size=2)
    halved = host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
    assert counted == [2, 2, 2, 2] and "Skip Early CFG" not in p.extra_generation_params
    counted.clear()
    by_hand = Processing(
        host,
        prompt=p.all_prompts[0],
        batch_size=2,
        steps=4,
        cfg_scale=1.0,
        sampler_name="TCD",
        scheduler="TCD",
        eta=1.0,
    )
    whole = host.process_images(by_hand, script)
    assert counted == [4, 4, 4, 4] and relative_rms(halved, whole) < 1e-5
    handle.remove()


def test_whoever_listens_to_the_predictions_gets_the_negative_one(host, script):
    counted, handle = rows(host)
    listeners = host.script_callbacks.callback_map["callbacks_cfg_denoised"]
    for listener in ([SimpleNamespace(callback=print)], []):
        listeners[:] = listener
        host.process_images(Processing(host), script, [{**ON, "steps": 2}])
    assert counted == [2, 2, 1, 1]
    handle.remove()


def test_an_inpainting_checkpoint_is_asked_half_the_rows_too(host, script):
    host.load("some-inpainting", is_sd1=True, is_inpainting=True)
    counted, handle = rows(host)
    host.process_images(Processing(host), script, [{**ON, "steps": 4}])
    assert counted == [1, 1, 1, 1]
    handle.remove()


@pytest.mark.parametrize(
    "asked", [{"cfg": 5}, {"cfg": 1.5}, {"steps": 8, "variant": "cfg"}], ids=["CFG 5", "CFG 1.5", "CFG-preserved"]
)
def test_above_cfg_1_both_halves_are_evaluated(host, script, asked):
    counted, handle = rows(host)
    host.process_images(Processing(host), script, [{**ON, **asked}])
    assert set(counted) == {2}
    handle.remove()


@pytest.mark.parametrize("parts", [((1.0, 1.0),), ((0.5,),)], ids=["AND", "weighted"])
def test_prompts_whose_image_depends_on_the_negative_keep_it(host, script, parts):
    counted, handle = rows(host)
    host.process_images(Processing(host, parts=parts), script, [ON])
    assert set(counted) == {2}
    handle.remove()


@pytest.mark.parametrize("attribute", ["need_last_noise_uncond", "image_cfg_scale", "cond_scale_miltiplier"])
def test_whoever_reads_the_negative_prediction_gets_it(host, script, attribute):
    from lib_hypersd.webui import guidance

    p = Processing(host)
    host.process_images(p, script, [ON])
    conds = p.sampler.model_wrap_cfg, type("C", (), {"batch": [[type("P", (), {"weight": 1.0})()]]})
    assert guidance.cancels_out(*conds, 1.0)
    setattr(p.sampler.model_wrap_cfg, attribute, 2.0)
    assert not guidance.cancels_out(*conds, 1.0)


def test_a_hook_that_fires_twice_wraps_once(host, script):
    p = Processing(host)
    host.process_images(p, script, [ON])
    first = p.sampler.model_wrap_cfg.forward, p.sampler.sample_img2img
    script.process_before_every_sampling(p, x=torch.zeros(1, 4, 8, 8))
    assert (p.sampler.model_wrap_cfg.forward, p.sampler.sample_img2img) == first


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_nothing_is_left_behind_whatever_happens(host, script, error):
    before = snapshot(host)
    host.failure = error
    with pytest.raises(type(error)):
        host.process_images(Processing(host), script, [ON])
    assert snapshot(host) == before
    host.failure = None
    counted, handle = rows(host)
    host.process_images(Processing(host, steps=3), script)
    assert counted == [2, 2, 2], "the next request is its own"
    handle.remove()


def test_a_shadowed_option_is_never_saved_and_comes_back_nested(host, script):
    from lib_hypersd.webui.options import shadowed

    opts = host.shared.opts
    with shadowed(skip_early_cond=1.0):
        with shadowed(skip_early_cond=0.5):
            assert opts.skip_early_cond == 0.5 and opts.data["skip_early_cond"] == 0.0
        assert opts.skip_early_cond == 1.0
    assert opts.skip_early_cond == 0.0


# X/Y/Z.


def test_our_axes_switch_hyper_sd_on_for_their_cell_only(host, script):
    p = Processing(host)
    for steps, name in ((4, "Hyper-SD15-4steps-lora"), (2, "Hyper-SD15-2steps-lora")):
        cell = host.cell(p, ("[Hyper-SD] Steps", steps), ("[Hyper-SD] Weight", 0.5))
        host.process_images(cell, script, [False])
        assert cell.steps == steps and cell.all_prompts == [f"<lora:{name}:0.5> a cat"]
    host.process_images(p, script, [False])
    assert p.steps == 20 and not p.extra_generation_params


def test_the_variant_axis_has_off(host, script):
    p = Processing(host)
    for axes in (
        [("[Hyper-SD] Variant", "Off"), ("[Hyper-SD] Steps", 4)],
        [("[Hyper-SD] Steps", 4), ("[Hyper-SD] Variant", "Off")],
    ):
        cell = host.cell(p, *axes)
        host.process_images(cell, script, [ON])
        assert cell.steps == 20 and not cell.comments
    cell = host.cell(p, ("[Hyper-SD] Variant", "cfg"))
    host.process_images(cell, script, [False])
    assert cell.cfg_scale == 5.0
    cell = host.cell(p, ("[Hyper-SD] Variant", "Recommended"))
    host.process_images(cell, script, [{**ON, "variant": "cfg"}])
    assert cell.cfg_scale == 1.0
    axis = next(o for o in host.xyz.axis_options if o.label == "[Hyper-SD] Variant")
    assert axis.choices() == ["Recommended", "fixed", "unified", "cfg", "merged", "Off"]


def test_a_value_of_an_axis_that_cannot_be_carried_out_is_a_sentence(host, script):
    cell = host.cell(Processing(host), ("[Hyper-SD] Eta", 7.0))
    host.process_images(cell, script, [ON])
    assert "Eta must be a number from 0 to 1" in list(cell.comments)[0]


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_the_hosts_steps_axis_varies_with_the_panel_on(host, script, steps):
    p = Processing(host, steps=8)  # also where the axis has the slider's own value
    cell = host.cell(p, ("Steps", steps))
    host.process_images(cell, script, [{**ON, "steps": 1}])
    assert cell.steps == steps == len(host.network.timesteps)


def test_the_hosts_cfg_sampler_schedule_and_eta_axes_vary_with_the_panel_on(host, script):
    p = Processing(host)
    cell = host.cell(p, ("CFG Scale", 1.5), ("Sampler", "Euler a"), ("Schedule type", "Simple"))
    host.process_images(cell, script, [ON])
    assert (cell.cfg_scale, cell.sampler_name, cell.scheduler, cell.steps) == (1.5, "Euler a", "Simple", 8)
    cell = host.cell(p, ("Eta", 0.7))
    host.process_images(cell, script, [{**ON, "variant": "unified"}])
    assert cell.eta == 0.7 and cell.extra_generation_params["Eta TCD"] == 0.7


def test_a_cell_leaves_no_infotext_to_the_next(host, script):
    p = Processing(host)
    host.process_images(host.cell(p, ("[Hyper-SD] Steps", 1)), script, [False])
    assert {"Hyper-SD", "Hyper-SD steps", "Eta TCD"} <= set(p.extra_generation_params), (
        "cells share the dict, as in the host"
    )
    host.process_images(host.cell(p), script, [False])
    assert not p.extra_generation_params


# Strength.


def recorded(host):
    return [round(t) for t in host.network.timesteps]


@pytest.mark.parametrize("strength", [0.2, 0.35, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize(("steps", "variant"), [(1, None), (2, None), (4, None), (8, None), (4, "unified")])
def test_an_image_starts_at_its_strength_and_takes_all_steps(host, script, strength, steps, variant):
    p = Processing(host, img2img=True, denoising_strength=strength)
    latents = host.process_images(p, script, [{**ON, "steps": steps, "variant": variant, "eta": 0.3}])
    schedule, ours = ("TCD", sample_tcd) if p.sampler_name == "TCD" else ("Trailing", sample_ddim)
    timesteps = TIMESTEPS[schedule](steps, strength, 1000)
    assert recorded(host) == timesteps and p.extra_generation_params["Exact strength"] is True
    assert p.extra_generation_params["Schedule type"] == schedule and p.steps == steps

    model, rng = denoiser(Network(torch.float32)), Rng([1])
    sigmas = sigmas_at(timesteps, model.sigmas)
    start = host.image(p) + rng.next() * sigmas[0]
    expected = ours(model, start, sigmas, {"cond": None}, None, True, 0.3, lambda *_: rng.next())
    assert relative_rms(latents, expected) < 1e-5


def test_strength_0_gives_the_image_back(host, script):
    for args in ([{**ON, "steps": 4}], [False]):
        p = Processing(host, img2img=True, denoising_strength=0.0, sampler_name="TCD")
        assert torch.equal(host.process_images(p, script, args), host.image(p)) and not recorded(host)


def test_the_switch_brings_the_hosts_own_arithmetic_back(host, script):
    host.shared.opts.data["hypersd_exact_strength"] = False
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert recorded(host) == [749, 499, 249] and p.extra_generation_params["Exact strength"] is False


def test_our_samplers_are_exact_without_the_panel_and_others_never_are(host, script):
    p = Processing(host, img2img=True, denoising_strength=0.5, sampler_name="TCD", scheduler="Automatic", steps=4)
    host.process_images(p, script)
    assert recorded(host) == tcd_timesteps(4, 0.5)
    p = Processing(host, img2img=True, denoising_strength=0.5, sampler_name="Euler", scheduler="Trailing", steps=4)
    host.process_images(p, script)
    assert recorded(host) == [749, 499, 249] and "Exact strength" not in p.extra_generation_params


@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
def test_a_sampler_of_the_users_is_exact_within_a_request_of_ours(host, script, sampler):
    p = Processing(host, img2img=True, denoising_strength=0.6)
    host.process_images(p, script, [{**ON, "steps": 4, "sampler": sampler}])
    assert recorded(host) == TIMESTEPS["Trailing"](4, 0.6, 1000)


def test_a_schedule_that_is_not_ours_keeps_its_levels_and_gets_all_steps(host, script):
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4, "schedule": "Simple"}])
    assert recorded(host) == [499, 374, 249, 124], "the last 4 of 8"


def test_an_option_that_drops_a_timestep_does_not_reach_an_image_either(host, script):
    host.shared.opts.data["always_discard_next_to_last_sigma"] = True
    p = Processing(host, img2img=True, denoising_strength=0.5)
    host.process_images(p, script, [{**ON, "steps": 4, "sampler": "Euler"}])
    assert recorded(host) == TIMESTEPS["Trailing"](4, 0.5, 1000)


def test_a_failure_leaves_the_sampler_as_it_was(host, script):
    host.failure = RuntimeError("out of memory")
    p = Processing(host, img2img=True, denoising_strength=0.5)
    with pytest.raises(RuntimeError):
        host.process_images(p, script, [{**ON, "steps": 4}])
    assert "get_sigmas" not in vars(p.sampler)


# The second pass.


def test_the_second_pass_has_its_own_steps_and_means_its_strength(host, script):
    p = Processing(host, enable_hr=True, hr_second_pass_steps=2, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "variant": "unified", "steps": 4}])
    assert recorded(host) == tcd_timesteps(4) + tcd_timesteps(2, 0.5)
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert recorded(host) == trailing_timesteps(4) + TIMESTEPS["Trailing"](4, 0.5, 1000), "0 steps: as the first"
    p = Processing(host, enable_hr=True, hr_second_pass_steps=15, denoising_strength=0.5, hr_prompt="")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert len(recorded(host)) == 8 and "the second pass takes as many as the first" in list(p.comments)[0]


def test_the_hosts_axis_of_the_second_pass_varies(host, script):
    host.xyz.axis_options.append(type(host.xyz.axis_options[0])("Hires steps", int, None))
    host.xyz.axis_options[-1].apply = lambda p, x, xs: setattr(p, "hr_second_pass_steps", x)
    script = host.load_script()
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    for steps in (3, 1):
        cell = host.cell(p, ("Hires steps", steps))
        host.process_images(cell, script, [{**ON, "steps": 4}])
        assert len(recorded(host)) == 4 + steps
        assert list(cell.comments)[-1].endswith("set for the second pass, and this is made for 4 steps.")


def test_a_second_cfg_comes_from_the_plan_and_goes_back(forge):
    script = forge.load_script()
    p = Processing(forge, enable_hr=True, denoising_strength=0.5, hr_prompt="")
    forge.process_images(p, script, [{**ON, "steps": 4}])
    assert p.hr_cfg == 1.0 and p.hr_distilled_cfg == 3.5 and len(recorded(forge)) == 8
    forge.process_images(p, script, [False])
    assert p.hr_cfg == 7.0


def test_a_sampler_that_the_user_has_set_for_the_second_pass_stays_and_is_said(host, script):
    p = Processing(host, enable_hr=True, denoising_strength=0.5, hr_prompt="", hr_sampler_name="Euler a")
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert len(recorded(host)) == 8
    assert list(p.comments) == ["Euler a is set for the second pass, and this is made for DDIM-Trailing."]


# Hosts that patch their network.


@pytest.fixture
def neo(tmp_path):
    with webui.running(tmp_path, "neo", *LORAS, "some-style") as host:
        yield host


def test_a_renaming_at_the_refiner_to_a_lora_that_is_missing_is_refused(neo):
    script, refiner = neo.load_script(), neo.checkpoints["tiny-sd15"]
    neo.shared.opts.data["refiner_lora_replacement"] = "high_noise=low_noise\n8steps=2steps\n=\n"
    p = Processing(neo, refiner_checkpoint_info=refiner)
    neo.process_images(p, script, [ON])
    assert len(recorded(neo)) == 8 and "not applied" not in p.extra_generation_params.get("Hyper-SD note", "")
    neo.shared.opts.data["refiner_lora_replacement"] = "8steps=low"
    p = Processing(neo, refiner_checkpoint_info=refiner)
    neo.process_images(p, script, [ON])
    assert len(recorded(neo)) == 20 and "asks for Hyper-SD15-low-lora, and the WebUI" in list(p.comments)[0]
    p = Processing(neo)
    neo.process_images(p, script, [ON])
    assert not p.comments, "without a refiner nothing is renamed"


def test_a_schedule_that_the_user_has_hidden_is_not_in_the_list_and_serves_the_plan(neo):
    neo.shared.opts.data["hide_schedulers"] = ["Trailing", "TCD"]
    script = neo.load_script()
    assert not {"Trailing", "TCD"} & {entry.label for entry in neo.sd_schedulers.schedulers}
    p = Processing(neo)
    neo.process_images(p, script, [{**ON, "schedule": "trailing"}])
    assert not p.comments and recorded(neo) == list(trailing_timesteps(8))


@pytest.mark.parametrize(("kind", "flows"), [("neo", True), ("forge", False), ("a1111", False)])
def test_an_sdxl_that_the_host_will_take_for_a_flow_model_is_refused_before_it_is_loaded(tmp_path, kind, flows):
    host = Host(tmp_path, kind)
    with host.as_modules():
        host.load_script()
        from lib_hypersd.webui import model

        (tmp_path / "Rectified").mkdir()
        for name in ("Rectified/some xl", "some xl"):
            write(loaded_file(host.load(name)), tensors(NETWORKS["sdxl"]))
        host.load("tiny-sd15")
        predictions = [model.find_selected(name).prediction for name in ("Rectified/some xl", "some xl")]
        assert predictions == ["flow" if flows else "epsilon", "epsilon"]


def test_an_sdxl_that_predicts_flow_is_refused(neo):
    script = neo.load_script()
    write(loaded_file(neo.load("some xl", is_sdxl=True, is_flow=True)), tensors(NETWORKS["sdxl"]))
    p = Processing(neo)
    neo.process_images(p, script, [ON])
    assert "was trained to predict something else" in list(p.comments)[0] and p.steps == 20


def test_a_mode_in_which_the_host_runs_no_script_is_said(neo):
    script = neo.load_script()
    neo.shared.opts.data["forge_model_mode"] = "api"
    payload = {"alwayson_scripts": {"Hyper-SD": {"args": [ON]}}}
    answer = TestClient(neo.app(script)).post("/hypersd/v1/plan", json=payload).json()
    assert "images made by a service" in answer["problem"] and answer["enabled"]
    with gr.Blocks():
        script.after_component(gr.Textbox(elem_id="txt2img_prompt"), elem_id="txt2img_prompt")
        panel = script.ui(False)
    assert panel and "images made by a service" in panel_text(neo, [True])


def panel_text(host, values):
    from lib_hypersd.panel import render_status
    from lib_hypersd.webui import ui

    return render_status(values, ui.backend(), "")[0]


def test_sd3s_layers_are_known_by_diffusers_names_too_however_often_the_ui_reloads(forge):
    own = forge.networks.model_lora_keys_unet
    forge.load_script()
    forge.load_script()
    assert forge.networks.model_lora_keys_unet.__wrapped__ is own
    sd3, other = (SimpleNamespace(diffusion_model=SimpleNamespace(**kind)) for kind in ({"joint_blocks": []}, {}))
    sd3.diffusion_model.config = {"depth": 2}
    assert forge.networks.model_lora_keys_unet(other) == own(other)
    assert forge.networks.model_lora_keys_unet(sd3) == {
        **own(sd3),
        "transformer.blocks.0.to_q": ("diffusion_model.joint_blocks.0.qkv.weight", (0, 0, 128)),
        "transformer.blocks.1.to_q": ("diffusion_model.joint_blocks.1.qkv.weight", (0, 0, 128)),
    }


def test_a_lora_that_is_missing_and_takes_ours_with_it_is_named(forge):
    script = forge.load_script()
    p = Processing(forge, prompt="<lora:some-style:1> a cat")
    forge.process_images(p, script, [ON])
    assert list(p.comments)[0].endswith("It has no LoRA called some-style.") and len(recorded(forge)) == 20


def test_guidance_is_left_to_a_host_that_drops_the_negative_half_itself(forge):
    script = forge.load_script()
    p = Processing(forge)
    forge.process_images(p, script, [ON])
    assert "forward" not in vars(p.sampler.model_wrap_cfg)


@pytest.fixture
def flux(forge):
    model = forge.load("some-flux", is_flow=True)
    model.model_config = type("Config", (), {"huggingface_repo": "black-forest-labs/FLUX.1-dev"})
    return forge


def test_flux_gets_its_plan(flux):
    script = flux.load_script()
    p = Processing(flux, distilled_cfg_scale=1.0)
    flux.process_images(p, script, [ON])
    assert (p.sampler_name, p.scheduler, p.steps, p.cfg_scale) == ("Euler", "Simple", 8, 1.0)
    assert p.distilled_cfg_scale == 3.5 and p.all_prompts == ["<lora:Hyper-FLUX.1-dev-8steps-lora:0.125> a cat"]


@pytest.mark.parametrize("strength", [0.35, 0.6, 1.0])
@pytest.mark.parametrize("img2img", [False, True])
def test_a_flow_schedule_that_goes_by_the_images_size(flux, strength, img2img):
    script = flux.load_script()
    p = Processing(flux, img2img=img2img, denoising_strength=strength)
    flux.process_images(p, script, [{**ON, "schedule": "By image size"}])
    sigmas = flow_sigmas(8, strength if img2img else 1.0, flux_shift(16))  # latents of 8 × 8
    assert flux.network.timesteps == pytest.approx((sigmas[:-1] * 1000).tolist(), abs=1e-2)


def test_a_flow_model_starts_an_image_at_its_strength(flux):
    script = flux.load_script()
    p = Processing(flux, img2img=True, denoising_strength=0.5)
    latents = flux.process_images(p, script, [{**ON, "steps": 4, "file": "Hyper-FLUX.1-dev-8steps-lora"}])
    sigmas = flow_sigmas(4, 0.5, 3.0)
    assert flux.network.timesteps == pytest.approx((sigmas[:-1] * 1000).tolist(), abs=1e-2)
    start = host_start = flux.image(p) * (1 - sigmas[0]) + Rng([1]).next() * sigmas[0]
    model = p.sampler.model_wrap
    assert relative_rms(latents, sample_ddim(model, host_start, sigmas, disable=True)) < 1e-5 and start is host_start


def test_a_schedule_that_is_none_of_ours_is_a_sentence(host):
    from lib_hypersd.webui import schedules

    with pytest.raises(ValueError, match="“Karras” is none of Hyper-SD's schedules"):
        schedules.sigmas("Karras", 4, 0.03, 14.6, denoiser(Network()), "cpu")


def test_a_schedule_for_flux_is_only_where_flux_is(host, script, flux):
    assert "By image size" not in host.sd_schedulers.schedulers_map
    flux.load_script()
    assert "By image size" in flux.sd_schedulers.schedulers_map
    flux.load("tiny", is_sd1=True)
    p = Processing(flux, sampler_name="TCD", scheduler="By image size")
    with pytest.raises(ValueError, match="is for FLUX; choose another"):
        flux.process_images(p, flux.load_script())


# A host without schedules.


@pytest.mark.parametrize(
    ("asked", "sampler", "timesteps"),
    [
        ({"steps": 4}, "DDIM-Trailing", trailing_timesteps(4)),
        ({"variant": "unified", "steps": 4}, "TCD", tcd_timesteps(4)),
        ({"steps": 4, "schedule": "Start at 800"}, "DDIM-Trailing", start_timesteps(4)),
    ],
)
def test_without_schedules_our_samplers_have_their_own(classic, asked, sampler, timesteps):
    script = classic.load_script()
    p = Processing(classic)
    classic.process_images(p, script, [{**ON, **asked}])
    assert p.sampler_name == sampler and recorded(classic) == timesteps
    classic.process_images(p, script, [False])
    assert p.scheduler is None


def test_without_schedules_our_samplers_work_by_themselves(classic):
    script = classic.load_script()
    for sampler, timesteps in (("TCD", tcd_timesteps(4)), ("DDIM-Trailing", trailing_timesteps(4))):
        p = Processing(classic, sampler_name=sampler, steps=4)
        classic.process_images(p, script)
        assert recorded(classic) == timesteps
    p = Processing(classic, sampler_name="TCD", steps=4, img2img=True, denoising_strength=0.5)
    classic.process_images(p, script)
    assert recorded(classic) == tcd_timesteps(4, 0.5)


def test_without_schedules_another_sampler_is_refused(classic):
    p = Processing(classic)
    classic.process_images(p, classic.load_script(), [{**ON, "sampler": "Euler"}])
    assert "This WebUI has no schedule “Trailing” for the sampler “Euler”." in list(p.comments)[0]


# Which checkpoint it is.


@pytest.mark.parametrize(
    ("repository", "family"),
    [
        ("x/FLUX.1-dev", "flux"),
        ("x/FLUX.1-schnell", "flux-schnell"),
        ("Chroma", "chroma"),
        ("x/other", None),
        (None, None),
    ],
)
def test_an_architecture_without_a_flag_is_known_by_its_name(forge, repository, family):
    forge.load("x").model_config = type("Config", (), {"huggingface_repo": repository})
    from lib_hypersd.webui import model

    assert model.find_loaded().family == family


def test_a_pruned_sdxl_is_told_by_its_file(host, script):
    from lib_hypersd.webui import model

    for content, family in (("sdxl", "sdxl"), ("sdxl-pruned", "sdxl-pruned"), ("sdxl-refiner", "sdxl-refiner")):
        loaded = host.load("some-xl", is_sdxl=True)
        write(loaded_file(loaded), tensors(NETWORKS[content]))
        assert model.find_loaded().family == family


def loaded_file(loaded):
    from pathlib import Path

    return Path(loaded.sd_checkpoint_info.filename)


def test_what_the_network_predicts(host, forge):
    from lib_hypersd.webui import model

    host.sd_models.model_data.sd_model.parameterization = "v"
    with host.as_modules():
        from lib_hypersd.webui import model

        assert model.find_loaded().prediction == "v_prediction"
    forge.model.forge_objects.unet.model.predictor = type("Predictor", (), {"prediction_type": "const"})
    from lib_hypersd.webui import model

    assert model.find_loaded().prediction == "flow"


@pytest.mark.parametrize("stored", ["nf4", "gguf", "torch.float8_e4m3fn", "torch.float16"])
def test_weights_of_few_bits_need_loras_to_be_kept_apart(forge, monkeypatch, stored):
    from lib_hypersd.webui import model

    forge.model.forge_objects.unet.model.storage_dtype = stored
    assert model.find_loaded().coarse is (stored != "torch.float16")
    backend = type(sys)("backend.args")
    backend.dynamic_args = {"online_lora": True}
    monkeypatch.setitem(sys.modules, "backend.args", backend)
    assert model.find_loaded().coarse is False


def test_the_panel_shows_the_selected_checkpoint_before_it_is_loaded(forge):
    from lib_hypersd.webui import model

    loaded = forge.model
    other = forge.load("other-xl", is_sdxl=True)
    write(loaded_file(other), tensors(NETWORKS["sdxl"], dtype="F8_E4M3"))
    forge.sd_models.model_data.sd_model = sys.modules["modules.sd_models"].model_data.sd_model = loaded
    assert model.find_loaded().name == "tiny-sd15"
    assert (model.find_selected().name, model.find_selected().family, model.find_selected().coarse) == (
        "other-xl",
        "sdxl",
        True,
    )
    loaded_file(other).unlink()
    assert model.find_selected() is None, "its file does not tell, so nothing is said until it is loaded"
    forge.shared.opts.data["sd_model_checkpoint"] = None
    assert model.find_selected().name == "tiny-sd15"


def test_the_loaded_checkpoint_is_known_again_when_a_reloaded_ui_lists_it_anew(host, script):
    from lib_hypersd.webui import model

    before = model.find_selected()
    name = host.shared.opts.sd_model_checkpoint
    host.checkpoints[name] = SimpleNamespace(**vars(host.checkpoints[name]), listed="anew")
    assert model.find_selected() == before == model.find_loaded()


def test_a_superseded_edition_is_told_by_its_size_or_hash(host, script):
    recipe = next(r for r in published().recipes if r.superseded_bytes)
    host.install_loras("Hyper-SD3-4steps-CFG-lora")
    disk = host.networks.available_networks["Hyper-SD3-4steps-CFG-lora"]
    for size, superseded in ((None, False), (recipe.superseded_bytes, True), (recipe.bytes, False)):
        lora_files.write(host.lora(disk.name), {"x.lora_down.weight": [4, 8]}, size=size)
        assert file_called(disk.name).superseded is superseded
    disk.hash = recipe.superseded_sha256
    assert file_called(disk.name).superseded


def test_a_refiner_that_takes_over_gets_the_lora_too(host, script):
    refiner = host.load("other", is_sd1=True).sd_checkpoint_info
    host.load("tiny-sd15", is_sd1=True)
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert host.loras_seen == [["Hyper-SD15-4steps-lora"]] * 4 and not p.comments
    host.process_images(p, script, [{**ON, "steps": 4}])
    host.loras_seen.clear()
    host.process_images(p, script, [False])
    assert "setup_conds" not in vars(p) and not any(host.loras_seen), "nothing is left on the request"


def test_a_refiner_that_does_not_take_over_is_said(host, script):
    refiner = host.load("other", is_sd1=True).sd_checkpoint_info
    host.load("tiny-sd15", is_sd1=True)
    host.switch_at = 1.0
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [{**ON, "steps": 4}])
    said = "The refiner did not take over: none of these steps lies behind its switch. Have it switch earlier."
    assert list(p.comments) == [said] and p.extra_generation_params["Hyper-SD note"] == said
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [False])
    assert not p.comments


def test_a_refiner_of_another_family_is_said(host, script):
    other = host.load("sd_xl_refiner")
    write(loaded_file(other), tensors(NETWORKS["sdxl-refiner"]))
    host.load("tiny-sd15", is_sd1=True)
    p = Processing(host, refiner_checkpoint_info=other.sd_checkpoint_info)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert "The refiner sd_xl_refiner is SDXL's refiner" in list(p.comments)[0]


# The files on the disk.


def file_called(name):
    from lib_hypersd.webui import loras

    return next((f for f in loras.at_hand(published(), None).files if f.name == name), None)


def settled():
    """Wait until the files are read in the background."""
    from lib_hypersd.webui import loras

    while loras.shelf().library.background.thread is not None:
        time.sleep(0.001)


def test_a_renamed_file_is_found_by_the_hosts_hash_in_the_background(host, script):
    eight = next(r for r in published().recipes if r.id == "hyper-sd15-8steps")
    lora_files.write(host.lora("fast"), {"x.lora_down.weight": [4, 8]}, size=eight.bytes)
    host.known_hashes["lora/fast", False] = eight.sha256
    host.in_folder[:] = []
    host.install_loras("fast", "some-style")
    assert file_called("fast") is None, "four files have this size"
    settled()
    assert file_called("fast").recipe == eight
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:fast:1> a cat"]
    assert json.loads((host.folder / "hypersd-files.json").read_text())["files"][str(host.lora("fast"))]["sha256"]


def test_the_hosts_own_wish_not_to_hash_is_kept(host, script, monkeypatch):
    host.shared.cmd_opts.no_hashing = True
    monkeypatch.setattr("lib_hypersd.files.library.hashes_of", lambda path: pytest.fail("hashed"))
    lora_files.write(host.lora("fast"), {"x.lora_down.weight": [4, 8]}, size=269127064)
    host.install_loras("fast")
    file_called("fast")
    settled()
    assert file_called("fast") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x10\0\0\0\0\0\0\0no safetensors here", "Hyper-SD15-12steps-CFG-lora.safetensors has no safetensors header. It is not used."),
        (b"", "Hyper-SD15-12steps-CFG-lora.safetensors is too short for a safetensors file. It is not used."),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_before_anything_is_changed(host, script, content, said):
    host.lora("Hyper-SD15-12steps-CFG-lora").write_bytes(content)
    host.install_loras("Hyper-SD15-12steps-CFG-lora")
    for args, prompt in (
        ([{"steps": 12}], "a"),
        ([{"file": "Hyper-SD15-12steps-CFG-lora"}], "a"),
        ([ON], "<lora:Hyper-SD15-12steps-CFG-lora:1>"),
    ):
        p = Processing(host, prompt)
        host.process_images(p, script, args)
        assert said in p.extra_generation_params["Hyper-SD note"] and p.steps == 20


def test_a_file_whose_layers_are_for_another_model_is_refused_by_name(host, script):
    lora_files.write(host.lora("Hyper-SD15-8steps-CFG-lora"), {"x_attn2_to_k.lora_down.weight": [4, 2048]})
    host.install_loras("Hyper-SD15-8steps-CFG-lora")
    p = Processing(host)
    host.process_images(p, script, [{"file": "Hyper-SD15-8steps-CFG-lora"}])
    assert p.extra_generation_params["Hyper-SD note"] == (
        "not applied. Hyper-SD15-8steps-CFG-lora is called like Hyper-SD15-8steps-CFG-lora, which is for SD1.5, and its "
        "layers are made for SDXL: it is not used. Give it a name that says what it is."
    )


def test_a_name_that_no_tag_can_hold_is_said(host, script):
    host.in_folder[:] = []
    host.install_loras("Hyper-SD15: 8steps", "Hyper-SD15-4steps-lora")
    assert file_called("Hyper-SD15: 8steps").problem == (
        "Hyper-SD15: 8steps cannot be written in a prompt, because of its “:” or “>”; rename the file."
    )
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:Hyper-SD15-4steps-lora:1> a cat"]


def test_the_files_are_looked_at_again_only_when_something_is_new(host, script, monkeypatch):
    from lib_hypersd.webui import loras

    first = loras.at_hand(published(), None).files
    settled()
    again = loras.at_hand(published(), None).files
    assert [f.name for f in again] == [f.name for f in first] and loras.at_hand(published(), None).files is again
    host.list_networks()
    assert loras.at_hand(published(), None).files is not again
    host.lora("Hyper-SD15-4steps-lora").unlink()
    assert file_called("Hyper-SD15-4steps-lora").problem.endswith(
        "cannot be read (No such file or directory). It is not used."
    )
    assert {known.name for known in loras.list_all(published())} == set(host.networks.available_networks)
