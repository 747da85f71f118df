"""``python -m lib_hypersd plan …``: which LoRA and settings fit, and why."""

import argparse
import json
import sys
from pathlib import Path

from ..files.header import read_checkpoint
from ..files.library import file_of
from ..files.names import family_named
from ..files.scan import below
from ..plan import File, Model, Request, make_plan, plan_as_json
from ..recipes.catalog import FAMILIES, Catalog
from ..recipes.settings import FIELDS, read_settings
from .arguments import DONE, REFUSED, USAGE, add_settings
from .identify import examine

__all__ = ["add_arguments", "run"]


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--family", help=f"{', '.join(FAMILIES.values())}; needed unless --checkpoint is a file")
    command.add_argument(
        "--checkpoint", default="the loaded checkpoint",
        help="a checkpoint's file, or its name, which may say that no LoRA is needed",
    )  # fmt: skip
    command.add_argument(
        "--prediction", choices=["epsilon", "v_prediction", "flow"], help="epsilon unless a file says so"
    )
    command.add_argument("--prompt", default="", help="may hold <lora:…> tags")
    command.add_argument(
        "--loras", type=Path, metavar="DIR", help="plan with the files of this folder instead of all published"
    )
    add_settings(command)
    command.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(options: argparse.Namespace, catalog: Catalog) -> int:
    given = {field.name: getattr(options, field.name) for field in FIELDS}
    settings, problems, _ = read_settings([{"enabled": True, **given}])
    if options.loras is not None and not options.loras.is_dir():
        problems.append(f"{options.loras} is not a folder.")
    try:
        model = model_of(options)
    except ValueError as error:
        problems.append(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return USAGE

    files = files_in(options.loras, catalog, model.path) if options.loras else None
    plan = make_plan(Request(settings, model, files, (options.prompt,)), catalog)
    if options.json:
        print(json.dumps(plan_as_json(plan, options.prompt), ensure_ascii=False, indent=2))
    else:
        print("\n".join([plan.sentence, *plan.warnings]))
    return REFUSED if plan.problem else DONE


def model_of(options: argparse.Namespace) -> Model:
    """The checkpoint in a file, or one of the family and name that are given.

    Raises:
        ValueError: a sentence that says what is missing.
    """
    path = Path(options.checkpoint)
    if path.is_file():
        file = read_checkpoint(path)
        family = family_named(options.family) if options.family else file.family
        prediction = options.prediction or file.prediction or "epsilon"
        return Model(family, path.stem, prediction, file.coarse, file.kind, file.metadata, path=str(path))
    if not options.family:
        raise ValueError(f"--family is needed: {', '.join(FAMILIES.values())}.")
    family = family_named(options.family)
    name = options.checkpoint if family else options.family
    return Model(family, name, options.prediction or "epsilon")


def files_in(folder: Path, catalog: Catalog, checkpoint: str | None) -> list[File]:
    """The LoRAs below a folder, each with the recipe that its name, size and header tell; hashing would take long."""
    return [file_of(file, (), checkpoint) for file in examine(below(folder), catalog, may_hash=False)]
