"""``python3 dev.py bench --device cuda``: what the samplers and the playground cost on a GPU, in a few minutes.

Networks have the published shapes and random weights, made on the device; nothing is fetched. ``--device cpu --small``
tries the script out. The table is printed, and written as JSON and Markdown to the folder in the variable OUT, if any.
"""

import argparse
import contextlib
import gc
import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import diffusers
import torch

from bench import limit
from bench.random_models import SCHEDULER, SIZE, loaded, random_pipeline, write_lora
from bench.report import show, table
from bench.timing import seconds_in_turn
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.job import Job, Own
from lib_hypersd.playground.loading import quiet
from lib_hypersd.playground.loras import Loras
from lib_hypersd.playground.placement import GB
from lib_hypersd.recipes.catalog import FAMILIES, Catalog
from lib_hypersd.recipes.settings import Settings
from lib_hypersd.sampling.samplers import sample_ddim, sample_tcd
from lib_hypersd.sampling.schedules import sigmas_at, tcd_timesteps, trailing_timesteps

Rows = Iterator[tuple[str, str, str]]
SAMPLERS = {
    "TCD, eta 0.3": (sample_tcd, tcd_timesteps, 0.3),
    "TCD, eta 1": (sample_tcd, tcd_timesteps, 1.0),
    "DDIM-Trailing, eta 0": (sample_ddim, trailing_timesteps, 0.0),
    "DDIM-Trailing, eta 1": (sample_ddim, trailing_timesteps, 1.0),
}
STEPS = 8
NAMES = {torch.float16: "float16", torch.bfloat16: "bfloat16", torch.float32: "float32"}
CONTEXT = 3 * GB // 4  # of a card's memory, which the driver takes before anything is allocated


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="narrow networks, to try this out")
    parser.add_argument("--minutes", type=float, default=7.0, help="no section is begun after so many")
    parser.add_argument("--only", metavar="TITLE", action="append", help="this section of the table; may come again")
    options = parser.parse_args()
    device, until = options.device, time.monotonic() + 60 * options.minutes
    quiet()
    kept: dict[str, list[tuple[str, str, str]]] = {}
    for title, rows in sections(device, options.small).items():
        if options.only and title not in options.only:
            continue
        if time.monotonic() > until:
            print(f"{title}: left out, for the time is over")
            continue
        start, kept[title] = time.monotonic(), []
        print(f"\n{title}")
        try:
            for row in rows:
                kept[title] += show([row])
        except Exception as error:  # a lent machine must not be lost to one fault
            traceback.print_exc()
            kept[title].append((f"failed: {type(error).__name__}", " ".join(str(error).split())[:300], ""))
        print(f"({time.monotonic() - start:.0f} s)", flush=True)
        release(device)
        write(kept)


def sections(device: str, small: bool) -> dict[str, Rows]:
    """The table's parts, each computed as it is read."""
    half = (torch.float32,) if device == "cpu" else (torch.float16, torch.bfloat16)
    parts = {
        "the machine": machine(device),
        "samplers alone": overheads(device),
        "waits for the device in the loop": waits(device, small),
        "samplers in half precision": parity(device),
    }
    for family in ("sd15",) if small else ("sd15", "sdxl"):
        for dtype in half:
            parts[f"{FAMILIES[family]} at {SIZE[family]}×{SIZE[family]}, {NAMES[dtype]}"] = limits(
                family, dtype, device, small
            )
    if device == "cuda" and not small:
        parts["SDXL in 8 GB"] = within("sdxl", 8, device, torch.float16)
        parts["FLUX in 16 GB"] = within("flux", 16, device, torch.bfloat16)
        parts["SDXL in 4 GB"] = within("sdxl", 4, device, torch.float16)
    return parts


def machine(device: str) -> Rows:
    yield "device", torch.cuda.get_device_name() if device == "cuda" else "CPU", ""
    yield "torch, diffusers", f"{torch.__version__}, {diffusers.__version__}", ""


class Free:
    """A network that costs nothing: what is left is the sampler's own work."""

    def __init__(self, table: torch.Tensor, answer: torch.Tensor):
        self.sigmas, self.answer = table, answer

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return self.answer


def table_on(device: str) -> torch.Tensor:
    """SD1.5's and SDXL's noise levels, ``[1000]``."""
    alphas = diffusers.DDIMScheduler(**SCHEDULER).alphas_cumprod.double()
    return ((1 - alphas) / alphas).sqrt().float().to(device)


def overheads(device: str) -> Rows:
    table = table_on(device)
    for shape in ((1, 4, 64, 64), (1, 4, 128, 128), (4, 4, 128, 128)):
        x, answer = torch.randn(shape, device=device), torch.zeros(shape, device=device)
        scheduler = diffusers.TCDScheduler(**{k: v for k, v in SCHEDULER.items() if k != "clip_sample"})
        scheduler.set_timesteps(STEPS, device)

        def ours(sample, timesteps, eta, x=x, answer=answer):
            sample(Free(table, answer), x, sigmas_at(timesteps(STEPS), table), disable=True, eta=eta)
            wait(device)

        def peer(x=x, answer=answer, scheduler=scheduler):
            scheduler._step_index = None
            for t in scheduler.timesteps:
                x = scheduler.step(answer, t, x, eta=0.3, return_dict=False)[0]
            wait(device)

        named = {name: lambda one=one: ours(*one) for name, one in SAMPLERS.items()} | {"diffusers' TCDScheduler": peer}
        for name, spent in zip(named, seconds_in_turn(*named.values(), rounds=100), strict=True):
            yield f"{name}, {tuple(shape)}: microseconds a step", f"{spent / STEPS * 1e6:.0f}", ""


@contextlib.contextmanager
def raising_on_waits(device: str):
    """Have torch raise where Python waits for the device."""
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")


def waits(device: str, small: bool) -> Rows:
    """From the first evaluation to the last; what comes before reads the levels, and what comes after the picture."""
    table, x = table_on(device), torch.randn((1, 4, 64, 64), device=device)
    for name, (sample, timesteps, eta) in SAMPLERS.items():
        with contextlib.ExitStack() as stack:

            def begin(step, stack=stack):
                if step["i"] == 0:
                    stack.enter_context(raising_on_waits(device))

            sample(Free(table, x), x, sigmas_at(timesteps(STEPS), table), None, begin, True, eta)
        yield f"{name}: {STEPS} steps with torch's detector set to raise", "no wait", "none"
    pipeline = loaded(random_pipeline("sd15", half_of(device), device, small), "sd15", device)
    playground = Playground(pipeline, Loras(), Catalog(()))
    for own in (Own(4, 1.0, "TCD", "TCD", 0.3), Own(4, 1.0, "DDIM-Trailing", "Trailing", 0.0)):
        job = Job("a red square", settings=Settings(enabled=False), own=own)
        playground.run(job)
        with contextlib.ExitStack() as stack:

            def progress(step, steps, stack=stack):
                if step == 1:
                    stack.enter_context(raising_on_waits(device))
                if step == steps:
                    stack.close()

            playground.run(job, progress)
        yield f"the playground's {own.sampler}, its network included: {own.steps} steps likewise", "no wait", "none"


def half_of(device: str) -> torch.dtype:
    return torch.float16 if device == "cuda" else torch.float32


def parity(device: str) -> Rows:
    """The end of 8 steps, beside float32 on the CPU; the network computes in float32 and answers in the type of x."""
    x, *fresh = torch.randn((STEPS + 1, 1, 4, 64, 64), generator=torch.Generator().manual_seed(1))

    class Smooth:
        def __init__(self, device):
            self.sigmas = table_on(device)

        def __call__(self, x, sigma):
            u = x.float() / (1 + sigma.float() ** 2).sqrt().reshape(-1, 1, 1, 1)
            return torch.tanh(u + 0.5 * u.roll(1, -1) - 0.3 * u.roll(1, -2)).to(x.dtype)

    def end(sample, timesteps, eta, device, dtype):
        model, noise = Smooth(device), iter(fresh)
        sigmas = sigmas_at(timesteps(STEPS), model.sigmas).to(dtype)
        start = (x * (1 + float(sigmas[0]) ** 2) ** 0.5).to(device, dtype)
        latents = sample(
            model, start, sigmas, disable=True, eta=eta, noise_sampler=lambda *_: next(noise).to(device, dtype)
        )
        return latents.double().cpu()

    for name, one in SAMPLERS.items():
        reference = end(*one, "cpu", torch.float32)
        for dtype, bar in ((torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
            difference = end(*one, device, dtype) - reference
            error = (difference.square().mean() / reference.square().mean()).sqrt().item()
            yield f"{name}: {NAMES[dtype]} on {device}, relative error", f"{error:.1e}", f"at most {bar:.0e}"


def limits(family: str, dtype: torch.dtype, device: str, small: bool) -> Rows:
    pipe = random_pipeline(family, dtype, device, small)
    with tempfile.TemporaryDirectory() as folder:
        lora = write_lora(Path(folder, "random.safetensors"), family, device, small)
        pipeline = loaded(pipe, family, device)
        named = limit.contestants(pipeline, lora)
        start = time.perf_counter()
        named["playground"](1)
        yield "the LoRA read and merged, with the first picture, in seconds", f"{time.perf_counter() - start:.2f}", ""
        yield "LoRAs merged", str(pipeline.are_merged), "True"
        yield from limit.rows(limit.measure(named, rounds=10))
        for name, make in named.items():
            held, most = peak(device, lambda make=make: make(4))
            yield f"{name}: memory of a picture of 4 steps beside the weights, in GB", f"{most - held:.2f}", ""


def within(family: str, gigabytes: int, device: str, dtype: torch.dtype) -> Rows:
    """A picture of 4 steps on a card of so many GB, which torch is held to."""
    free = gigabytes * GB - CONTEXT
    pipe = random_pipeline(family, dtype, device)
    try:
        with tempfile.TemporaryDirectory() as folder:
            lora = write_lora(Path(folder, "random.safetensors"), family, device)
            pipe.to("cpu")
            release(device)
            torch.cuda.set_per_process_memory_fraction(free / torch.cuda.get_device_properties(0).total_memory)
            pipeline = loaded(pipe, family, device, free=free)
            yield pipeline.placement, "", ""
            playground = Playground(pipeline, Loras([lora]), Catalog(()))
            own = Own(4, 1.0, *(("Euler", "Simple") if family == "flux" else ("TCD", "TCD", 0.3)))
            for prompt in ("a red square", "a blue square <lora:random:1>", "a cat <lora:random:1>"):
                job = Job(prompt, settings=Settings(enabled=False), own=own)
                start = time.perf_counter()
                _, most = peak(device, lambda job=job: playground.run(job))
                spent = time.perf_counter() - start
                yield f"“{prompt}”: peak memory in GB; seconds", f"{most:.2f}; {spent:.1f}", f"{gigabytes} GB"
            yield "LoRAs merged", str(pipeline.are_merged), ""
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def peak(device: str, make) -> tuple[float, float]:
    """What torch has allocated before something is made, and the most while it is, in GB."""
    if device != "cuda":
        return 0.0, 0.0
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    make()
    return held / GB, torch.cuda.max_memory_allocated() / GB


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def release(device: str) -> None:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def write(kept: dict[str, list]) -> None:
    if "OUT" not in os.environ:
        return
    out = Path(os.environ["OUT"])
    (out / "device.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    text = "\n".join(f"## {title}\n\n{table(rows)}" for title, rows in kept.items())
    (out / "device.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
