"""The table of measurements: printed as it is made, and kept in docs/performance.md section by section.

``python -m bench.report FILE`` puts the sections of a JSON file there, as ``bench.cuda`` leaves it on a lent machine.
"""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

Row = Sequence[str]  # what, its figure, its bar
DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"


def show(rows: Iterable[Row]) -> list[Row]:
    """Print every row as it comes, and return them all."""
    kept = []
    for what, figure, bar in rows:
        print(f"{what:<100}{figure:>10}   {bar}", flush=True)
        kept.append((what, figure, bar))
    return kept


def table(rows: Iterable[Row]) -> str:
    lines = "".join(f"| {what.strip()} | {figure} | {bar} |\n" for what, figure, bar in rows)
    return f"| | | bar |\n|---|---|---|\n{lines}"


def keep(sections: Mapping[str, Iterable[Row]], page: Path = PAGE, last: str = "How cost grows") -> None:
    """Put sections into the page in place of those with their titles, new ones before the last one."""
    head, *parts = page.read_text(encoding="utf-8").split("\n## ")
    bodies = dict(part.split("\n", 1) for part in parts)
    end = {title: bodies.pop(title) for title in [last] if title in bodies}
    bodies |= {title: f"\n{table(rows)}" for title, rows in sections.items()}
    text = "".join(f"\n## {title}\n{body.rstrip()}\n" for title, body in (bodies | end).items())
    page.write_text(head.rstrip() + "\n" + text, encoding="utf-8")


def machine() -> str:
    versions = f"Python {platform.python_version()}, torch {version('torch')}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # not on Windows
    return f"{platform.system()}, {platform.machine()}, CPU cores: {cores}, {versions}"


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    keep({f"On a GPU: {title}": rows for title, rows in measured.items()})
