"""What else a user has: the host's own refiner, token merging, batches, interrupts; and, with ``--company DIR``, other
extensions, each in a host of its own. DIR holds their folders and, in ``models/adetailer``, a detector that finds one
box in every picture."""

import json
import re
import threading
import time
from functools import partial

import pytest

from tests.live.common import ON, OWN, tcd, trailing, within
from tests.live.host import rounded_alike
from tests.live.kinds import A1111
from tests.live.process import free_port
from tests.live.test_families import PICTURE, encoded

FOUR = {**ON, "steps": 4}
LORA = "Hyper-SD15-4steps-lora"


# The host's own.


def test_batch_count_times_batch_size(host):
    result = host.txt2img(FOUR, batch_size=2, n_iter=2, **OWN)
    assert result.timesteps == pytest.approx(trailing(4) * 2, abs=2e-3) and result.rows == [2] * 8
    assert [text.splitlines()[0] for text in result.info["infotexts"][-4:]] == [f"<lora:{LORA}:1> a cat"] * 4


def test_the_refiner_takes_over_in_the_middle(host):
    by_steps = {"override_settings": {"refiner_use_steps": True}} if host.kind.name == "Forge Neo" else {}
    other = {"refiner_checkpoint": host.refiner, "refiner_switch_at": 0.5, **by_steps}
    alone, refined = host.txt2img(FOUR, **OWN), host.txt2img(FOUR, **other, **OWN)
    assert refined.timesteps == pytest.approx(trailing(4), abs=2e-3) and refined.rows == [1] * 4
    assert "Refiner: " in refined.infotext and "not applied" not in refined.infotext
    assert all(LORA in loras for loras in refined.loras), "the LoRA is in the second checkpoint too"
    assert refined.pixels != alone.pixels
    assert host.txt2img(FOUR, **OWN).pixels == alone.pixels, "the next request has its own checkpoint again"


def test_token_merging(host):
    settings = {"override_settings": {"token_merging_ratio": 0.5}}
    plain, merged = (host.txt2img(FOUR, width=128, height=128, **OWN, **more) for more in ({}, settings))
    assert merged.timesteps == plain.timesteps and merged.rows == plain.rows == [1] * 4
    assert "Token merging ratio: 0.5" in merged.infotext and merged.pixels != plain.pixels


@pytest.mark.parametrize("how", ["interrupt", "skip"])
@pytest.mark.parametrize("route", ["txt2img", "img2img"])
def test_a_request_that_is_stopped_leaves_nothing(host, how, route):
    own, ours = host.txt2img(None, **OWN), host.txt2img(FOUR, **OWN)
    stop = threading.Thread(target=lambda: (time.sleep(1.5), host.post(f"/sdapi/v1/{how}", {})))
    stop.start()
    more = {"init_images": [encoded(PICTURE)], "denoising_strength": 0.9} if route == "img2img" else {}
    stopped = host.generate(route, {**ON, "variant": "unified", "steps": 150, "cfg": 1}, {"n_iter": 3, **OWN, **more})
    stop.join()
    assert len(stopped.rows) < 450
    for before, panel in ((own, None), (ours, FOUR)):
        after = host.txt2img(panel, **OWN)
        assert after.pixels == before.pixels and after.infotext == before.infotext


# Other extensions.


def scripts(**others):
    return {"alwayson_scripts": dict(others)}


CONTROLNET = {"enabled": True, "module": "reference_only", "model": "None", "weight": 1.0, "processor_res": 64}


def controlnet(host):
    return scripts(ControlNet={"args": [{**CONTROLNET, "image": encoded(PICTURE)}]})


def reference_only(host):
    plain, guided = host.txt2img(FOUR, **OWN), host.txt2img(FOUR, **OWN, **controlnet(host))
    assert "ControlNet 0" in guided.infotext and "not applied" not in guided.infotext
    assert guided.pixels[0] != plain.pixels[0]
    assert sorted(set(guided.timesteps), reverse=True) == pytest.approx(trailing(4), abs=2e-3)
    assert all(LORA in loras for loras in guided.loras)
    again = host.txt2img(FOUR, **OWN)
    assert again.pixels == plain.pixels and again.rows == plain.rows


@pytest.mark.only("AUTOMATIC1111", why="it has ControlNet built in")
def test_controlnet(company):
    reference_only(company("sd-webui-controlnet"))


@pytest.mark.only("Forge", "Forge Neo", "reForge", "Forge Classic", why="it has no ControlNet of its own")
def test_controlnet_that_is_built_in(host):
    reference_only(host)


# What an extension looks for in its host, and Forge Neo has no more.
not_on_neo = partial(pytest.mark.only, "AUTOMATIC1111", "Forge", "reForge", "Forge Classic")
nor_on_classic = partial(pytest.mark.only, "AUTOMATIC1111", "Forge", "reForge")
needs_switch = not_on_neo(why="ADetailer asks for a switch that it does not have")
needs_infotext = nor_on_classic(
    why="Dynamic Prompts asks for generation_parameters_copypaste.parse_generation_parameters, which it does not have"
)
needs_hijack = nor_on_classic(
    why="Regional Prompter asks for what it does not have (Forge Neo: sd_hijack; Forge Classic: batch_cond_uncond)"
)
needs_forge = not_on_neo(why="LoRA Block Weight takes it for AUTOMATIC1111, and its weights reach no layer")


@needs_switch
def test_adetailers_inner_passes_have_the_lora_and_mean_their_strength(company):
    host = company("adetailer", "--ad-no-huggingface")
    detail = scripts(ADetailer={"args": [True, False, {"ad_model": "one_box.pt", "ad_denoising_strength": 0.4}]})
    host.txt2img(FOUR, **OWN, **detail)  # the first one changes the number of threads and so the last bits
    plain, detailed = host.txt2img(FOUR, **OWN), host.txt2img(FOUR, **OWN, **detail)
    assert detailed.timesteps == pytest.approx(trailing(4) + within(0.4, 4), abs=2e-3)
    assert all(LORA in loras for loras in detailed.loras) and "ADetailer model: one_box.pt" in detailed.infotext
    assert "not applied" not in detailed.infotext and detailed.pixels != plain.pixels
    two = host.txt2img(FOUR, **OWN, **detail, batch_size=2, n_iter=2)
    assert two.timesteps == pytest.approx((trailing(4) + within(0.4, 4) * 2) * 2, abs=2e-3)
    own = host.txt2img(None, **OWN, **detail)
    assert not any(own.loras) and "Hyper-SD" not in own.infotext
    assert rounded_alike(host.txt2img(FOUR, **OWN), plain)


# The extension registers its settings too late for its own first start.
DYNAMIC_PROMPTS = {
    **{f"dp_{name}": False for name in (
        "ignore_whitespace", "write_prompts_to_file", "limit_jinja_prompts", "auto_purge_cache", "write_raw_template",
        "wildcard_manager_no_dedupe", "wildcard_manager_no_sort", "wildcard_manager_shuffle",
    )},
    "dp_magicprompt_batch_size": 1, "dp_parser_variant_start": "{", "dp_parser_variant_end": "}",
    "dp_parser_wildcard_wrap": "__",
}  # fmt: skip


@needs_infotext
def test_dynamic_prompts(company):
    host = company("sd-dynamic-prompts", **DYNAMIC_PROMPTS)
    result = host.txt2img(FOUR, prompt="a {red|green|blue|black} cat", batch_size=2, n_iter=2, **OWN)
    prompts = [text.splitlines()[0] for text in result.info["infotexts"][-4:]]
    assert all(re.fullmatch(rf"<lora:{LORA}:1> a \w+ cat", prompt) for prompt in prompts) and len(set(prompts)) > 1
    assert result.timesteps == pytest.approx(trailing(4) * 2, abs=2e-3) and all(LORA in loras for loras in result.loras)
    chosen = host.txt2img(
        FOUR, prompt="a cat {<lora:Hyper-SD15-4steps-lora:0.5>|<lora:Hyper-SD15-4steps-lora:0.5>}", **OWN
    )
    assert chosen.infotext.splitlines()[0].count("<lora:") == 1


@needs_hijack
@pytest.mark.parametrize("calculation", ["Attention", "Latent"])
def test_an_extension_that_steps_into_the_denoiser(company, calculation):
    host = company("sd-webui-regional-prompter")
    args = [True, False, "Matrix", "Columns", "Mask", "Prompt", "1,1", "0.2", False, False, False, calculation, [],
            "0", "0", "0.4", None, "0", "0", False]  # fmt: skip
    regions = scripts(**{"Regional Prompter": {"args": args}})
    plain = host.txt2img(FOUR, prompt="a cat ADDCOL a dog", **OWN)
    for panel, timesteps in (
        (FOUR, trailing(4)),
        ({**FOUR, "variant": "unified"}, tcd(4)),
        ({**ON, "variant": "cfg"}, trailing(8)),
    ):
        result = host.txt2img(panel, prompt="a cat ADDCOL a dog", **OWN, **regions)
        assert "RP Active: True" in result.infotext and "not applied" not in result.infotext
        assert sorted(set(result.timesteps), reverse=True) == pytest.approx(timesteps, abs=2e-3)
        assert result.pixels != plain.pixels
    assert host.txt2img(FOUR, prompt="a cat ADDCOL a dog", **OWN).pixels == plain.pixels


def arguments(host, script, **values):
    """What a script gets where the user has changed the controls of these labels, spaces written as ``_``."""
    scripts = host.get("/sdapi/v1/script-info")
    controls = next(s["args"] for s in scripts if s["name"] == script.lower() and not s["is_img2img"])
    values = {label.replace("_", " "): value for label, value in values.items()}
    assert values.keys() <= {control["label"] for control in controls}, [control["label"] for control in controls]
    return {script: {"args": [values.get(control["label"], control["value"]) for control in controls]}}


@needs_forge
def test_weights_by_block(company):
    host = company("sd-webui-lora-block-weight")
    prompt = "a cat <lora:Hyper-SD15-8steps-lora:1:1:lbw=OUTALL> <lora:some-style:0:0:lbw=ALL0>"
    result = host.txt2img(ON, prompt=prompt, **OWN)
    assert len(result.timesteps) == 8 and all("Hyper-SD15-8steps-lora" in loras for loras in result.loras)
    assert "not applied" not in result.infotext and "lbw=OUTALL" in result.infotext
    assert result.pixels != host.txt2img(ON, prompt="a cat <lora:Hyper-SD15-8steps-lora:1>", **OWN).pixels


@needs_hijack
def test_regions_in_latent_mode_in_each_of_two_batches(company):
    host = company("sd-webui-regional-prompter")
    args = [True, False, "Matrix", "Columns", "Mask", "Prompt", "1,1", "0.2", False, False, False, "Latent", [],
            "0", "0", "0.4", None, "0", "0", False]  # fmt: skip
    regions = scripts(**{"Regional Prompter": {"args": args}})
    prompt = f"a cat BREAK a red cat <lora:{LORA}:0.75> AND a dog"
    result = host.txt2img(ON, prompt=prompt, n_iter=2, **OWN, **regions)
    assert sorted(set(result.timesteps), reverse=True) == pytest.approx(trailing(4), abs=2e-3)
    assert all(LORA in loras for loras in result.loras) and "not applied" not in result.infotext
    parts = 4 if host.kind is A1111 else 3
    assert sum(result.rows) == 2 * 4 * parts, "two regions, the part behind AND, and on A1111 the negative prompt"


@needs_switch
def test_an_inner_pass_of_many_steps_on_few_is_not_silent(company, say):
    """An inner pass of ADetailer has 28 steps at CFG 7 of its own."""
    host = company("adetailer", "--ad-no-huggingface")
    changed = {"ad_use_steps": True, "ad_steps": 28, "ad_use_cfg_scale": True, "ad_cfg_scale": 7}
    detail = scripts(ADetailer={"args": [True, False, {"ad_model": "one_box.pt", **changed}]})
    result = host.txt2img(FOUR, **OWN, **detail)
    replaced = result.timesteps == pytest.approx(trailing(4) + within(0.4, 4), abs=2e-3)
    say(result.extra.get("Hyper-SD note", "nothing: the recipe's own steps are made"))
    assert replaced or "28 steps" in result.extra.get("Hyper-SD note", "")


GUIDANCES = [
    ("sd-dynamic-thresholding", "Dynamic Thresholding (CFG Scale Fix)", "Enable Dynamic Thresholding (CFG Scale Fix)"),
    ("sd_webui_SAG", "Self Attention Guidance", "Enabled"),
]
BUILT_IN = [
    ("DynamicThresholding (CFG-Fix) Integrated", "Enabled"),
    ("SelfAttentionGuidance Integrated (SD 1.x, SD 2.x, SDXL)", None),
    ("PerturbedAttentionGuidance Integrated", None),
]


def guided_at_cfg_1(host, script, label):
    """Four steps at CFG 1 beside a script that changes guidance: its hooks and ours run, and the next image is as before."""
    before = len(host.read_log())
    controls = next(s["args"] for s in host.get("/sdapi/v1/script-info") if s["name"] == script.lower())
    label = label or controls[0]["label"]
    plain = host.txt2img(FOUR, **OWN)
    guided = host.txt2img(FOUR, **OWN, **scripts(**arguments(host, script, **{label: True})))
    assert sorted(set(guided.timesteps), reverse=True) == pytest.approx(trailing(4), abs=2e-3)
    assert all(LORA in loras for loras in guided.loras) and "not applied" not in guided.infotext
    assert host.txt2img(FOUR, **OWN).pixels == plain.pixels
    log = host.read_log()[before:]
    assert "Traceback" not in log and "Error running" not in log


@pytest.mark.only("AUTOMATIC1111", why="it has this built in, or another like it")
@pytest.mark.parametrize(("name", "script", "label"), GUIDANCES, ids=[name for name, *_ in GUIDANCES])
def test_another_guidance_at_cfg_1(company, name, script, label):
    guided_at_cfg_1(company(name), script, label)


@pytest.mark.only("Forge", why="it has other scripts of this kind built in, or none")
@pytest.mark.parametrize(("script", "label"), BUILT_IN, ids=[script.split()[0] for script, _ in BUILT_IN])
def test_another_guidance_that_is_built_in_at_cfg_1(host, script, label):
    guided_at_cfg_1(host, script, label)


def test_two_instances_share_a_batch(company, make_host, request):
    config = {
        "workers": [
            {"master": {"avg_ipm": 60.0, "master": True}},
            {"worker": {"avg_ipm": 60.0, "master": False, "address": "127.0.0.1", "port": free_port(), "tls": False,
                        "state": 1, "eta_percent_error": [], "pixel_cap": -1}},
        ],
        "benchmark_payload": {"prompt": "a cat", "negative_prompt": "", "steps": 3, "width": 64, "height": 64, "batch_size": 1},
        "job_timeout": 600, "enabled": True, "enabled_i2i": True, "complement_production": False, "step_scaling": False,
    }  # fmt: skip
    name = "stable-diffusion-webui-distributed"
    if request.config.getoption("--company") is None or not (request.config.getoption("--company") / name).is_dir():
        pytest.skip(f"no {name} in --company")
    worker = make_host()
    worker.port = config["workers"][1]["worker"]["port"]
    worker.boot()
    try:
        path = worker.data / "distributed.json"
        path.write_text(json.dumps(config))
        settings = json.loads((worker.data / "config.json").read_text())
        (worker.data / "config.json").write_text(json.dumps({**settings, "return_grid": False}))
        master = company(name, "--distributed-config", str(path))
        for panel in (FOUR, {**FOUR, "variant": "unified"}, {**ON, "variant": "cfg"}):
            shared = master.txt2img(panel, batch_size=4, **OWN)
            calls_of_worker = worker.get("/hypersd-probe/calls")
            alone = worker.txt2img(panel, batch_size=4, **OWN)
            assert calls_of_worker, "the second instance has done its part"
            alone.images[:] = alone.images[-4:]  # a grid comes first where the host makes one
            assert len(shared.pixels) == 4 and rounded_alike(shared, alone)
    finally:
        worker.stop()
