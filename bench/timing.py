"""Timing in turn, so that drift of the machine's speed reaches all contestants alike."""

import statistics
import time
from collections.abc import Callable


def seconds_in_turn(
    *contestants: Callable[[], object], rounds: int = 60, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The median seconds of each contestant over ``rounds`` turns, after one that is not counted.

    ``clock`` is ``time.process_time`` for what one thread computes: what else the machine does counts less then.
    """
    times = [[] for _ in contestants]
    for i in range(rounds + 1):
        for contestant, spent in zip(contestants, times, strict=True):
            start = clock()
            contestant()
            if i:
                spent.append(clock() - start)
    return [statistics.median(spent) for spent in times]
