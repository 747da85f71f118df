"""What the tests of the hosts share: the user's own settings, the timesteps of diffusers, and requests of several kinds."""

import pytest
from diffusers import DDIMScheduler, TCDScheduler

from tests.networks import SD_BETAS

ON = {"enabled": True}
OWN = {"steps": 6, "cfg_scale": 7.0, "sampler_name": "Euler", "scheduler": "Automatic"}


# A1111 evaluates the negative half at CFG 1 unless it is told not to; the other hosts never do.
guidance_of_a1111 = pytest.mark.only("AUTOMATIC1111", why="it computes no negative half at CFG 1")
with_schedules = pytest.mark.only(
    "AUTOMATIC1111", "Forge", "Forge Neo", "reForge", why="it has no schedules: its samplers' names say them"
)


def trailing(steps):
    scheduler = DDIMScheduler(**SD_BETAS, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    return scheduler.timesteps.tolist()


def tcd(steps):
    scheduler = TCDScheduler(**SD_BETAS)
    scheduler.set_timesteps(steps)
    return scheduler.timesteps.tolist()


def within(strength, steps):
    """The trailing timesteps of an image that is made from another, by the formula."""
    reached = int(1000 * strength)
    return [round(reached - i * reached / steps) - 1 for i in range(steps)]


def describe(host, info):
    """What the host says of itself, but for what it counts."""
    return {key: value for key, value in host.get("/hypersd-probe/host").items() if key in info}


def by_hand(host, result, **payload):
    """What a result's infotext says, with the panel off."""
    prompt, settings = result.infotext.splitlines()[:2]
    tcd = "Sampler: TCD" in settings
    values = {
        "prompt": prompt, "steps": 4, "cfg_scale": 1.0, "eta": 1.0 if tcd else None,
        "sampler_name": "TCD" if tcd else "DDIM-Trailing", "scheduler": "TCD" if tcd else "Trailing",
    }  # fmt: skip
    return host.txt2img(None, **{**values, **payload})


def plot(host, x, values, panel=None, **payload):
    """A plot along one axis: the pictures of its cells and their infotexts."""
    script = next(s for s in host.get("/sdapi/v1/script-info") if s["name"] == "x/y/z plot" and not s["is_img2img"])
    labels = script["args"][0]["choices"]
    nothing, as_list = labels.index("Nothing"), values.split(",")
    args = [argument["value"] for argument in script["args"]]
    args[:9] = [labels.index(x), values, as_list, nothing, "", [], nothing, "", []]
    for i, argument in enumerate(script["args"]):
        if argument["label"] in ("Include Sub Images", "Use text inputs instead of dropdowns"):
            args[i] = True
    result = host.txt2img(panel, script_name="x/y/z plot", script_args=args, **payload)
    cells = result.info["infotexts"][-len(as_list) :]
    return result, cells
