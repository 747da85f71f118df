"""The command line: ``python -m lib_hypersd plan --family sdxl --steps 8 --json``, ``… identify PATH --json``,
``… explain IMAGE``, ``… distil``, ``… report``, and the playground's ``… generate`` and ``… demo``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ..recipes.catalog import Catalog, load_catalog, published
from . import demo, distil, explain, identify, plan, playground, report
from .arguments import Run

__all__ = ["main"]

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Run]] = {
    "plan": (
        "say which LoRA, weight, steps, CFG, sampler and schedule fit, and why", plan.add_arguments, plan.run,
    ),
    "identify": ("say what LoRAs and checkpoints are, and what told it", identify.add_arguments, identify.run),
    "explain": ("say why a picture is bad, by what it says of how it was made", explain.add_arguments, explain.run),
    "generate": (
        "make pictures by the plan, with diffusers", playground.add_generate_arguments, playground.run_generate,
    ),
    "distil": ("make a few-step LoRA of a checkpoint of your own", distil.add_arguments, distil.run),
    "report": ("print what a report of a fault needs, without prompts or names", report.add_arguments, report.run),
    "demo": (
        "make two pictures to compare, then serve the playground's page", demo.add_demo_arguments, demo.run_demo,
    ),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see ``arguments.py``)."""
    options = parser().parse_args(arguments)
    _, _, run = COMMANDS[options.command]
    return run(options, recipes(options))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lib_hypersd", description="Hyper-SD for the Stable Diffusion WebUI")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, add_arguments, _) in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        add_arguments(command)
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
