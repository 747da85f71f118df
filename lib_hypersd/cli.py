"""The command line: ``python -m lib_hypersd plan --family sdxl --steps 8 --json``."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from .catalog import FAMILIES, Catalog, load, published
from .identify import identify
from .plan import File, Model, Plan, Request, make_plan
from .settings import FIELDS, read

__all__ = ["main"]

DONE, REFUSED, USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 a plan that cannot be carried out, 2 arguments that are off."""
    options = parser().parse_args(arguments)
    return options.run(options)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lib_hypersd", description="Hyper-SD for the Stable Diffusion WebUI")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="say which LoRA, weight, steps, CFG, sampler and schedule fit, and why")
    plan.set_defaults(run=run_plan)
    plan.add_argument("--family", required=True, help=", ".join(FAMILIES))
    plan.add_argument(
        "--checkpoint", default="the loaded checkpoint", help="its file name, which may say that no LoRA is needed"
    )
    plan.add_argument("--prediction", default="epsilon", choices=["epsilon", "v_prediction", "flow"])
    plan.add_argument("--prompt", default="", help="may hold <lora:…> tags")
    plan.add_argument(
        "--loras", type=Path, metavar="DIR", help="plan with the files of this folder instead of all published"
    )
    plan.add_argument("--recipes", type=Path, metavar="FILE", help="recipes of your own, in the form of catalog.json")
    plan.add_argument(
        "--cfg-preserved", action="store_const", const="cfg", dest="variant", help="short for --variant cfg"
    )
    for field in FIELDS:
        plan.add_argument(f"--{field.name}", default=None, help=f"{field.label}; recommended unless given")
    plan.add_argument("--json", action="store_true", help="print the plan as JSON")
    return top


def run_plan(options: argparse.Namespace) -> int:
    given = {field.name: getattr(options, field.name) for field in FIELDS}
    settings, problems, _ = read([{"enabled": True, **given}])
    if options.loras is not None and not options.loras.is_dir():
        problems.append(f"{options.loras} is not a folder.")
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return USAGE

    catalog = load(options.recipes) if options.recipes else published()
    for problem in catalog.problems:
        print(problem, file=sys.stderr)
    family = options.family.lower()
    request = Request(
        settings,
        Model(family, options.checkpoint, options.prediction) if family in FAMILIES else Model(None, options.family),
        in_folder(options.loras, catalog) if options.loras else None,
        (options.prompt,),
    )
    plan = make_plan(request, catalog)
    print(json.dumps(as_json(plan, options.prompt), ensure_ascii=False, indent=2) if options.json else as_text(plan))
    return REFUSED if plan.problem else DONE


def in_folder(folder: Path, catalog: Catalog) -> list[File]:
    """The LoRAs below a folder, each with the recipe that its name tells."""
    return [
        File(path.stem, identify(catalog, path.stem))
        for path in sorted(folder.rglob("*.safetensors"))
        if path.is_file()
    ]


def as_json(plan: Plan, prompt: str) -> dict:
    ids = {"recipe": plan.recipe and plan.recipe.id, "missing": plan.missing and plan.missing.id}
    values = asdict(plan) | ids | {"prompt": plan.edit(prompt)}
    del values["rename"]
    return values


def as_text(plan: Plan) -> str:
    return "\n".join([plan.sentence, *plan.warnings])
