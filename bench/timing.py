"""Timing in turn, so that drift of the machine's speed reaches all contestants alike."""

import statistics
import time
from collections.abc import Callable


def seconds_in_turn(*contestants: Callable[[], object], rounds: int = 60) -> list[float]:
    """The median seconds of each contestant over ``rounds`` turns, after one that is not counted."""
    times = [[] for _ in contestants]
    for i in range(rounds + 1):
        for contestant, spent in zip(contestants, times, strict=True):
            start = time.perf_counter()
            contestant()
            if i:
                spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in times]
