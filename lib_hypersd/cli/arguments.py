"""What the commands share: their exit codes, and the panel's settings as arguments."""

import argparse
from collections.abc import Callable

from ..recipes.catalog import Catalog
from ..recipes.settings import FIELDS

__all__ = ["DONE", "REFUSED", "USAGE", "Run", "add_settings"]

# REFUSED: something cannot be carried out, or a file cannot be used. USAGE: arguments are off.
DONE, REFUSED, USAGE = 0, 1, 2
Run = Callable[[argparse.Namespace, Catalog], int]  # carries a command out, and returns its exit code


def add_settings(command: argparse.ArgumentParser) -> None:
    """Add an argument for each of the panel's settings, to be read with ``settings.read``."""
    command.add_argument(
        "--cfg-preserved", action="store_const", const="cfg", dest="variant", help="short for --variant cfg"
    )
    for field in FIELDS:
        if field.is_switch:
            option = f"--{field.name.replace('_', '-')}"
            command.add_argument(option, action="store_true", default=None, help=f"{field.label}; off unless given")
            continue
        command.add_argument(f"--{field.name}", default=None, help=f"{field.label}; recommended unless given")
