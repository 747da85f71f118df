"""Steps of training on noise, before anything long begins: whether memory is enough, and how long all will take."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from accelerate import Accelerator

from .base import Base
from .chance import Chance
from .data import Data, open_data, save_part
from .errors import RefusedRun
from .feedback import Reward
from .network import AVERAGE, BEFORE, FAKE, STUDENT
from .options import Options
from .sources import FEWEST
from .stages import Stage, stages_of
from .student import Student, make_setup, prepare_adapters

__all__ = ["Rehearsal", "refusing_too_large", "rehearse"]

GB = 1024**3


@dataclass(frozen=True)
class Rehearsal:
    """Seconds a step takes in each stage, the bytes at the highest, and how many numbers a LoRA has."""

    seconds: dict[str, float]
    memory: int
    parameters: int

    def sentence(self, options: Options, device: torch.device) -> str:
        """For the person who is to wait."""
        each = ", ".join(f"{seconds:.2f} s in {name}" for name, seconds in self.seconds.items())
        total = sum(self.seconds.values()) * options.iterations / 3600
        limit = "" if options.hours is None else f", of which --hours allows {options.hours:g}"
        return (
            f"A step takes {each}; {self.memory / GB:.1f} GB of {device.type} memory at the most. "
            f"{options.iterations} steps of each stage take {total:.1f} hours{limit}, beside the data and the sheets."
        )


def rehearse(options: Options, base: Base, accelerator: Accelerator, reward: Reward | None, steps: int) -> Rehearsal:
    """Train some steps of each kind of stage on noise, and leave the network as it was."""
    device, seconds, kinds = accelerator.device, {}, {}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        text = {name: value.expand(FEWEST, *value.shape[1:]) for name, value in base.network.empty.items()}
        latents = torch.randn(FEWEST, *base.latent_shape, generator=torch.Generator().manual_seed(0))
        save_part(Path(folder, "part-00000.safetensors"), latents, text, [""] * FEWEST)
        data = open_data(Path(folder), options, device)
        for stage in stages_of(options):
            kind = (stage.before is None, stage.kind == "unified")
            if kind not in kinds:
                kinds[kind] = seconds_of(stage, options, base, data, accelerator, reward, steps)
            seconds[stage.name] = kinds[kind]
        parameters = sum(parameter.numel() for parameter in base.network.parameters(STUDENT))
        base.network.delete(STUDENT, AVERAGE, FAKE, BEFORE)
    used = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss
    return Rehearsal(seconds, used, parameters)


@contextmanager
def refusing_too_large(device: torch.device) -> Iterator[None]:
    """Have a memory that is too small end in a sentence."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise RefusedRun(
            f"The memory of {device.type} is too small for a step of training: give a smaller --batch, "
            "--resolution or --rank, or --checkpointing, which takes less memory and more time."
        ) from error


def seconds_of(
    stage: Stage, options: Options, base: Base, data: Data, accelerator: Accelerator, reward: Reward | None, steps: int
) -> float:
    """How long a step of a stage takes, the first one left out where there are more."""
    prepare_adapters(base.network, options, stage, None, None)
    student = Student(make_setup(options, stage, base, data, reward), accelerator)
    times = []
    for step in range(steps):
        since = time.perf_counter()
        student.learn(step, Chance(step, options.batch, accelerator))
        times.append(time.perf_counter() - since)
    warm = times[1:] or times
    return sum(warm) / len(warm)
