"""One stage of training that can be stopped at any moment and taken up again, by one process or by several."""

import json
import math
import os
import time
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters

SAVE_SECONDS = 180


class Processes(PartialState):
    """Processes that meet on the CPU, whatever they compute on."""

    def wait_for_everyone(self) -> None:
        """Accelerate's own asks for a GPU for every process, even of those that meet on the CPU."""
        if self.num_processes > 1:
            torch.distributed.barrier()


def processes() -> Processes:
    """Those that train together (``torchrun``), each on its share of every batch; without, the one that there is."""
    return Processes(cpu=True)


def share(batch: int) -> int:
    """This process's part of a batch."""
    return batch // processes().num_processes


def once(write, *arguments) -> None:
    """Have one process write a file; the others wait for it."""
    if processes().is_main_process:
        write(*arguments)
    processes().wait_for_everyone()


def descend(loss: torch.Tensor, optimizer: torch.optim.Optimizer, longest: float = math.inf) -> None:
    """One step of the optimizer down the mean loss of all processes, along a gradient no longer than ``longest``."""
    optimizer.zero_grad()
    loss.backward()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if processes().num_processes > 1:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        vector_to_parameters(reduce(parameters_to_vector(gradients), "mean"), gradients)
    clip_grad_norm_(parameters, longest)
    optimizer.step()


class Stage:
    """Counts the steps of a stage, and keeps its parts on the disk.

    Iterating yields the numbers of the steps that are left. Every step begins with a seed of its own, in every process
    another, so a stage that was interrupted repeats at most the steps since it was saved, and draws the same random
    numbers in them.

    Args:
        path: where the stage is kept, ``….pt``; a line of ``times.jsonl`` beside it says what a finished stage took.
        parts: whatever has ``state_dict`` and ``load_state_dict``, by name.
        seed: of this stage alone.
    """

    def __init__(self, path: Path, steps: int, parts: dict, seed: int):
        self.path, self.steps, self.parts, self.seed = path, steps, parts, seed
        self.step, self.seconds = 0, 0.0
        if path.exists():
            saved = torch.load(path, map_location="cpu", weights_only=True)
            self.step, self.seconds = saved.pop("step"), saved.pop("seconds")
            for name, state in saved.items():
                parts[name].load_state_dict(state)

    def __iter__(self):
        finished, since = self.step == self.steps, time.monotonic()
        seed = self.seed * 1_000_000 + processes().process_index * 100_000
        while self.step < self.steps:
            torch.manual_seed(seed + self.step)
            yield self.step
            self.step += 1
            if time.monotonic() - since > SAVE_SECONDS and processes().is_main_process:
                since = self.save(since)
        if not finished:
            once(self.finish, since)

    def finish(self, since: float) -> None:
        """Save what is finished, and write down what it took."""
        self.save(since)
        entry = {"stage": self.path.stem, "steps": self.steps, "seconds": round(self.seconds)}
        with (self.path.parent / "times.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def save(self, since: float) -> float:
        """Write everything whole or not at all, count the time since ``since``, and return the present one."""
        now = time.monotonic()
        self.seconds += now - since
        state = {"step": self.step, "seconds": self.seconds}
        state |= {name: part.state_dict() for name, part in self.parts.items()}
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.path)
        return now

    def log(self, **values: torch.Tensor) -> None:
        """Print the values every fifty steps."""
        if self.step % 50 == 0 and processes().is_main_process:
            text = " ".join(f"{name} {value.item():.4f}" for name, value in values.items())
            print(f"{time.strftime('%H:%M:%S')} {self.path.stem} {self.step}/{self.steps} {text}", flush=True)

    def rate(self, optimizer: torch.optim.Optimizer, peak: float, warmup: int = 100) -> None:
        """Set the learning rate of this step: a linear warm-up, then half a cosine down to 5 % of the peak."""
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1, (self.step + 1) / warmup) * (0.05 + 0.95 * cosine)
