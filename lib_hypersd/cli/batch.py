"""What ``generate`` is to make: the arguments, and with ``--batch`` one picture per line of a file on top of them."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..playground.errors import RefusedJob
from ..playground.job import NAMES, Line, read_job
from ..recipes.settings import FIELDS
from ..wording import shown

__all__ = ["place", "read_lines"]

MOST_BYTES = 100_000_000


def read_lines(options: argparse.Namespace) -> tuple[list[Line], list[str], list[str]]:
    """The job of the arguments (as line 0), or of each line of the batch on top of them; the problems, the comments."""
    names = [*NAMES, *(field.name for field in FIELDS), "sampler"]
    common = {name: getattr(options, name) for name in names}
    lines = [(0, {})] if options.batch is None else list(batch_lines(options.batch))
    read, problems, comments = [], [], []
    for line, entry in lines:
        given = common | entry if isinstance(entry, dict) else {}
        job, wrong, ignored = read_job(given) if given else (None, [str(entry)], [])
        if job is not None:
            read.append(Line(line, job, given["seed"] is not None))
        problems += [place(options, line) + problem for problem in wrong]
        comments += [place(options, line) + comment for comment in ignored]
    if not lines:
        problems.append(f"{shown(options.batch.name)} has no line.")
    return read, problems, comments


def place(options: argparse.Namespace, line: int) -> str:
    """The beginning of a sentence about a line of the batch."""
    return f"{shown(options.batch.name)}, line {line}: " if line else ""


def batch_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each line that is not empty: its number, and its object or a sentence that says why it has none.

    Raises:
        RefusedJob: the file cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RefusedJob(f"{shown(str(path))} is larger than {MOST_BYTES} bytes and was not read.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise RefusedJob(f"{shown(str(path))} cannot be read ({why}).") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"this is no JSON ({getattr(error, 'msg', 'nested too deeply')})."
        else:
            yield number, entry if isinstance(entry, dict) else "this is no object ({…})."
