"""``python3 dev.py bench [--webui DIR [--python PYTHON]]``: what few-step sampling and the extension cost.

Ratios are of medians measured in turn within this run, so that they hold on a machine whose speed drifts. Bars that
the project has set itself stand beside each figure.
"""

import argparse
import tempfile
from pathlib import Path

import tests.conftest  # noqa: F401 (lets k-diffusion be imported beside a CPU-only torch)
from bench import files, hosts, library


def main():
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--webui", type=Path, help="folder of a WebUI that boots, for what the extension costs there")
    parser.add_argument(
        "--python", type=Path, help="the Python that the WebUI runs with, where it has no venv of its own"
    )
    options = parser.parse_args()
    show(library.measure())
    show(files.measure())
    if options.webui:
        with tempfile.TemporaryDirectory() as data:
            show(hosts.measure(options.webui, Path(data), options.python))


def show(rows):
    for what, figure, bar in rows:
        print(f"{what:<100}{figure:>10}   {bar}", flush=True)


main()
