"""The final latents equal those of a loop over diffusers' schedulers, with the same network and the same noise."""

import pytest

from tests.live_comfyui.graphs import Sampling

MOST = 1e-5  # relative RMS, float32

CASES = [
    *(("tcd", "TCD", steps, eta, 1.0) for steps in (1, 2, 4, 8) for eta in (0.0, 0.3, 1.0)),
    *(("ddim", "Trailing", steps, 0.0, 1.0) for steps in (1, 2, 4, 8)),
    *(("euler", "Start at 800", steps, 0.0, 1.0) for steps in (1, 2, 3)),
    ("lcm", "Start at 800", 1, 1.0, 1.0),
    *(("tcd", "TCD", steps, eta, strength) for steps in (2, 4) for eta in (0.0, 0.3) for strength in (0.4, 0.7)),
    ("ddim", "Trailing", 4, 0.0, 0.4),
    ("ddim", "Trailing", 7, 0.0, 0.7),
]


def compared(host, law, schedule, steps, eta, strength, **more):
    graph = Sampling(image=strength < 1, **more)
    sampler = graph.tcd(eta) if law in ("tcd", "lcm") else graph.ddim(eta)
    sigmas = graph.schedule(schedule, steps, strength)
    ours = graph.sample(sampler, sigmas, seed=7)
    other = graph.sample(graph.reference(law, steps, eta, strength), sigmas, seed=7)
    graph.compare(ours, other)
    (shown,) = host.run(graph).outputs.values()
    return shown


@pytest.mark.parametrize(("law", "schedule", "steps", "eta", "strength"), CASES)
def test_latents_equal_diffusers(host, law, schedule, steps, eta, strength, record_property):
    shown = compared(host, law, schedule, steps, eta, strength)
    record_property("rms", shown["rms"][0])
    print(f"{law} {schedule} {steps} steps, eta {eta}, strength {strength}: {shown['rms'][0]:.1e}")
    assert shown["dtype"] == ["torch.float32"] and shown["size"][0] > 0.01
    assert shown["rms"][0] <= MOST
