"""``python -m lib_hypersd identify PATH …``: what LoRAs and checkpoints are."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..files.header import read_checkpoint
from ..files.library import Library, LoraFile, lora_as_json
from ..files.names import distillation_of
from ..files.scan import below
from ..recipes.catalog import Catalog
from ..wording import shown
from .arguments import DONE, REFUSED, USAGE

__all__ = ["add_arguments", "examine", "run"]


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="a file, or a folder with all below it")
    command.add_argument("--no-hash", action="store_true", help="do not read files whole to compute their SHA-256")
    command.add_argument("--json", action="store_true", help="print all that is known as JSON")


def run(options: argparse.Namespace, catalog: Catalog) -> int:
    absent = [path for path in options.paths if not path.exists() and not path.is_symlink()]
    for path in absent:
        print(f"{shown(str(path))} does not exist.", file=sys.stderr)
    if absent:
        return USAGE
    paths = list(dict.fromkeys(file for path in options.paths for file in below(path)))
    files = examine(paths, catalog, may_hash=not options.no_hash)
    if options.json:
        # Whatever a name is made of, its escapes can be printed and read back.
        print(json.dumps([{"path": file.path, **file_as_json(file)} for file in files], indent=2))
    else:
        for file in files:
            print(f"{shown(file.path)}: {sentence_of(file)}")
    refused = [file for file in files if file.clues.problem or file.identification.refused]
    return DONE if all(map(is_checkpoint, refused)) else REFUSED


def examine(paths: list[str], catalog: Catalog, may_hash: bool) -> list[LoraFile]:
    """Identify the files, each opened, and hashed where only that can tell."""
    library = Library(may_hash=may_hash)
    library.examine(paths, catalog, open_all=True)
    library.background.finish(pause=0)
    return library.examine(paths, catalog)


def is_checkpoint(file: LoraFile) -> bool:
    """Whether a file holds no LoRA but a network, or nothing that is known and nothing that it should be."""
    if file.clues.problem is not None or file.clues.lora is not None:
        return False
    return not file.identification.refused or read_checkpoint(file.path).kind is not None


def file_as_json(file: LoraFile) -> dict[str, Any]:
    """All that is known of a LoRA, or of a checkpoint."""
    if not is_checkpoint(file):
        return {"kind": "lora", **lora_as_json(file)}
    checkpoint = read_checkpoint(file.path)
    inside = distillation_of(file.name, checkpoint.metadata)
    return {
        "kind": "checkpoint",
        "name": file.name,
        "bytes": file.clues.size,
        "family": checkpoint.family,
        "architecture": checkpoint.kind or "unknown",
        "prediction": checkpoint.prediction,
        "inside": inside and {"maker": inside.maker, "steps": inside.steps, "evidence": inside.evidence},
        "sentence": sentence_of(file),
    }


def sentence_of(file: LoraFile) -> str:
    if not is_checkpoint(file):
        return file.identification.sentence
    checkpoint = read_checkpoint(file.path)
    inside = distillation_of(file.name, checkpoint.metadata)
    with_it = f" with {inside.maker} in it, by {inside.evidence}" if inside else ""
    return f"{shown(file.name)} is a checkpoint: {checkpoint.kind or 'of an unknown kind'}{with_it}."
