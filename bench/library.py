"""The samplers beside k-diffusion's and diffusers', and the time a plan takes."""

from functools import partial

import torch
from diffusers import TCDScheduler
from k_diffusion.sampling import sample_euler, sample_euler_ancestral

from bench.timing import seconds_in_turn
from lib_hypersd.files.identify import identify
from lib_hypersd.plan import File, Model, Request, make_plan
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import Settings
from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd
from lib_hypersd.sampling.schedules import sigmas_at, tcd_timesteps
from tests.networks import SD_BETAS, Network, denoiser
from tests.reads import reads_inside_the_loop

STEPS = 8
GROWTH = (1, 2, 4, 8, 16, 32)


def measure():
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        yield from samplers((1, 4, 64, 64), device)
        yield from samplers((4, 4, 128, 128), device)
    for name, sampler, bar in (
        ("TCD", sample_tcd, "0"),
        ("DDIM-Trailing", sample_ddim, "0"),
        ("Euler ancestral", sample_euler_ancestral, ""),
    ):
        yield f"{name}: waits for the device in {STEPS} steps", str(reads_inside_the_loop(sampler, eta=0.3)), bar
    for count in (50, 5000):
        yield from plans(count)


def contestants(shape, device, steps=STEPS):
    """Samplers with a network that costs nothing: what is left is their own work.

    Noise is drawn by the same function for all; its cost belongs to each alike.
    """
    table = denoiser(Network(torch.float32)).sigmas.to(device)
    sigmas = sigmas_at(tcd_timesteps(steps), table)
    x, answer = torch.randn(shape).to(device), torch.zeros(shape, device=device)
    scheduler = TCDScheduler(**SD_BETAS)
    scheduler.set_timesteps(steps, device)

    class Free:
        sigmas = table

        def __call__(self, x, sigma):
            return answer

    def diffusers_tcd():
        scheduler._step_index, y = None, x
        for t in scheduler.timesteps:
            y = scheduler.step(answer, t, y, eta=0.3, return_dict=False)[0]
        wait(device)

    def ours(sampler, **arguments):
        def run():
            sampler(Free(), x, sigmas, disable=True, **arguments)
            wait(device)

        return run

    return {
        "TCD, eta 0.3": ours(sample_tcd, eta=0.3),
        "TCD, eta 1": ours(sample_tcd, eta=1.0),
        "DDIM-Trailing, eta 1": ours(sample_ddim, eta=1.0),
        "DDIM-Trailing, eta 0": ours(sample_ddim),
        "Euler ancestral": ours(sample_euler_ancestral),
        "Euler": ours(sample_euler),
        "diffusers' TCDScheduler, eta 0.3": diffusers_tcd,
    }


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def samplers(shape, device):
    """Overhead per step: against Euler ancestral, which also draws noise, against Euler, and against diffusers."""
    named = contestants(shape, device)
    spent = dict(zip(named, seconds_in_turn(*named.values(), rounds=200), strict=True))
    for name, peer, bar in (
        ("TCD, eta 0.3", "Euler ancestral", "at most 1.1"),
        ("TCD, eta 1", "Euler ancestral", "at most 1.1"),
        ("DDIM-Trailing, eta 1", "Euler ancestral", "at most 1.1"),
        ("DDIM-Trailing, eta 0", "Euler", ""),
        ("TCD, eta 0.3", "diffusers' TCDScheduler, eta 0.3", ""),
    ):
        yield f"{name}: overhead of {peer}, {tuple(shape)}, {device}", f"{spent[name] / spent[peer]:.2f}", bar


def growth():
    """Milliseconds per image with a network that costs nothing, over steps and over the batch."""
    names = ("TCD, eta 0.3", "Euler ancestral", "diffusers' TCDScheduler, eta 0.3")
    over = {
        "steps": [(steps, contestants((1, 4, 64, 64), "cpu", steps)) for steps in GROWTH],
        "images in the batch": [(batch, contestants((batch, 4, 64, 64), "cpu")) for batch in GROWTH],
    }
    for axis, measured in over.items():
        lines = {name: [] for name in names}
        for value, named in measured:
            for name, spent in zip(names, seconds_in_turn(*(named[name] for name in names), rounds=30), strict=True):
                lines[name].append((value, spent * 1000))
        yield "samplers alone", axis, "ms", lines


def plans(count):
    """One plan among ``count`` LoRAs whose recipes are known: few-step ones as files and the others as names, as the
    adapter and the playground hand them on; then all as files, as the command line does.
    """
    catalog = published()
    names = [r.file.removesuffix(".safetensors") for r in catalog.recipes if r.is_lora and r.file]
    names += [f"some style {i}" for i in range(count - len(names))]
    files = [File(name, identify(catalog, name)) for name in names]
    few_step = [file for file in files if file.recipe]
    others = frozenset(file.name for file in files if not file.recipe)

    def run(files, others):
        prompts = ("a cat <lora:Hyper-SDXL:0.75>",)
        return make_plan(Request(Settings(True, steps=4), Model("sdxl"), files, prompts, others=others), catalog)

    spent = seconds_in_turn(partial(run, few_step, others), partial(run, files, ()), rounds=200)
    for what, seconds in zip(("", ", all handed on as files"), spent, strict=True):
        yield f"a plan among {count} LoRAs{what}", f"{seconds * 1000:.3f} ms", "at most 1 ms"
