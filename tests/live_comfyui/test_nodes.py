"""The node Hyper-SD: the same plan and the same sentences as in a WebUI, and what it cannot do stops the queue."""

import time

import pytest

from tests.live.process import Refused
from tests.live_comfyui.graphs import Graph, Sampling
from tests.live_comfyui.host import Stopped
from tests.plans import BY_ID


def planned(host, graph=None, model=None, **inputs):
    """What the node gives for the small SD1.5 checkpoint."""
    graph = graph or Sampling()
    node = graph.add("HyperSD", model=model or graph.model, **inputs)
    graph.add("ProbeShow", text=(node, 6), number=(node, 4), sigmas=(node, 3), model=(node, 0))
    (shown,) = host.run(graph).outputs.values()
    return shown


def list_evaluations(host, graph, latent, key):
    """At which timesteps the network was asked, and with how many rows."""
    shown = graph.add("ProbeCalls", latent=latent, key=key)
    return [tuple(call) for call in host.run(graph).outputs[shown]["calls"]]


def test_all_recommended(host):
    shown = planned(host)
    recipe = BY_ID["hyper-sd15-8steps"]
    assert shown["text"][0].startswith("8 steps with Hyper-SD15-8steps-lora at weight 1: DDIM-Trailing on the schedule")
    assert shown["number"] == [recipe.cfg] and len(shown["sigmas"]) == 9
    assert shown["patches"][0] > 0


@pytest.mark.parametrize(
    ("inputs", "begins"),
    [
        ({"steps": "4"}, "4 steps with Hyper-SD15-4steps-lora at weight 1: DDIM-Trailing on the schedule Trailing"),
        ({"steps": 2, "weight": 0.5}, "2 steps with Hyper-SD15-2steps-lora at weight 0.5"),
        ({"variant": "1–8 steps in one (TCD)", "steps": "3", "eta": "0.3"}, "3 steps with Hyper-SD15-1step-lora"),
        ({"variant": "CFG-preserved: the negative prompt works"}, "8 steps with Hyper-SD15-8steps-CFG-lora"),
        ({"file": "Hyper-SD15-1step-lora.safetensors", "steps": "1"}, "1 step with Hyper-SD15-1step-lora"),
    ],
)
def test_what_is_fixed_is_in_the_plan(host, inputs, begins):
    assert planned(host, **inputs)["text"][0].startswith(begins)


def test_the_plan_samples_what_it_says(host):
    graph = Sampling(batch=2)
    node = graph.add("HyperSD", model=graph.model, variant="CFG-preserved: the negative prompt works", steps="8")
    watched = (graph.add("ProbeWatch", model=(node, 0), key="cfg"), 0)
    latent = graph.sample((node, 2), (node, 3), cfg=(node, 4), model=watched)
    calls = list_evaluations(host, graph, latent, "cfg")
    assert [t for t, _ in calls] == [999, 874, 749, 624, 499, 374, 249, 124]
    assert {rows for _, rows in calls} == {4}, "two images, each with its negative prompt"


@pytest.mark.parametrize(("denoise", "timesteps"), [(1.0, [999, 749, 499, 249]), (0.4, [399, 299, 199, 99]), (0.0, [])])
def test_all_steps_lie_within_a_strength(host, denoise, timesteps):
    graph, key = Sampling(image=True), f"strength {denoise}"
    node = graph.add("HyperSD", model=graph.model, steps="4", denoise=denoise)
    watched = (graph.add("ProbeWatch", model=(node, 0), key=key), 0)
    assert list_evaluations(host, graph, graph.sample((node, 2), (node, 3), model=watched), key) == [
        (t, 1) for t in timesteps
    ]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"steps": "5", "variant": "Made for one step count"}, "serves 5 steps"),
        ({"steps": "many"}, "Steps must be a whole number from 1 to 150, not 'many'."),
        ({"file": "some-style.safetensors"}, "some-style is not a LoRA with a known recipe"),
        ({"file": "Hyper-SD15-12steps-CFG-lora.safetensors"}, "Hyper-SD15-12steps-CFG-lora"),
        ({"file": "Hyper-SDXL-4steps-lora.safetensors"}, "was made for SDXL, and the loaded checkpoint is SD1.5"),
        ({"schedule": "By image size"}, "By image size"),
    ],
)
def test_what_cannot_be_done_whole_stops_the_queue(host, inputs, sentence):
    with pytest.raises(Stopped) as stopped:
        planned(host, **inputs)
    assert sentence in str(stopped.value)


def test_a_lora_with_other_layers_is_refused_before_it_is_loaded(host):
    before = host.read_log().count("lora key not loaded")
    with pytest.raises(Stopped) as stopped:
        planned(host, file="hyper-sd15-4steps-of-another.safetensors", steps="4")
    assert "layers" in str(stopped.value)
    assert host.read_log().count("lora key not loaded") == before


def test_a_few_step_lora_on_the_model_is_refused(host):
    graph = Sampling()
    lora = graph.add(
        "LoraLoaderModelOnly", model=graph.model, lora_name="Hyper-SD15-8steps-lora.safetensors", strength_model=1.0
    )
    with pytest.raises(Stopped, match="Hyper-SD15-8steps-lora is on the model already"):
        planned(host, graph, model=(lora, 0))


@pytest.mark.parametrize("node", ["HyperSDFewStepSchedule", "HyperSD"])
def test_a_table_that_was_cut_is_recognised(host, node):
    graph = Sampling()
    graph.model = (graph.add("ModelSamplingDiscrete", model=graph.model, sampling="lcm", zsnr=False), 0)
    inputs = {"schedule": "TCD", "steps": 4, "denoise": 1.0} if node != "HyperSD" else {}
    shown = graph.add(node, model=graph.model, **inputs)
    graph.add("ProbeShow", sigmas=(shown, 3 if node == "HyperSD" else 0))
    with pytest.raises(Stopped, match="cut the model's table of 1000 noise levels to 50"):
        host.run(graph)


def test_a_sampler_on_a_cut_table_is_recognised(host):
    graph = Sampling()
    sigmas = graph.schedule("TCD", 4)
    cut = (graph.add("ModelSamplingDiscrete", model=graph.model, sampling="lcm", zsnr=False), 0)
    graph.compare(graph.sample(graph.tcd(), sigmas, model=cut), graph.latent)
    with pytest.raises(Stopped, match="cut the model's table"):
        host.run(graph)


def test_v_prediction_is_sampled_as_such(host):
    graph = Sampling()
    graph.model = (graph.add("ModelSamplingDiscrete", model=graph.model, sampling="v_prediction", zsnr=False), 0)
    sigmas = graph.schedule("Trailing", 4)
    graph.compare(graph.sample(graph.ddim(), sigmas), graph.sample(graph.reference("ddim", 4), sigmas))
    (shown,) = host.run(graph).outputs.values()
    assert shown["rms"][0] <= 1e-5


def test_v_prediction_is_in_the_sentence(host):
    graph = Sampling()
    model = (graph.add("ModelSamplingDiscrete", model=graph.model, sampling="v_prediction", zsnr=False), 0)
    assert "The checkpoint predicts v" in planned(host, graph, model)["text"][0]


def test_nothing_stays_on_the_model(host):
    """The checkpoint's own latents are the same before and after a plan has run on it."""

    def own(seed):
        graph, key = Sampling(), f"own {seed} {time.monotonic()}"  # a key of its own, so that nothing is cached
        watched = (graph.add("ProbeWatch", model=graph.model, key=key), 0)
        latent = graph.sample(graph.ddim(), graph.schedule("Trailing", 2), seed=seed, model=watched)
        shown = graph.add("ProbeCalls", latent=latent, key=key)
        return host.run(graph).outputs[shown]["mean"]

    before = own(3)
    graph = Sampling()
    node = graph.add("HyperSD", model=graph.model, steps="2")
    graph.compare(graph.sample((node, 2), (node, 3), model=(node, 0)), graph.latent)
    host.run(graph)
    assert own(4) != before and own(3) == before


def test_the_same_seed_is_the_same_latent_and_another_is_another(host):
    graph = Sampling()
    sigmas = graph.schedule("TCD", 4)
    advanced = Graph.add(
        graph, "SamplerCustomAdvanced", noise=(graph.add("RandomNoise", noise_seed=7), 0),
        guider=(graph.add("BasicGuider", model=graph.model, conditioning=graph.positive), 0),
        sampler=graph.tcd(), sigmas=sigmas, latent_image=graph.latent,
    )  # fmt: skip
    one, other = graph.sample(graph.tcd(), sigmas, seed=7), graph.sample(graph.tcd(), sigmas, seed=8)
    same, differs = graph.compare(one, (advanced, 0)), graph.compare(one, other)
    outputs = host.run(graph).outputs
    assert outputs[same]["rms"] == [0] and outputs[differs]["rms"][0] > 0.1


def test_seeds_go_to_the_largest(host):
    graph = Sampling()
    last = graph.sample(graph.tcd(1.0), graph.schedule("TCD", 2), seed=2**64 - 1)
    graph.compare(last, last)
    (shown,) = host.run(graph).outputs.values()
    assert shown["size"][0] > 0.01


def test_a_batch_is_diffusers_batch(host):
    graph = Sampling(batch=3)
    sigmas = graph.schedule("TCD", 4)
    graph.compare(graph.sample(graph.tcd(0.3), sigmas), graph.sample(graph.reference("tcd", 4, 0.3), sigmas))
    (shown,) = host.run(graph).outputs.values()
    assert shown["rms"][0] <= 1e-5


def test_the_preview_is_x0(host):
    """``denoised_output`` is what the last preview shows."""
    graph = Sampling()
    node, _ = graph.sample(graph.tcd(0.3), graph.schedule("TCD", 4))
    graph.compare((node, 0), (node, 1))
    (shown,) = host.run(graph).outputs.values()
    assert shown["rms"] == [0]


def test_split_sigmas_are_the_whole(host):
    graph = Sampling()
    sigmas = graph.schedule("Trailing", 4)
    split = graph.add("SplitSigmas", sigmas=sigmas, step=2)
    first = graph.sample(graph.ddim(), (split, 0))
    second = graph.sample(graph.ddim(), (split, 1), latent=first, noise=False)
    graph.compare(second, graph.sample(graph.ddim(), sigmas))
    (shown,) = host.run(graph).outputs.values()
    assert shown["rms"][0] <= 1e-5


def test_interrupt_ends_the_sampling(host):
    graph = Sampling(side=64)
    graph.compare(graph.sample(graph.tcd(), graph.schedule("TCD", 50)), graph.latent)
    queued = host.queue(graph)
    deadline = time.monotonic() + 120
    while not host.get("/queue")["queue_running"] and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)
    host.post("/interrupt", {})
    with pytest.raises(Stopped, match="interrupted"):
        host.wait(queued, 120)


@pytest.mark.parametrize(
    ("sampler", "scheduler", "law", "schedule"),
    [("hypersd_tcd", "hypersd_tcd", "tcd", "TCD"), ("hypersd_ddim", "hypersd_trailing", "ddim", "Trailing"),
     ("hypersd_ddim", "hypersd_800", "euler", "Start at 800")],
)  # fmt: skip
def test_samplers_and_schedules_stand_in_ksamplers_lists(host, sampler, scheduler, law, schedule):
    graph = Sampling()
    ours = graph.add(
        "KSampler", model=graph.model, seed=1, steps=2, cfg=1.0, sampler_name=sampler, scheduler=scheduler,
        positive=graph.positive, negative=graph.negative, latent_image=graph.latent, denoise=1.0,
    )  # fmt: skip
    graph.compare(
        (ours, 0), graph.sample(graph.reference(law, 2, 0.3 if law == "tcd" else 0.0), graph.schedule(schedule, 2))
    )
    (shown,) = host.run(graph).outputs.values()
    assert shown["rms"][0] <= 1e-5


def test_the_cards_nodes_run(host):
    graph = Sampling()
    tcd = graph.add("TCDModelSamplingDiscrete", model=graph.model, steps=4, scheduler="simple", denoise=1.0, eta=0.3)
    ours = graph.sample((tcd, 1), (tcd, 2), model=(tcd, 0))
    same = graph.compare(ours, graph.sample(graph.reference("tcd", 4, 0.3), (tcd, 2)))
    start = graph.add("HyperSDXL1StepUnetScheduler", model=graph.model, steps=1)
    sigmas = graph.add("ProbeShow", sigmas=(start, 0))
    outputs = host.run(graph).outputs
    assert outputs[same]["rms"][0] <= 1e-5
    assert outputs[sigmas]["sigmas"] == pytest.approx([5.11103, 0], abs=1e-4)


def test_the_host_refuses_what_is_no_number_of_steps(host):
    graph = Sampling()
    graph.add("ProbeShow", sigmas=graph.schedule("TCD", 0))
    with pytest.raises(Refused, match="smaller than min"):
        host.run(graph)
