"""Thousands of pictures: those with the same plan are made together, and each of several processes has its share."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object

from ..errors import HyperSDError
from .errors import OutOfMemory
from .files import infotexts
from .generate import SILENT, Picture, Playground, Progress
from .job import Line
from .placement import free_memory, most_together

__all__ = ["group_lines", "make", "share", "without_pictures"]

SEED = re.compile(r"\bSeed: \d+")


def without_pictures(playground: Playground, lines: Sequence[Line], folder: Path) -> list[Line]:
    """The lines of which no picture is in the folder: none there says the same of itself.

    A picture counts for one line; for a line whose seed was not given, any seed will do.
    """
    there = Counter(infotexts(folder))
    missing = [line for line in lines if line.has_seed and not take(there, infotext(playground, line))]
    any_seed: Counter[str] = Counter()
    for text, count in there.items():
        any_seed[SEED.sub("", text)] += count
    missing += [
        line for line in lines if not line.has_seed and not take(any_seed, SEED.sub("", infotext(playground, line)))
    ]
    return missing


def infotext(playground: Playground, line: Line) -> str:
    """What the picture of a line says of itself; nothing where there can be none."""
    try:
        return playground.infotext(line.job, playground.require_plan(line.job))
    except HyperSDError:
        return ""


def take(there: Counter[str], text: str) -> bool:
    """Whether this text is there, once less from then on."""
    found = there[text] > 0
    there[text] -= found
    return found


def group_lines(playground: Playground, lines: Sequence[Line]) -> list[list[Line]]:
    """The lines in groups that can be made together; one that will be refused is a group by itself.

    Each process plans its part of the lines, and all have the same groups.
    """
    state = PartialState()
    own = lines[state.process_index :: state.num_processes]
    keys = dict(gather_object([(line.number, key_of(playground, line)) for line in own]))
    groups: dict[Hashable, list[Line]] = {}
    for line in lines:
        groups.setdefault(keys[line.number], []).append(line)
    return list(groups.values())


def key_of(playground: Playground, line: Line) -> Hashable:
    """What lines of one group have in common; the line's own number where it will be refused."""
    try:
        return playground.batch_key(line.job)
    except HyperSDError:
        return line.number


def share(groups: Sequence[Sequence[Line]], process: int, processes: int) -> list[list[Line]]:
    """The part of each group that is for one of several processes: dealt out line by line, over all groups."""
    parts, start = [], 0
    for group in groups:
        parts.append(list(group[(process - start) % processes :: processes]))
        start += len(group)
    return [part for part in parts if part]


def make(
    playground: Playground, group: list[Line], exact: bool = False, progress: Progress = SILENT
) -> Iterator[tuple[Line, Picture | HyperSDError]]:
    """The picture of each line of a group, or why there is none.

    As many are made at once as memory allows; what fails is made again by halves, so that a refusal is of one line
    alone.

    Args:
        exact: one at a time. What a network computes for one row is rounded otherwise among others.
        progress: as of ``Playground.run_batch``, for each batch.
    """
    waiting, most = [group], 1 if exact or len(group) == 1 else most_of(playground, group[0])
    while waiting:
        lines = waiting.pop()
        if len(lines) > most:
            waiting += [lines[most:], lines[:most]]
            continue
        try:
            pictures = playground.run_batch([line.job for line in lines], progress)
        except HyperSDError as refusal:
            if len(lines) == 1:
                yield lines[0], refusal
                continue
            half = len(lines) // 2
            most = half if isinstance(refusal, OutOfMemory) else most
            waiting += [lines[half:], lines[:half]]
        else:
            yield from zip(lines, pictures, strict=True)


def most_of(playground: Playground, line: Line) -> int:
    """How many pictures like that of a line can be made at once."""
    plan = playground.require_plan(line.job)
    width, height = playground.size(line.job)
    pixels = int(width * height * (plan.hires_scale or 1) ** 2)
    free, state = free_memory(playground.pipeline.device), PartialState()
    if state.device.type == "cpu":  # which all processes share
        free //= state.num_processes
    return most_together(free, pixels, rows=1 if plan.cfg == 1 else 2)
