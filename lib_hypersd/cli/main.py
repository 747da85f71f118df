"""The command line: ``python -m lib_hypersd plan --family sdxl --steps 8 --json``, ``… identify PATH --json``, and the
playground's ``… generate`` and ``… demo`` (playground/command.py)."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..files.header import read_checkpoint
from ..files.library import Library, LoraFile, file_of
from ..files.library import as_json as file_as_json
from ..files.names import distillation_of, family_named
from ..files.scan import below
from ..plan import File, Model, NoPlan, Plan, Request, as_json, make_plan
from ..recipes.catalog import FAMILIES, Catalog, load_catalog, published
from ..recipes.settings import FIELDS, read
from ..wording import shown
from .arguments import DONE, REFUSED, USAGE, add_settings
from .playground import add_parsers

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code.

    0: done. 1: a plan that cannot be carried out, or a file that cannot be used. 2: arguments that are off.
    """
    options = parser().parse_args(arguments)
    return options.run(options, recipes(options))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lib_hypersd", description="Hyper-SD for the Stable Diffusion WebUI")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="say which LoRA, weight, steps, CFG, sampler and schedule fit, and why")
    plan.set_defaults(run=run_plan)
    plan.add_argument("--family", help=f"{', '.join(FAMILIES.values())}; needed unless --checkpoint is a file")
    plan.add_argument(
        "--checkpoint", default="the loaded checkpoint",
        help="a checkpoint's file, or its name, which may say that no LoRA is needed",
    )  # fmt: skip
    plan.add_argument("--prediction", choices=["epsilon", "v_prediction", "flow"], help="epsilon unless a file says so")
    plan.add_argument("--prompt", default="", help="may hold <lora:…> tags")
    plan.add_argument(
        "--loras", type=Path, metavar="DIR", help="plan with the files of this folder instead of all published"
    )
    add_settings(plan)
    plan.add_argument("--json", action="store_true", help="print the plan as JSON")

    identify = commands.add_parser("identify", help="say what LoRAs and checkpoints are, and what told it")
    identify.set_defaults(run=run_identify)
    identify.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="a file, or a folder with all below it")
    identify.add_argument("--no-hash", action="store_true", help="do not read files whole to compute their SHA-256")
    identify.add_argument("--json", action="store_true", help="print all that is known as JSON")
    add_parsers(commands)
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


def run_identify(options: argparse.Namespace, catalog: Catalog) -> int:
    absent = [path for path in options.paths if not path.exists() and not path.is_symlink()]
    for path in absent:
        print(f"{shown(str(path))} does not exist.", file=sys.stderr)
    if absent:
        return USAGE
    paths = list(dict.fromkeys(file for path in options.paths for file in below(path)))
    known = known_of(paths, catalog, may_hash=not options.no_hash)
    if options.json:
        # Whatever a name is made of, its escapes can be printed and read back.
        print(json.dumps([{"path": one.path, **as_what_it_is(one)} for one in known], indent=2))
    else:
        for one in known:
            print(f"{shown(one.path)}: {sentence_of(one)}")
    refused = [one for one in known if one.clues.problem or one.identification.refused]
    return DONE if all(map(is_checkpoint, refused)) else REFUSED


def is_checkpoint(known: LoraFile) -> bool:
    """Whether a file holds no LoRA but a network, or nothing that is known and nothing that it should be."""
    if known.clues.problem is not None or known.clues.lora is not None:
        return False
    return not known.identification.refused or read_checkpoint(known.path).kind is not None


def as_what_it_is(known: LoraFile) -> dict[str, Any]:
    """All that is known of a LoRA, or of a checkpoint."""
    if not is_checkpoint(known):
        return {"kind": "lora", **file_as_json(known)}
    file = read_checkpoint(known.path)
    inside = distillation_of(known.name, file.metadata)
    return {
        "kind": "checkpoint",
        "name": known.name,
        "bytes": known.clues.size,
        "family": file.family,
        "architecture": file.kind or "unknown",
        "prediction": file.prediction,
        "inside": inside and {"maker": inside.maker, "steps": inside.steps, "evidence": inside.evidence},
        "sentence": sentence_of(known),
    }


def sentence_of(known: LoraFile) -> str:
    if not is_checkpoint(known):
        return known.identification.sentence
    file = read_checkpoint(known.path)
    inside = distillation_of(known.name, file.metadata)
    with_it = f" with {inside.maker} in it, by {inside.evidence}" if inside else ""
    return f"{shown(known.name)} is a checkpoint: {file.kind or 'of an unknown kind'}{with_it}."


def known_of(paths: list[str], catalog: Catalog, may_hash: bool) -> list[LoraFile]:
    """What the files are, each opened, and hashed where only that can tell."""
    library = Library(may_hash=may_hash)
    library.examine(paths, catalog, open_all=True)
    library.background.finish(pause=0)
    return library.examine(paths, catalog)


def run_plan(options: argparse.Namespace, catalog: Catalog) -> int:
    given = {field.name: getattr(options, field.name) for field in FIELDS}
    settings, problems, _ = read([{"enabled": True, **given}])
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

    request = Request(
        settings,
        model,
        in_folder(options.loras, catalog, model.path) if options.loras else None,
        (options.prompt,),
    )
    plan = make_plan(request, catalog)
    print(json.dumps(as_json(plan, options.prompt), ensure_ascii=False, indent=2) if options.json else as_text(plan))
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


def in_folder(folder: Path, catalog: Catalog, checkpoint: str | None) -> list[File]:
    """The LoRAs below a folder, each with the recipe that its name, size and header tell; hashing would take long."""
    return [file_of(known, (), checkpoint) for known in known_of(below(folder), catalog, may_hash=False)]


def as_text(plan: Plan | NoPlan) -> str:
    return "\n".join([plan.sentence, *plan.warnings])
