"""How near the playground and diffusers' own pipelines come to the limit: the time of the same modules called bare.

``python -m bench.limit [--write]``: the embedded model, and random weights in SD1.5's shapes, on the CPU.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import diffusers
import torch

from bench.random_models import loaded, random_pipeline, write_lora
from bench.report import keep, show
from bench.timing import seconds_in_turn
from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.job import Job, Own
from lib_hypersd.playground.loading import load_pipeline
from lib_hypersd.playground.loras import Loras
from lib_hypersd.playground.pipeline import LoadedPipeline
from lib_hypersd.recipes.catalog import Catalog
from lib_hypersd.recipes.settings import Settings

STEPS = (1, 2, 4, 8)
MOST_OF_DIFFUSERS = 0.7
Contestants = dict[str, Callable[[int], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--only", choices=PARTS, help="only this part")
    options = parser.parse_args()
    # Threads wait for each other, so that a second one measures what else the machine does.
    torch.set_num_threads(1)
    for title, measured in PARTS.items():
        if options.only in (None, title):
            print(title)
            section = show(measured())
            if options.write:
                keep({title: section})


def embedded() -> Iterator[tuple[str, str, str]]:
    lora = next(EMBEDDED.glob("*1step*.safetensors"))
    named = contestants(load_pipeline(embedded_checkpoint(), "cpu"), lora)
    yield from rows(measure(named, 5, time.process_time), MOST_OF_DIFFUSERS)


def random_sd15() -> Iterator[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        lora = write_lora(Path(folder, "random.safetensors"), "sd15", "cpu")
        pipeline = loaded(random_pipeline("sd15", torch.float32, "cpu"), "sd15", "cpu")
        pipeline.size = (256, 256)
        yield from rows(measure(contestants(pipeline, lora), 3, time.process_time), MOST_OF_DIFFUSERS)


PARTS = {
    "Playground: the embedded model at 64×64, on the CPU": embedded,
    "Playground: random weights in SD1.5's shapes at 256×256, on the CPU": random_sd15,
}


def sharing(network: torch.nn.Module) -> torch.nn.Module:
    """A second network over the same weights, which may get LoRAs of its own."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)


def contestants(pipeline: LoadedPipeline, lora: Path) -> Contestants:
    """What makes a picture in so many steps: the modules alone, our playground, diffusers with its TCD.

    Both make the picture of a new prompt each time, at CFG 1, with the same LoRA; diffusers holds it beside the
    weights, as it does unless told to fuse it. The modules alone have none.
    """
    count = iter(range(10**9))
    alone = bare(pipeline, sharing(pipeline.network))
    peer = peer_of(pipeline, lora)
    playground = Playground(pipeline, Loras([lora]), Catalog(()))
    width, height = pipeline.size

    def ours(steps: int) -> None:
        prompt = f"a red square {next(count)} <lora:{lora.stem}:1>"
        own = Own(steps, 1.0, "TCD", "TCD", 0.3)
        playground.run(Job(prompt, settings=Settings(enabled=False), own=own))

    def diffusers_own(steps: int) -> None:
        peer(
            f"a red square {next(count)}", height=height, width=width, num_inference_steps=steps, guidance_scale=1.0,
            eta=0.3,
        )  # fmt: skip

    return {"limit": alone, "playground": ours, "diffusers": diffusers_own}


def peer_of(pipeline: LoadedPipeline, lora: Path) -> diffusers.DiffusionPipeline:
    """diffusers' own pipeline over the same weights, with its TCD and a LoRA beside the weights."""
    pipe = pipeline.pipe
    peer = type(pipe)(**pipe.components | {
        "unet": sharing(pipeline.network), "scheduler": diffusers.TCDScheduler.from_config(pipe.scheduler.config),
        "vae": copy.deepcopy(pipe.vae).to(pipeline.dtype),
    })  # fmt: skip
    peer.set_progress_bar_config(disable=True)
    peer.load_lora_weights(str(lora))
    return peer


def bare(pipeline: LoadedPipeline, network: torch.nn.Module) -> Callable[[int], None]:
    """Text encoders, the network as often as there are steps, and the decoder; nothing between them."""
    pipe, dtype, (width, height) = pipeline.pipe, pipeline.dtype, pipeline.size
    encoders = [getattr(pipe, name) for name in ("text_encoder", "text_encoder_2") if getattr(pipe, name, None)]
    ids = torch.ones((1, pipe.tokenizer.model_max_length), dtype=torch.long, device=pipeline.device)
    x = torch.randn((1, pipe.vae.config.latent_channels, height // 8, width // 8)).to(pipeline.device, dtype)
    t = torch.tensor([999], device=pipeline.device)
    words = torch.randn((1, ids.shape[1], network.config.cross_attention_dim)).to(pipeline.device, dtype)
    added = {
        "text_embeds": torch.zeros((1, 1280), device=pipeline.device, dtype=dtype),
        "time_ids": torch.zeros((1, 6), device=pipeline.device, dtype=dtype),
    }

    @torch.inference_mode()
    def run(steps: int) -> None:
        for encoder in encoders:
            encoder(ids, output_hidden_states=True)
        for _ in range(steps):
            network(x, t, encoder_hidden_states=words, added_cond_kwargs=added, return_dict=False)
        pipe.vae.decode(x.to(pipe.vae.dtype)).sample.cpu()

    return run


def measure(
    named: Contestants, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> Iterator[tuple[int, dict[str, float]]]:
    """For each number of steps the median seconds of each contestant, measured in turn."""
    for count in STEPS:
        makers = [lambda make=make, count=count: make(count) for make in named.values()]
        spent = seconds_in_turn(*makers, rounds=rounds, clock=clock)
        yield count, dict(zip(named, spent, strict=True))


def rows(measured: Iterator[tuple[int, dict[str, float]]], most_of_peer: float | None = None) -> Iterator[tuple]:
    """The table of a measurement; ``most_of_peer`` is the bar of ours over diffusers' time, where there is one."""
    for steps, spent in measured:
        bare, ours, peer = spent["limit"], spent["playground"], spent["diffusers"]
        bar = "at most 1.35" if steps == 1 else "at most 1.15" if steps >= 4 else ""
        yield f"{steps} steps: the limit, in ms", f"{bare * 1000:.1f}", ""
        yield f"{steps} steps: the playground, of the limit", f"{ours / bare:.2f}", bar
        yield f"{steps} steps: diffusers, of the limit", f"{peer / bare:.2f}", ""
        bar = f"at most {most_of_peer}" if most_of_peer else ""
        yield f"{steps} steps: the playground, of diffusers", f"{ours / peer:.2f}", bar


if __name__ == "__main__":
    main()
