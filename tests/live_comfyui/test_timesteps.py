"""The network is asked at the timesteps of the table that holds for all hosts, and as often."""

import shutil

import pytest

from lib_hypersd.recipes.settings import VARIANTS
from tests.live_comfyui.graphs import Sampling
from tests.timesteps import CASES

# What a graph needs of each: its checkpoint, for SD1.5 the one that Forge runs too, and the sizes of prompts and latents.
GRAPHS = {
    "sd15": {"checkpoint": "rand_sd15"},
    "sdxl": {"checkpoint": "small_sdxl", "width": 2048, "pooled": 1280},
    "sd3": {"checkpoint": "rand_sd3", "width": 4096, "pooled": 2048, "channels": 16},
    "flux": {"checkpoint": "rand_flux", "width": 4096, "pooled": 768, "channels": 16},
}


@pytest.fixture(scope="module")
def provide(host):
    """A way to have a family's checkpoint, and LoRAs for it in a folder of their own; one family is in memory at a time."""
    provided = []

    def provide(family):
        if provided[-1:] != [family]:
            checkpoint = GRAPHS[family]["checkpoint"]
            host.free()
            host.link(f"Stable-diffusion/{checkpoint}.safetensors", f"checkpoints/{checkpoint}.safetensors")
            host.write_loras(family, checkpoint, checkpoint)
            provided.append(family)

    yield provide
    host.free()
    for graph in GRAPHS.values():  # other tests name a LoRA by its name alone
        shutil.rmtree(host.data / "models" / "loras" / graph["checkpoint"], ignore_errors=True)


@pytest.mark.parametrize(("case", "family"), [(case, case.family) for case in CASES], ids=map(str, CASES))
def test_the_timesteps_are_those_of_every_host(host, provide, case, family):
    provide(family)
    graph = Sampling(**GRAPHS[family], image=case.strength < 1)
    fixed = {name: str(value) for name, value in case.fixed.items()}
    if "variant" in fixed:
        fixed["variant"] = VARIANTS[fixed["variant"]]
    node = graph.add("HyperSD", model=graph.model, denoise=case.strength, **fixed)
    shown = graph.add("ProbeShow", text=(node, 6), model=(node, 0))
    watched = (graph.add("ProbeWatch", model=(node, 0), key=str(case)), 0)
    latent = graph.sample((node, 2), (node, 3), cfg=(node, 4), model=watched)
    calls = graph.add("ProbeCalls", latent=latent, key=str(case))
    outputs = host.run(graph, 900).outputs
    scale = 1000 if family == "flux" else 1  # it is asked at the noise level itself
    timesteps = [scale * timestep for timestep, _ in outputs[calls]["calls"]]
    assert timesteps == pytest.approx(case.timesteps, abs=0.05 if case.sampler == "Euler" else 0)
    assert {rows for _, rows in outputs[calls]["calls"]} == {case.rows}
    words = outputs[shown]["text"][0]
    assert f"{case.file} at weight " in words and outputs[shown]["patches"][0] > 0
    assert f"{case.sampler} on the schedule {case.schedule}" in words
