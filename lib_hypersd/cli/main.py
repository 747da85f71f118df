"""The command line: ``python -m lib_hypersd plan --family sdxl --steps 8 --json``, ``… identify PATH --json``, and the
playground's ``… generate`` and ``… demo``."""

import argparse
import sys
from pathlib import Path

from ..recipes.catalog import Catalog, load_catalog, published
from . import identify, plan, playground

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see ``arguments.py``)."""
    options = parser().parse_args(arguments)
    return options.run(options, recipes(options))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lib_hypersd", description="Hyper-SD for the Stable Diffusion WebUI")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in (plan, identify, playground):
        module.add_parsers(commands)
    for command in commands.choices.values():
        command.add_argument(
            "--recipes", type=Path, metavar="FILE", help="recipes of your own, in the form of catalog.json"
        )
    return top


def recipes(options: argparse.Namespace) -> Catalog:
    """The published recipes with the user's; what is wrong with those is printed."""
    catalog = load_catalog(options.recipes) if options.recipes else published()
    for problem in catalog.problems:
        print(problem, file=sys.stderr)
    return catalog
