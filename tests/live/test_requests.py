"""Requests to a real host through its API: what the network is asked, what comes back, and what is left behind."""

import pytest

from tests.live.common import ON, OWN, by_hand, describe, guidance_of_a1111, tcd, trailing, with_schedules
from tests.live.host import rounded_alike

# Registration.


def test_the_samplers_are_in_the_hosts_list(host):
    samplers = [s["name"] for s in host.get("/sdapi/v1/samplers")]
    assert samplers.count("TCD") == samplers.count("DDIM-Trailing") == 1


@with_schedules
def test_the_schedules_are_in_the_hosts_list(host):
    schedulers = [s["label"] for s in host.get("/sdapi/v1/schedulers")]
    assert [schedulers.count(label) for label in ("Trailing", "TCD", "Start at 800")] == [1, 1, 1]


def test_the_panel_is_in_both_tabs_of_the_api(host):
    scripts = [s for s in host.get("/sdapi/v1/script-info") if s["name"] == "hyper-sd"]
    assert [s["is_img2img"] for s in scripts] == [False, True]
    labels = [
        "Hyper-SD",
        "Variant",
        "Steps",
        "LoRA weight",
        "CFG",
        "Eta",
        "LoRA file",
        "Schedule",
        "Two passes",
        "Fast decoding",
    ]
    for script in scripts:
        assert script["is_alwayson"] and [argument["label"] for argument in script["args"]] == labels
        assert [argument["value"] for argument in script["args"]] == [False, *["Recommended"] * 7, False, False]


# The network is asked exactly what diffusers asks.


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("variant", "expected", "lora"),
    [
        (None, trailing, "Hyper-SD15-{}steps-lora"),
        ("unified", tcd, "Hyper-SD15-1step-lora"),
    ],
    ids=["fixed", "unified"],
)
def test_as_many_evaluations_as_steps_at_diffusers_timesteps_with_half_the_rows(host, steps, variant, expected, lora):
    if steps == 1:
        variant, expected, lora = "unified", tcd, "Hyper-SD15-1step-lora"
    result = host.txt2img({**ON, "steps": steps, "variant": variant}, **OWN)
    assert result.timesteps == pytest.approx(expected(steps), abs=2e-3)
    assert result.rows == [1] * steps
    assert (
        result.infotext.startswith(f"<lora:{lora.format(steps)}:1> a cat\n") and f"Steps: {steps}," in result.infotext
    )


@pytest.fixture
def hosts_own_skipping(host):
    """The host's option that leaves the negative half out of every request."""
    host.post("/sdapi/v1/options", {"skip_early_cond": 1.0})
    yield
    host.post("/sdapi/v1/options", {"skip_early_cond": 0.0})


SEEDS = [{"seed": seed, "batch_size": size} for seed in (1, 2, 3) for size in (1, 2)]


@guidance_of_a1111
@pytest.mark.parametrize("variant", ["fixed", "unified"])
def test_half_the_rows_give_the_hosts_own_image_without_the_negative_to_the_bit(host, variant, hosts_own_skipping):
    for payload in SEEDS:
        result = host.txt2img({**ON, "steps": 4, "variant": variant}, **payload)
        same = by_hand(host, result, **payload)
        assert result.rows == same.rows == [payload["batch_size"]] * 4 and result.pixels == same.pixels
        assert "Skip Early CFG" not in result.infotext and "Skip Early CFG" in same.infotext


@guidance_of_a1111
@pytest.mark.parametrize("variant", ["fixed", "unified"])
def test_half_the_rows_give_the_image_of_both_halves_but_for_rounding(host, variant):
    for payload in SEEDS:
        result = host.txt2img({**ON, "steps": 4, "variant": variant}, **payload)
        whole = by_hand(host, result, **payload)
        assert whole.rows == [2 * payload["batch_size"]] * 4 and rounded_alike(result, whole)


def test_the_cfg_preserved_variant_uses_guidance(host):
    plain = host.txt2img({**ON, "variant": "cfg"}, negative_prompt="", **OWN)
    negative = host.txt2img({**ON, "variant": "cfg"}, negative_prompt="blurred, grey", **OWN)
    assert plain.rows == negative.rows and len(plain.rows) == 8 and set(plain.rows[host.first_guided :]) == {2}
    assert plain.pixels != negative.pixels
    assert plain.timesteps == pytest.approx(trailing(8), abs=2e-3) and "CFG scale: 5" in plain.infotext


def test_at_cfg_1_the_negative_prompt_changes_nothing(host):
    assert host.txt2img(ON, negative_prompt="").pixels == host.txt2img(ON, negative_prompt="blurred, grey").pixels


@guidance_of_a1111
def test_prompts_joined_by_and_keep_their_negative(host):
    assert host.txt2img({**ON, "steps": 2}, prompt="a cat AND a dog :0.6").rows == [3, 3]


@with_schedules
def test_euler_on_the_trailing_schedule_is_the_cards_ddim(host):
    euler = host.txt2img(None, steps=4, cfg_scale=1.0, sampler_name="Euler", scheduler="Trailing")
    assert euler.timesteps == pytest.approx(trailing(4), abs=2e-3)


@with_schedules
@pytest.mark.parametrize(("steps", "timesteps"), [(1, [800]), (2, [800, 400]), (3, [800, 533, 267])])
def test_the_schedule_of_the_one_step_unet(host, steps, timesteps):
    result = host.txt2img(None, steps=steps, cfg_scale=1.0, sampler_name="DDIM-Trailing", scheduler="Start at 800")
    assert result.timesteps == pytest.approx(timesteps, abs=2e-3) and "Schedule type: Start at 800" in result.infotext


@pytest.mark.parametrize(("sampler", "timesteps"), [("TCD", tcd(3)), ("DDIM-Trailing", trailing(3))])
def test_automatic_is_the_samplers_own_schedule(host, sampler, timesteps):
    result = host.txt2img(None, steps=3, sampler_name=sampler, scheduler="Automatic")
    assert result.timesteps == pytest.approx(timesteps, abs=2e-3)


# Arguments and tags.


def test_positional_arguments_a_dict_and_a_tag_come_to_the_same(host):
    by_dict = host.txt2img({**ON, "steps": 4, "weight": 0.7})
    positional = host.txt2img([True, None, 4, 0.7])
    by_tag = host.txt2img(ON, prompt="a cat <lora:Hyper-SD15-4steps-lora:0.7>")
    by_alias = host.txt2img({**ON, "steps": 4}, prompt="a cat <lora:hyper-sd15:0.7>")
    assert by_dict.pixels == positional.pixels == by_tag.pixels == by_alias.pixels
    prompts = {result.infotext.splitlines()[0] for result in (by_dict, positional, by_tag, by_alias)}
    tag = "<lora:Hyper-SD15-4steps-lora:0.7>"
    assert prompts == {f"{tag} a cat", f"a cat {tag}"}, "a tag that the user has written stays where it is"


def test_a_tag_of_the_wrong_family_is_not_applied(host):
    wrong = host.txt2img({**ON, "steps": 4}, prompt="a cat <lora:Hyper-SDXL-4steps-lora:1>")
    right = host.txt2img({**ON, "steps": 4}, prompt="a cat")
    assert wrong.pixels == right.pixels and "SDXL" not in wrong.infotext.splitlines()[0]
    assert "its tag is not applied" in wrong.extra["Hyper-SD note"]


def test_another_lora_beside_it_is_kept(host):
    styled = host.txt2img({**ON, "steps": 4}, prompt="a cat <lora:some-style:0.8>")
    assert styled.infotext.startswith("<lora:Hyper-SD15-4steps-lora:1> a cat <lora:some-style:0.8>")
    assert styled.pixels != host.txt2img({**ON, "steps": 4}).pixels


def test_with_the_panel_off_a_tag_changes_nothing_but_the_lora(host):
    plain = host.txt2img(None, **OWN)
    tagged = host.txt2img(None, prompt="a cat <lora:Hyper-SD15-4steps-lora:1>", **OWN)
    half = host.first_guided
    assert plain.timesteps == tagged.timesteps and plain.rows == tagged.rows == [1] * half + [2] * (6 - half)
    assert "Hyper-SD:" not in tagged.infotext


def test_a_checkpoint_with_hyper_sd_in_it_gets_no_lora(host):
    merged = host.txt2img({**ON, "steps": 4}, override_settings=host.families["sd15-merged"])
    assert "<lora:" not in merged.infotext and merged.timesteps == pytest.approx(trailing(4), abs=2e-3)
    assert "Hyper-SD: hyper-sd15-merged" in merged.infotext
    assert "Hyper-SD15-4steps-lora" in host.txt2img({**ON, "steps": 4}).infotext, (
        "the next request has its own checkpoint"
    )


# All or nothing.


@pytest.mark.parametrize(
    ("panel", "sentence"),
    [
        ({"steps": "NaN"}, "Steps must be a whole number from 1 to 150, not 'NaN'."),
        ({"steps": -1}, "Steps must be"), ({"steps": 10**15}, "Steps must be"), ({"weight": 1e300}, "LoRA weight must be"),
        ({"cfg": {}}, "CFG must be"), ({"eta": "little"}, "Eta must be"), ({"variant": "turbo"}, "Variant must be one of"),
        ({"file": ["x"]}, "LoRA file must be"), ({"file": "../../etc/passwd"}, "is not a LoRA with a known recipe"),
        ({"enabled": "yes"}, "“enabled” must be true or false"), ({"sampler": "DPM++ 9M"}, "This WebUI has no sampler"),
        ({"steps": 9}, "No Hyper-SD for SD1.5 serves 9 steps"), ({"steps": 12}, "Hyper-SD15-12steps-CFG-lora.safetensors has no safetensors header. It is not used."),
        ({"file": "Hyper-SDXL-4steps-lora"}, "was made for SDXL, and the loaded checkpoint is SD1.5"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_carried_out_changes_nothing_and_says_so(host, panel, sentence):
    own = host.txt2img(None, **OWN)
    refused = host.txt2img({**ON, **panel}, **OWN)
    assert refused.pixels == own.pixels and refused.timesteps == own.timesteps and refused.rows == own.rows
    assert refused.extra["Hyper-SD note"].startswith("not applied. ") and sentence in refused.extra["Hyper-SD note"]
    assert "Hyper-SD: " not in refused.infotext and refused.infotext.startswith("a cat\n")


def test_a_plan_that_is_taken_back_in_img2img_gives_the_users_own_image(host):
    picture = host.txt2img(None, **OWN).encoded[0]
    own = host.img2img(None, init_images=[picture], denoising_strength=0.6, **OWN)
    refused = host.img2img({**ON, "steps": 12}, init_images=[picture], denoising_strength=0.6, **OWN)
    assert refused.pixels == own.pixels and refused.timesteps == own.timesteps


# What a user adds, and what is left behind.


def test_recipes_of_the_users_own(host):
    path = host.data / "hypersd-recipes.json"
    path.write_text('[{"id": "hyper-sd15-4steps", "weight": 0.55}, {"id": "broken"}]')
    try:
        assert ":0.55>" in host.txt2img({**ON, "steps": 4}).infotext
    finally:
        path.unlink()
    assert "-lora:1>" in host.txt2img({**ON, "steps": 4}).infotext


def test_nothing_is_left_behind(host):
    before = describe(host, ("samplers", "schedulers", "options", "shadows", "hooks", "forward"))
    own = host.txt2img(None, **OWN)
    for panel in (
        ON,
        {**ON, "variant": "unified"},
        {**ON, "variant": "cfg"},
        {**ON, "steps": 12},
        {**ON, "steps": "NaN"},
    ):
        host.txt2img(panel, **OWN)
        again = host.txt2img(None, **OWN)
        assert again.pixels == own.pixels and again.infotext == own.infotext
    after = describe(host, before)
    assert after == before and after["shadows"] == []
