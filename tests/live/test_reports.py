"""What users have reported of this extension's kind, played on a real host: each request, and what is right for it."""

import pytest

from lib_hypersd.plan import tags
from lib_hypersd.recipes.catalog import LOOKALIKES
from tests.live.common import ON, OWN, tcd, trailing
from tests.live.process import Refused
from tests.live.test_families import PICTURE, encoded

FOUR = {**ON, "steps": 4}
FOUR_STEPS, EIGHT_STEPS = "Hyper-SD15-4steps-lora", "Hyper-SD15-8steps-lora"
NOTE = "Hyper-SD note"


@pytest.fixture(autouse=True)
def no_hook_of_ours_fails(host):
    """Whatever is asked of it, the host reports no error in this extension."""
    before = len(host.read_log())
    yield
    lines = host.read_log()[before:].splitlines()
    assert not [line for line in lines if "hypersd" in line and ("Error running" in line or "Error calling" in line)]


def ask(host, family, panel=None, route="txt2img", **payload):
    """A request for an image of a family's checkpoint."""
    settings = {**payload.pop("override_settings", {}), **host.families[family]}
    return host.generate(route, panel, {**OWN, **payload, "override_settings": settings})


def plan(host, panel=ON, **payload):
    return host.post("/hypersd/v1/plan", {**payload, "alwayson_scripts": {"Hyper-SD": {"args": [panel]}}})


def networks_in(result):
    """The tags of the first line of an image's infotext: those that the host has taken from its prompt."""
    return [tag.name for tag in tags.find(result.infotext.splitlines()[0])]


# Comments and damaged tags.


@pytest.mark.parametrize(
    "prompt",
    [
        f"a cat # <lora:{FOUR_STEPS}:1>",
        f"a cat # <lora:{FOUR_STEPS}:1>\nin a hat",
        f"# <lora:{FOUR_STEPS}:1>\na cat",
        f"a cat\n#<lora:{FOUR_STEPS}:1>",
        "a cat # the last word",
    ],
)
def test_a_tag_behind_a_comment_sign_is_not_there(host, prompt):
    result = host.txt2img(ON, prompt=prompt, **OWN)
    assert plan(host, prompt=prompt)["steps"] == len(result.timesteps) == 8
    assert all(EIGHT_STEPS in loras and FOUR_STEPS not in loras for loras in result.loras)
    assert networks_in(result) == [EIGHT_STEPS] and NOTE not in result.extra


def test_where_the_host_keeps_comments_their_tags_count(host):
    kept = {"override_settings": {"enable_prompt_comments": False}}
    result = host.txt2img(ON, prompt=f"a cat # <lora:{FOUR_STEPS}:1>", **OWN, **kept)
    assert len(result.timesteps) == 4 and all(FOUR_STEPS in loras for loras in result.loras)


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat <lora:mystyle:0.8",
        "i <3: cats",
        "a <b:c",
        f"a cat <lora:{EIGHT_STEPS}:0.75",
        "a cat <lora:",
        "a <b:c\n# >",
    ],
)
def test_what_is_not_closed_does_not_swallow_our_tag(host, prompt):
    result = host.txt2img(ON, prompt=prompt, **OWN)
    assert len(result.timesteps) == 8 and all(EIGHT_STEPS in loras for loras in result.loras)
    assert networks_in(result) == [EIGHT_STEPS] and NOTE not in result.extra


# Checkpoints that resemble one that is served.


@pytest.mark.parametrize("family", ["sd35-large"])
def test_an_sd35_is_not_made_in_few_steps_without_its_lora(host, family):
    own, result = ask(host, family), ask(host, family, ON)
    assert result.pixels == own.pixels and result.timesteps == own.timesteps
    assert result.extra[NOTE].startswith("not applied. ") and "SD3.5 large" in result.extra[NOTE]
    assert plan(host, override_settings=host.families[family])["problem"]


@pytest.mark.parametrize("family", ["flux-canny", "flux-fill"])
def test_a_flux_for_editing_has_the_layers_that_fit_or_a_sentence(host, family):
    try:
        own = ask(host, family)
    except Refused as refused:  # the host makes no image of it
        with pytest.raises(Refused, match=str(refused)[:3]):
            ask(host, family, ON)
        return
    result = ask(host, family, ON)
    if result.extra.get(NOTE, "").startswith("not applied. "):
        assert result.pixels == own.pixels and result.timesteps == own.timesteps
    else:
        assert len(result.rows) == 8 and all("Hyper-FLUX.1-dev-8steps-lora" in loras for loras in result.loras)
        assert "layers" in result.extra[NOTE]


@pytest.mark.parametrize("family", ["sdxl-ssd1b"])
def test_a_pruned_sdxl_is_told_before_it_is_loaded_and_after(host, family):
    settings = {"override_settings": host.families[family]}
    assert LOOKALIKES["sdxl-pruned"] in plan(host, **settings)["problem"]
    own, result = ask(host, family), ask(host, family, ON)
    assert result.pixels == own.pixels and LOOKALIKES["sdxl-pruned"] in result.extra[NOTE]
    host.post("/sdapi/v1/options", host.families[family])
    try:
        assert LOOKALIKES["sdxl-pruned"] in plan(host)["problem"]
    finally:
        host.post("/sdapi/v1/options", host.families["sd15"])


LOW_BITS = "Diffusion in Low Bits"


@pytest.fixture
def adds_loras_in_use(host):
    """The host's option that adds LoRAs to weights of few bits in the moment of use."""
    host.post("/sdapi/v1/options", {"forge_unet_storage_dtype": "Automatic (fp16 LoRA)"})
    yield
    host.post("/sdapi/v1/options", {"forge_unet_storage_dtype": "Automatic"})


@pytest.fixture
def reads_few_bits(host, family):
    if family == "flux-nf4" and not host.has_bitsandbytes:
        pytest.skip("its Python has no bitsandbytes, which it installs only where it finds CUDA")


@pytest.mark.usefixtures("reads_few_bits")
@pytest.mark.parametrize("family", ["flux-fp8", "flux-nf4"])
def test_weights_of_few_bits_have_a_hint(host, family):
    result = ask(host, family, ON)
    assert LOW_BITS in result.extra[NOTE] and len(result.rows) == 8
    # In memory now: a file of so few blocks is none that is known.
    assert LOW_BITS in " ".join(plan(host, override_settings=host.families[family])["warnings"])


@pytest.mark.only("Forge", why="it adds LoRAs to GGUF in the moment of use, whatever is set")
@pytest.mark.parametrize("family", ["flux-gguf"])
def test_the_plan_has_the_hint_where_the_host_then_refuses_the_lora(host, family):
    """Forge rounds no LoRA into GGUF's K types: it refuses the request, and names the option that the hint names."""
    with pytest.raises(Refused, match=LOW_BITS):
        ask(host, family, ON)
    assert LOW_BITS in " ".join(plan(host, override_settings=host.families[family])["warnings"])


@pytest.mark.usefixtures("reads_few_bits")
@pytest.mark.parametrize("family", ["flux-fp8", "flux-gguf", "flux-nf4"])
def test_weights_of_few_bits_have_no_hint_where_the_host_keeps_loras_apart(host, family, adds_loras_in_use):
    result = ask(host, family, ON)
    assert NOTE not in result.extra and len(result.rows) == 8
    assert LOW_BITS not in " ".join(plan(host, override_settings=host.families[family])["warnings"])


@pytest.mark.parametrize("family", ["sdxl-fp8"])
def test_no_hint_names_an_option_that_the_host_does_not_have(host, family):
    assert LOW_BITS not in " ".join(plan(host, override_settings=host.families[family])["warnings"])


# What clients send.


# Of the client library that is used most: what it puts into every request of an image.
CLIENT = {
    "enable_hr": False, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0, "hr_resize_x": 0,
    "hr_resize_y": 0, "hr_checkpoint_name": None, "hr_sampler_name": None, "hr_scheduler": None, "hr_prompt": "",
    "hr_negative_prompt": "", "denoising_strength": 0.7, "firstphase_width": 0, "firstphase_height": 0, "styles": [],
    "subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0, "seed_resize_from_w": 0, "batch_size": 1,
    "n_iter": 1, "steps": 20, "cfg_scale": 7.0, "restore_faces": False, "tiling": False, "do_not_save_samples": False,
    "do_not_save_grid": False, "negative_prompt": "", "eta": 1.0, "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1,
    "override_settings": {}, "override_settings_restore_afterwards": True, "sampler_name": "Euler a",
    "scheduler": "Automatic", "sampler_index": "Euler a", "script_name": None, "script_args": [], "send_images": True,
    "save_images": False,
}  # fmt: skip


def test_the_eta_that_a_client_always_sends_does_not_come_before_the_recipes(host):
    by_panel, by_client = host.txt2img(FOUR), host.txt2img(FOUR, **CLIENT)
    assert by_client.pixels == by_panel.pixels and by_client.timesteps == pytest.approx(trailing(4), abs=2e-3)
    assert "Eta DDIM: 1" not in by_client.infotext and "eta 1" in by_client.extra[NOTE]
    assert plan(host, FOUR, prompt="a cat", **CLIENT)["eta"] == 0


def test_an_eta_that_the_panel_fixes_counts(host):
    fixed = host.txt2img({**FOUR, "eta": 0.5}, **CLIENT)
    assert "Eta DDIM: 0.5" in fixed.infotext and fixed.pixels != host.txt2img(FOUR).pixels


@pytest.mark.parametrize("family", ["sdxl"])
def test_an_infotext_with_the_schedule_automatic_has_the_recommended_one(host, family):
    host.get("/hypersd-probe/calls")
    infotext = "Steps: 4, Sampler: TCD, Schedule type: Automatic, CFG scale: 1, Seed: 1, Size: 64x64, Hyper-SD: hyper-sdxl-4steps"
    pictures = host.pasted(
        f"a cat <lora:Hyper-SDXL-4steps-lora:1>\n{infotext}", override_settings=host.families[family]
    )
    calls = host.get("/hypersd-probe/calls")
    assert pictures and [call["timestep"] for call in calls] == pytest.approx(trailing(4), abs=2e-3)
    assert all(any("Hyper-SDXL-4steps" in name for name in call["loras"]) for call in calls)


@pytest.mark.parametrize(
    ("sent", "timesteps"),
    [
        ({"sampler_name": "TCD", "scheduler": "Automatic"}, tcd(4)),
        ({"sampler_name": "TCD"}, tcd(4)),
        ({"sampler_index": "TCD"}, tcd(4)),
        ({"sampler_name": "TCD Trailing"}, trailing(4)),  # the host cuts the schedule off the sampler's name
    ],
    ids=str,
)
def test_the_names_by_which_tcd_is_sent(host, sent, timesteps):
    result = host.txt2img(None, steps=4, cfg_scale=1.0, **sent)
    assert "Sampler: TCD," in result.infotext and result.timesteps == pytest.approx(timesteps, abs=2e-3)


@pytest.mark.parametrize("ours", [{}, {"args": []}, {"args": [None, None]}, {"args": [False]}], ids=str)
def test_arguments_that_leave_it_off(host, ours):
    sent = {"alwayson_scripts": {"Hyper-SD": ours}}
    assert host.post("/hypersd/v1/plan", {"prompt": "a cat", **sent})["enabled"] is False
    own, result = host.txt2img(None, **OWN), host.txt2img(None, **sent, **OWN)
    assert result.pixels == own.pixels and result.timesteps == own.timesteps
    assert (NOTE in result.extra) == ([None, None] in ours.values())


def test_arguments_that_the_host_refuses(host):
    sent = {"prompt": "a cat", "alwayson_scripts": {"Hyper-SD": {"args": {"enabled": True}}}}
    with pytest.raises(Refused, match=r"^[45]"):
        host.txt2img(None, **sent)
    assert host.post("/hypersd/v1/plan", sent)["problem"]


# The second pass. Each test has a prompt of its own: Forge Neo remembers what a prompt means to the checkpoint of a second
# pass by the checkpoint of the first one, and would give it to the network of another.


@pytest.mark.parametrize("family", ["sd15-two"])
def test_the_second_pass_of_another_checkpoint_has_the_lora(host, family):
    other = {"hr_checkpoint_name": host.families[family]["sd_model_checkpoint"]}
    again = {
        "enable_hr": True,
        "hr_scale": 2,
        "hr_upscaler": host.upscalers[0],
        "denoising_strength": 0.4,
        "prompt": "a cat in two passes",
        **host.hires,
    }
    # With the prompt of the two passes Forge Neo would take the second checkpoint's conds for the first's.
    plain, alone = host.txt2img(FOUR, **OWN), host.txt2img(FOUR, **OWN, **again)
    result = host.txt2img(FOUR, **OWN, **again, **other)
    assert len(result.rows) == 8 and all(FOUR_STEPS in loras for loras in result.loras)
    assert NOTE not in result.extra and result.pixels != alone.pixels
    assert host.txt2img(FOUR, **OWN).pixels == plain.pixels, "the next request has its own checkpoint again"


@pytest.mark.parametrize(
    ("family", "other"),
    [
        ("sd15", "sdxl"),
        pytest.param(
            "sdxl",
            "sd15",
            marks=pytest.mark.only(
                "Forge", "Forge Neo", "reForge", "Forge Classic", why="a tiny SD1.5's file does not tell what it is"
            ),
        ),
    ],
)
def test_the_second_pass_of_another_family_has_a_sentence(host, family, other):
    name = host.families[other]["sd_model_checkpoint"]
    result = ask(
        host, family, FOUR, enable_hr=True, hr_scale=2, hr_upscaler=host.upscalers[0], denoising_strength=0.4,
        hr_checkpoint_name=name, prompt=f"a cat of {family} and {other}", **host.hires,
    )  # fmt: skip
    assert len(result.rows) == 8 and all(any("4steps-lora" in lora for lora in loras) for loras in result.loras[:4])
    assert name in result.extra[NOTE] and "the LoRA has no effect on its part" in result.extra[NOTE]


# Images made from others.


@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_tcd_at_eta_1_makes_all_steps_and_no_black_image(host, steps, strength):
    panel = {**ON, "variant": "unified", "steps": steps, "eta": 1.0}
    result = host.img2img(panel, init_images=[encoded(PICTURE)], denoising_strength=strength, **OWN)
    assert len(result.rows) == steps and "not applied" not in result.infotext
    darkest, brightest = zip(*result.images[0].getextrema(), strict=True)
    assert max(brightest) - min(darkest) > 10
