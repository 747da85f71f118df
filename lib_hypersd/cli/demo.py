"""``python -m lib_hypersd demo``: two pictures to compare, then the playground's page."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import HyperSDError
from ..playground.job import EXAMPLE, Job, Own
from ..recipes.catalog import Catalog, published
from ..recipes.settings import Settings
from .arguments import DONE, REFUSED
from .playground import add_model, check_folder, load_playground, reporting_refusals, write_picture

if TYPE_CHECKING:
    from ..download.downloads import Downloads

__all__ = ["add_demo_arguments", "run_demo"]


def add_demo_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--once", action="store_true", help="end when the pictures are made")
    command.add_argument("--host", default="127.0.0.1", help="the address to listen at; only this machine unless given")
    command.add_argument("--port", type=int, help="the first free one from 7860 on unless given")
    add_model(command)


@reporting_refusals
def run_demo(options: argparse.Namespace, catalog: Catalog) -> int:
    check_folder(options.out)
    playground = load_playground(options, catalog)
    from ..playground.page import serve

    first = []
    for what, base in (("4 steps, base", True), ("4 steps, Hyper-SD", False)):
        job = Job(EXAMPLE, settings=Settings(enabled=not base, steps=4), own=Own(steps=4))
        try:
            path = write_picture(playground, job, playground.run(job), options.out)["image"]
        except HyperSDError as refusal:  # a LoRA may be missing; the page offers to fetch it
            print(f"{what}: {refusal}", file=sys.stderr)
        else:
            print(f"{what}: {Path(path).resolve()}", flush=True)
            first.append((path, what))
    if options.once:
        return DONE if len(first) == 2 else REFUSED
    serve(playground, options.out, downloads_for(options), first, options.host, options.port)
    return DONE


def downloads_for(options: argparse.Namespace) -> "Downloads":
    """Downloads of published LoRAs into the first folder of the arguments; of none where there is no folder."""
    from ..download.downloads import Downloads
    from ..download.source import HUB, Server

    folders = [path for path in options.lora or () if path.is_dir()]
    catalog = published() if folders and options.checkpoint else Catalog(())
    return Downloads(lambda: Server(HUB), lambda recipe: folders[0], catalog=lambda: catalog)
