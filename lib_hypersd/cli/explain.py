"""``python -m lib_hypersd explain IMAGE``: why a picture is bad, and what to set."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..explain import Explanation, Record, Unreadable, explain, read_file, read_text
from ..recipes.catalog import Catalog
from .arguments import DONE, REFUSED, USAGE

__all__ = ["add_arguments", "run"]


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "image", metavar="IMAGE", help="an image, a text file, the infotext itself, or - for what is piped in"
    )
    command.add_argument("--json", action="store_true", help="print all that was found as JSON")


def run(options: argparse.Namespace, catalog: Catalog) -> int:
    try:
        found = explain(read(options.image), catalog)
    except Unreadable as problem:
        print(problem, file=sys.stderr)
        return USAGE
    lines = [found.sentence, *(f"- {cause}" for cause in found.causes), found.advice]
    print(json.dumps(as_json(found), ensure_ascii=False, indent=2) if options.json else "\n".join(filter(None, lines)))
    return REFUSED if found.causes else DONE


def read(given: str) -> Record:
    """The record of an image, of a text file, or in the text that is given."""
    if given == "-":
        return read_text(sys.stdin.read())
    if "\n" in given or not Path(given).is_file():
        return read_text(given)
    return read_file(Path(given))


def as_json(found: Explanation) -> dict[str, Any]:
    return {
        "sentence": found.sentence,
        "read": asdict(found.record),
        "causes": [{**asdict(cause), "harm": round(cause.harm, 2)} for cause in found.causes],
        "advice": found.advice,
    }
