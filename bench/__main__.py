"""``python3 dev.py bench [--webui DIR [--python PYTHON]] [--write]``: what few-step sampling and the extension cost.

Ratios are of medians measured in turn within this run, so that they hold on a machine whose speed drifts. Bars that
the project has set itself stand beside each figure.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path

import torch

import tests.conftest  # noqa: F401 (lets k-diffusion be imported beside a CPU-only torch)
from bench import files, hosts, library
from bench.plot import draw
from tests.live.kinds import kind_of

DOCS = Path(__file__).parent.parent / "docs"
HEAD = """# Performance

Made by `python3 dev.py bench --webui A --webui B … --write`. All figures are medians, measured in turn within one
run; they are meant as ratios, for seconds differ from machine to machine and from hour to hour. A ratio below 1 means
less than the other. Bars are those that the project has set itself. Networks are random, and small but for the true
SD1.5's size on Forge and its kin: they show what the samplers, the plan and the host cost, and how many evaluations
there are, not how fast a real model is. Last run on {machine}.

"""


def main():
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--webui", type=Path, action="append", default=[], help="a WebUI that boots; may come again")
    parser.add_argument("--python", type=Path, action="append", help="the Python of each that has no venv of its own")
    parser.add_argument("--models", type=Path, help="folder of the hosts' checkpoints (default: the cache)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plots")
    options = parser.parse_args()
    # Threads wait for each other, so that a second one measures what else the machine does.
    torch.set_num_threads(1)
    sections = {"Samplers and plan": show(library.measure()), "Library": show(files.measure())}
    pythons = options.python or [None] * len(options.webui)
    for webui, python in zip(options.webui, pythons, strict=True):
        with tempfile.TemporaryDirectory() as data:
            sections[kind_of(webui).name] = show(hosts.measure(webui, Path(data), python, options.models))
    if options.write:
        curves = [*library.growth(), *files.growth()]
        if options.webui:
            with tempfile.TemporaryDirectory() as data:
                curves += hosts.growth(options.webui[0], Path(data), pythons[0], options.models)
        draw(curves, DOCS / "performance.svg")
        write(sections)


def show(rows):
    """Print every row as it comes, and return them all."""
    kept = []
    for what, figure, bar in rows:
        print(f"{what:<100}{figure:>10}   {bar}", flush=True)
        kept.append((what, figure, bar))
    return kept


def write(sections):
    """``docs/performance.md``: a table for each section, and the plots."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # not on Windows
    text = HEAD.format(machine=f"{platform.system()}, {platform.machine()}, CPU cores: {cores}, {versions}")
    for title, rows in sections.items():
        text += f"## {title}\n\n| | | bar |\n|---|---|---|\n"
        text += "".join(f"| {what.strip()} | {figure} | {bar} |\n" for what, figure, bar in rows) + "\n"
    text += "## How cost grows\n\n![Cost over steps, batch, files and clients](performance.svg)\n"
    (DOCS / "performance.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
