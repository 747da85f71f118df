"""Counts how often a sampler waits for the device."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lib_hypersd.sampling.schedules import sigmas_at, tcd_timesteps
from tests.networks import SHAPE, Network, denoiser


class Reads(TorchDispatchMode):
    """Counts the operations by which a tensor's value reaches Python, each a wait for the device."""

    READS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += any(function.overloadpacket.__name__ == name for name in self.READS)
        return function(*args, **(kwargs or {}))


def reads_inside_the_loop(sampler, **arguments):
    """Reads between the first prediction of 8 steps and the end."""
    table = denoiser(Network()).sigmas
    reads = Reads()
    calls = []

    class Model:
        sigmas = table

        def __call__(self, x, sigma):
            if not calls:
                reads.__enter__()
            calls.append(1)
            return x * 0.5

    sampler(Model(), torch.ones(SHAPE), sigmas_at(tcd_timesteps(8), table), disable=True, **arguments)
    reads.__exit__(None, None, None)
    assert len(calls) == 8
    return reads.count
