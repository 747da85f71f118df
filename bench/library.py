"""The samplers beside k-diffusion's, and the time a plan takes."""

import torch
from k_diffusion.sampling import sample_euler, sample_euler_ancestral

from bench.timing import seconds_in_turn
from lib_hypersd.catalog import published
from lib_hypersd.identify import identify
from lib_hypersd.plan import File, Model, Request, make_plan
from lib_hypersd.samplers import sample_ddim, sample_tcd
from lib_hypersd.schedules import sigmas_at, tcd_timesteps
from lib_hypersd.settings import Settings
from tests.networks import Network, denoiser

STEPS = 8


def measure():
    yield from samplers((1, 4, 64, 64))
    yield from samplers((4, 4, 128, 128))
    for count in (20, 5000):
        yield plan(count)


def samplers(shape):
    """Overhead per step with a network that costs nothing, against Euler ancestral (which also draws noise)."""
    table = denoiser(Network(torch.float32)).sigmas
    sigmas = sigmas_at(tcd_timesteps(STEPS), table)
    answer = torch.zeros(shape)

    class Free:
        sigmas = table

        def __call__(self, x, sigma):
            return answer

    x = torch.randn(shape)
    # Noise is drawn by the same function for all; its cost belongs to each alike.
    contestants = {
        "TCD, eta 0.3": lambda: sample_tcd(Free(), x, sigmas, disable=True, eta=0.3),
        "TCD, eta 1": lambda: sample_tcd(Free(), x, sigmas, disable=True, eta=1.0),
        "DDIM-Trailing, eta 1": lambda: sample_ddim(Free(), x, sigmas, disable=True, eta=1.0),
        "DDIM-Trailing, eta 0, against Euler": lambda: sample_ddim(Free(), x, sigmas, disable=True),
        "Euler ancestral": lambda: sample_euler_ancestral(Free(), x, sigmas, disable=True),
        "Euler": lambda: sample_euler(Free(), x, sigmas, disable=True),
    }
    spent = dict(zip(contestants, seconds_in_turn(*contestants.values(), rounds=200), strict=True))
    for name in list(contestants)[:4]:
        against = spent["Euler" if "Euler" in name else "Euler ancestral"]
        bar = "at most 1.1" if "Euler" not in name else ""
        yield f"{name}: overhead per step at {tuple(shape)}, of Euler ancestral's", f"{spent[name] / against:.2f}", bar


def plan(count):
    """One plan among ``count`` LoRAs, their recipes looked up by name each time as the host adapter does."""
    catalog = published()
    names = [r.file.removesuffix(".safetensors") for r in catalog.recipes if r.is_lora and r.file]
    names += [f"some style {i}" for i in range(count - len(names))]

    def run():
        files = [File(name, recipe) for name in names if (recipe := identify(catalog, name))]
        return make_plan(
            Request(Settings(True, steps=4), Model("sdxl"), files, ("a cat <lora:Hyper-SDXL:0.75>",)), catalog
        )

    (seconds,) = seconds_in_turn(run)
    return f"a plan among {count} LoRAs", f"{seconds * 1000:.3f} ms", "at most 1 ms"
