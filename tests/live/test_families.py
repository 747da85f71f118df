"""Every family that a host serves: its plan, an image made from another, the second pass, and what is refused."""

import base64
import io
import math

import pytest
from diffusers import FlowMatchEulerDiscreteScheduler, TCDScheduler
from PIL import Image, ImageDraw

from lib_hypersd.plan import Model, Request, make_plan
from lib_hypersd.recipes.catalog import HYPER_SD, LOOKALIKES, published
from lib_hypersd.recipes.settings import Settings
from tests.live.common import ON, OWN, tcd, within
from tests.live.kinds import kind_of
from tests.live.make_models import BROKEN
from tests.live.process import Refused
from tests.networks import SD_BETAS

# What each checkpoint of the suite is; where it differs from its name, the family that its plan is made for.
FAMILY = {"sd15-v": "sd15", "sd15-zero-snr": "sd15", "sd15-inpainting": "sd15"}
PLANNED = ("sd15", "sd15-v", "sd15-zero-snr", "sd15-inpainting", "sdxl", "sd3", "flux")
FLOW_SHIFT = {"sd3": 3.0, "flux": math.exp(1.15)}


def shift_of(tokens):
    """FLUX's shift for an image of so many tokens, by the formula."""
    return math.exp(0.5 + (1.15 - 0.5) / (4096 - 256) * (tokens - 256))


def pytest_generate_tests(metafunc):
    """One test for each family, and for each way in which the host makes an image larger."""
    if "family" in metafunc.fixturenames:
        families = metafunc.cls.families if metafunc.cls else PLANNED
        metafunc.parametrize("family", families, scope="module")
    if "upscaler" in metafunc.fixturenames:
        metafunc.parametrize("upscaler", kind_of(metafunc.config.getoption("--webui")).upscalers)


@pytest.fixture
def served(host, family):
    """A way to ask the host for images of this family; its LoRAs and its own settings come with it."""

    def ask(panel=None, route="txt2img", **payload):
        settings = {**payload.pop("override_settings", {}), **host.families[family]}
        return host.generate(route, panel, {**OWN, **payload, "override_settings": settings})

    return ask


def planned(family, second=None, **panel):
    return make_plan(Request(Settings(True, **panel), Model(FAMILY.get(family, family)), None), published())


def flow(family, steps, strength=1.0, shift=None):
    """The noise levels of diffusers' flow matching from a strength."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift or FLOW_SHIFT[family])
    scheduler.set_timesteps(sigmas=[strength * (steps - i) / steps for i in range(steps)])
    return scheduler.sigmas.tolist()[:-1]


def levels(result, family):
    """The noise levels that the network was asked at: some hosts tell a flow network σ, some 1000·σ."""
    scale = 1000 if max(result.timesteps, default=0) > 1.001 else 1
    return [t / scale for t in result.timesteps]


def expected(family, plan, steps=None, strength=1.0):
    steps = steps or plan.steps
    if family in FLOW_SHIFT:
        return flow(family, steps, strength)
    if plan.schedule == "TCD":
        scheduler = TCDScheduler(**SD_BETAS, original_inference_steps=50 if steps <= int(50 * strength) else 1000)
        scheduler.set_timesteps(steps, strength=strength)
        return [t / 1000 for t in scheduler.timesteps.tolist()]
    return [t / 1000 for t in within(strength, steps)]


def close(family):
    # A1111's own samplers read σ back from a table of the model; Forge's flow table has 10,000 entries.
    return {"abs": 2e-3 if family in FLOW_SHIFT else 1e-5}


PICTURE = Image.radial_gradient("L").resize((64, 64)).convert("RGB")


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def test_the_familys_plan_is_carried_out(host, served, family):
    plan = planned(family)
    result = served(ON)
    assert "not applied" not in result.infotext, result.infotext
    assert levels(result, family) == pytest.approx(expected(family, plan), **close(family))
    assert result.rows == [1 if plan.cfg == 1 else 2] * plan.steps
    assert result.infotext.startswith(f"<lora:{plan.file}:{plan.weight:g}> a cat\n")
    for entry in (f"Steps: {plan.steps},", f"Sampler: {plan.sampler},", f"CFG scale: {plan.cfg:g}", "Lora hashes"):
        assert entry in result.infotext.replace(".0,", ","), entry
    if host.has_schedules:
        assert f"Schedule type: {plan.schedule}," in result.infotext
    if plan.distilled_cfg:
        assert f"Distilled CFG Scale: {plan.distilled_cfg:g}," in result.infotext
    assert result.pixels != served(None, prompt=result.infotext.splitlines()[0]).pixels


def test_its_infotext_gives_the_same_image(host, served, family):
    first = served(ON, seed=3)
    assert host.pasted(first.infotext, seed=3, override_settings=host.families[family]) == first.encoded


def test_the_lora_is_in_the_image(served, family):
    images = {served({**ON, "weight": weight}).pixels[0] for weight in (0, planned(family).weight)}
    assert len(images) == 2


def test_each_published_number_of_steps(host, served, family):
    ours = [r for r in published().recipes if r.family == FAMILY.get(family, family) and r.maker == HYPER_SD]
    for recipe in ours:
        if recipe.is_lora and recipe.kind != "unified" and recipe.file not in (None, BROKEN):
            result = served({**ON, "steps": recipe.steps, "file": recipe.file.removesuffix(".safetensors")})
            assert "not applied" not in result.infotext and len(result.rows) == recipe.steps
            assert set(result.rows[host.first_guided :]) <= {1 if recipe.cfg == 1 else 2}


@pytest.mark.parametrize("strength", [0.35, 0.6, 1.0])
@pytest.mark.parametrize("steps", [1, 4])
def test_an_image_starts_at_its_strength(served, family, strength, steps):
    panel = {"steps": steps}
    if family in FLOW_SHIFT:
        panel["file"] = planned(family).file
    plan = planned(family, **panel)
    result = served({**ON, **panel}, "img2img", init_images=[encoded(PICTURE)], denoising_strength=strength)
    assert "not applied" not in result.infotext and "Exact strength: True" in result.infotext
    wanted = expected(family, plan, strength=strength)
    assert levels(result, family) == pytest.approx(wanted, **close(family)) and len(result.rows) == steps


def test_strength_0_changes_nothing(served, family):
    payload = {"init_images": [encoded(PICTURE)], "denoising_strength": 0.0}
    result = served(ON, "img2img", **payload)
    assert not result.rows
    assert result.pixels == served({**ON, "steps": planned(family).steps}, "img2img", seed=9, **payload).pixels


@pytest.mark.parametrize("whole", [True, False], ids=["whole picture", "only masked"])
def test_what_is_not_masked_stays(served, family, whole):
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((16, 16, 47, 47), fill=255)
    result = served(
        ON, "img2img", init_images=[encoded(PICTURE)], mask=encoded(mask), mask_blur=0, inpainting_fill=1,
        inpaint_full_res=not whole, inpaint_full_res_padding=0, denoising_strength=0.6,
    )  # fmt: skip
    assert "not applied" not in result.infotext and len(result.rows) == planned(family).steps
    assert result.kept == 0.0, "the latents outside the mask are those of the image"
    outside = [(x, y) for x in range(64) for y in range(64) if not mask.getpixel((x, y))]
    assert all(result.images[0].getpixel(at) == PICTURE.getpixel(at) for at in outside)
    assert result.images[0].crop((16, 16, 48, 48)).tobytes() != PICTURE.crop((16, 16, 48, 48)).tobytes()


@pytest.mark.parametrize("hires_steps", [0, 2])
def test_hires_fix(host, served, family, upscaler, hires_steps):
    panel = {"steps": 4, "file": planned(family).file} if family in FLOW_SHIFT else {"steps": 4}
    plan = planned(family, **panel)
    payload = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": upscaler, "denoising_strength": 0.5, **host.hires}
    if family == "sd15-inpainting" and upscaler == "Latent":
        # The host's own flaw: it makes the conditioning of the second pass in the first one's size.
        with pytest.raises(Refused, match="Sizes of tensors must match"):
            served(None, **payload)
        return
    result = served({**ON, **panel, "hires_steps": hires_steps}, hr_prompt="a sharp cat", **payload)
    assert "not applied" not in result.infotext
    wanted = expected(family, plan) + expected(family, plan, hires_steps or 4, 0.5)
    assert levels(result, family) == pytest.approx(wanted, **close(family))
    assert set(result.rows) == {1 if plan.cfg == 1 else 2} and result.images[0].size == (128, 128)
    assert all(plan.file in loras for loras in result.loras), "the LoRA is in both passes"
    if host.has_schedules:  # the host without writes the prompt as it was sent
        assert f"Hires prompt: <lora:{plan.file}:{plan.weight:g}> a sharp cat" in result.infotext.replace('"', "")
    if "Hires CFG Scale" in result.infotext:
        assert f"Hires CFG Scale: {plan.cfg:g}," in result.infotext.replace(".0,", ",")


def test_without_hyper_sd_everything_is_the_hosts_own(served, family):
    payload = {"init_images": [encoded(PICTURE)], "denoising_strength": 0.5, "scheduler": "Simple", "cfg_scale": 3}
    own = served(None, "img2img", **payload)
    served(ON, "img2img", **payload)
    again = served(None, "img2img", **payload)
    assert again.pixels == own.pixels and again.timesteps == own.timesteps and len(own.rows) == int(0.5 * 6) + 1
    assert again.infotext == own.infotext and "Exact strength" not in own.infotext


class TestFlux:
    families = ("flux",)

    @pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 64), (256, 256)])
    def test_the_shift_goes_by_the_images_size(self, served, family, width, height):
        shift = shift_of(width // 16 * (height // 16))
        result = served({**ON, "schedule": "By image size"}, width=width, height=height)
        assert levels(result, family) == pytest.approx(flow(family, 8, shift=shift), abs=2e-3)
        assert "Schedule type: By image size" in result.infotext and "not applied" not in result.infotext

    def test_the_shift_of_the_second_pass_goes_by_its_own_size(self, host, served, family):
        result = served(
            {**ON, "schedule": "By image size"}, enable_hr=True, hr_scale=2, hr_upscaler=host.upscalers[0],
            denoising_strength=0.5, **host.hires,
        )  # fmt: skip
        wanted = flow(family, 8, 1.0, shift_of(16)) + flow(family, 8, 0.5, shift_of(64))
        assert levels(result, family) == pytest.approx(wanted, abs=2e-3)

    def test_distilled_guidance_counts(self, served, family):
        images = {served({**ON, "distilled_cfg": cfg}).pixels[0] for cfg in (2.5, 3.5)}
        assert len(images) == 2


class TestFlowWithTCD:
    families = ("sd3", "flux")

    def test_tcd_follows_the_same_law(self, served, family):
        result = served(None, sampler_name="TCD", scheduler="TCD", steps=4, cfg_scale=1)
        table = [FLOW_SHIFT[family] * t / (1 + (FLOW_SHIFT[family] - 1) * t) for t in (1.0, 0.76, 0.5, 0.26)]
        assert levels(result, family)[0] == pytest.approx(table[0], abs=2e-3) and len(result.rows) == 4
        assert "Eta TCD: 0.3" in result.infotext


class TestRefused:
    families = ("sdxl-pruned",)

    def test_a_lookalike_is_refused_with_a_sentence(self, served, family):
        own, result = served(None), served(ON)
        assert result.pixels == own.pixels and LOOKALIKES[family] in result.extra["Hyper-SD note"]


def test_eta_of_the_unified_lora(served, family):
    if family in FLOW_SHIFT:
        assert "no Hyper-SD of the kind" in served({**ON, "variant": "unified"}).extra["Hyper-SD note"]
        return
    result = served({**ON, "variant": "unified", "steps": 4, "eta": 0.3})
    assert levels(result, family) == pytest.approx([t / 1000 for t in tcd(4)], abs=1e-5)
    assert "Eta TCD: 0.3" in result.infotext or "Hyper-SD eta: 0.3" in result.infotext
