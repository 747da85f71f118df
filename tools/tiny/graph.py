"""The same work over and over on a GPU, launched as a whole.

A small network keeps a GPU waiting: launching its kernels one by one takes longer than they do. A CUDA graph is
recorded once and then launched by one call.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

WARMUP = 3  # calls before the recording, in which libraries choose their kernels and optimizers make their state


def own_stream(device: str) -> AbstractContextManager:
    """A context off the GPU's default stream, on which nothing can be recorded; without a GPU it does nothing."""
    if torch.device(device).type != "cuda":
        return nullcontext()
    torch.cuda.synchronize()
    return torch.cuda.stream(torch.cuda.Stream())


class Graph:
    """Calls ``work`` as it is, and on a GPU, after ``WARMUP`` calls, as a CUDA graph; all of it in :func:`own_stream`.

    Args:
        work: takes nothing, changes tensors in place, never waits for the GPU, and returns a tensor, which the next
            call overwrites.
    """

    def __init__(self, work: Callable[[], torch.Tensor], device: str):
        self.work, self.on_gpu, self.calls = work, torch.device(device).type == "cuda", 0

    def __call__(self) -> torch.Tensor:
        self.calls += 1
        if not self.on_gpu or self.calls <= WARMUP:
            return self.work()
        if self.calls == WARMUP + 1:
            self.record()
        self.graph.replay()
        return self.result

    def record(self) -> None:
        """Record the work without doing it."""
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
            self.result = self.work()
