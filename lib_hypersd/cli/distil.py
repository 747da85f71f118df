"""``python -m lib_hypersd distil …``: its arguments are the fields of ``distil/options.py``."""

import argparse
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args

from ..distil.options import Options, about
from ..recipes.catalog import Catalog
from .arguments import DONE
from .playground import reporting_refusals

__all__ = ["add_arguments", "run"]

READERS = {Path: "PATH", int: "N", float: "X", str: "NAME"}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add an argument for each option."""
    for field in fields(Options):
        name = "--" + field.name.replace("_", "-")
        command.add_argument(name, help=help_of(field), required=field.default is MISSING, **kind_of(field))


def kind_of(field: Field[Any]) -> dict[str, Any]:
    """How a field's argument is read."""
    kind = get_args(field.type)[0]
    if kind is bool:
        action = argparse.BooleanOptionalAction if field.default else "store_true"
        return {"action": action, "default": field.default}
    if field.name == "steps":
        return {"type": int, "nargs": "+", "default": field.default, "metavar": "N"}
    reader = next(reader for reader in (kind, *get_args(kind)) if reader in READERS)
    return {"type": reader, "default": field.default, "metavar": READERS[reader]}


def help_of(field: Field[Any]) -> str:
    is_number = isinstance(field.default, int | float) and not isinstance(field.default, bool)
    return about(field).help + (f" ({field.default:g})" if is_number else "")


@reporting_refusals
def run(options: argparse.Namespace, catalog: Catalog) -> int:
    values = {field.name: getattr(options, field.name) for field in fields(Options)}
    chosen = Options(**{**values, "steps": tuple(values["steps"])})
    from ..distil.train import distil

    for file in distil(chosen):
        print(file, flush=True)
    return DONE
