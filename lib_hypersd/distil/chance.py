"""Everything random in one step of training: the same numbers after a kill, and by however many processes."""

from collections.abc import Sequence

import torch
from accelerate import Accelerator

__all__ = ["Chance"]


class Chance:
    """Numbers for every row of a batch, of which each process keeps its own rows.

    All processes draw for the whole batch, on the CPU and from the step's own seed, so that what is drawn depends on
    nothing that came before, and on no device.

    Args:
        batch: rows over all processes.
    """

    def __init__(self, seed: int, batch: int, accelerator: Accelerator):
        self.generator = torch.Generator().manual_seed(seed)
        self.batch, self.device = batch, accelerator.device
        self.own = slice(accelerator.process_index, None, accelerator.num_processes)

    def uniform(self) -> torch.Tensor:
        """From 0 to below 1, ``[B]``."""
        return torch.rand(self.batch, generator=self.generator)[self.own].to(self.device)

    def normal(self, shape: Sequence[int]) -> torch.Tensor:
        """Unit noise, ``[B, *shape]``."""
        return torch.randn(self.batch, *shape, generator=self.generator)[self.own].to(self.device)

    def below(self, count: int) -> torch.Tensor:
        """Whole numbers below ``count``, ``[B]``."""
        return self.places(count).to(self.device)

    def places(self, count: int) -> torch.Tensor:
        """The same on the CPU, for what is kept there."""
        return torch.randint(count, (self.batch,), generator=self.generator)[self.own]
