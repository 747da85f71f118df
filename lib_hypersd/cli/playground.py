"""``python -m lib_hypersd generate …``, and what ``… demo`` has in common with it.

What needs torch or diffusers is imported when it is used.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import HyperSDError
from ..files.header import PREFIX, read_header
from ..files.lora import lora_of
from ..plan import plan_as_json
from ..playground.errors import Unloadable, UnwritableFolder
from ..playground.job import Job, Line
from ..recipes.catalog import Catalog
from ..wording import shown
from .arguments import DONE, REFUSED, USAGE, Run, add_settings
from .batch import place, read_lines

if TYPE_CHECKING:
    from ..playground.generate import Picture, Playground

__all__ = [
    "add_generate_arguments", "add_model", "check_folder", "embedded_checkpoint", "load_playground",
    "reporting_refusals", "run_generate", "write_picture",
]  # fmt: skip

EMBEDDED = Path(__file__).parents[2] / "assets" / "tiny"


def add_generate_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prompt", help="may hold <lora:…> tags")
    command.add_argument("--negative", metavar="PROMPT", help="what should not be there; counts above CFG 1")
    command.add_argument("--seed", metavar="N", help="the same number makes the same picture; any unless given")
    command.add_argument("--width", metavar="PIXELS", help="what the model was trained for unless given")
    command.add_argument("--height", metavar="PIXELS", help="likewise")
    command.add_argument("--init", metavar="IMAGE", help="start from this image")
    command.add_argument("--strength", metavar="S", help="how much of it may change, 0 to 1; 0.75 unless given")
    command.add_argument("--control", metavar="IMAGE", help="have a ControlNet follow this image")
    command.add_argument(
        "--control-weight", metavar="W",
        help="how much of the ControlNet counts, 0 to 2; 0.5 unless given, as Hyper-SD's model card has it with SDXL",
    )  # fmt: skip
    command.add_argument("--base", action="store_true", default=None, help="without Hyper-SD, for comparison")
    add_settings(command)
    command.add_argument("--sampler", help="recommended unless given")
    command.add_argument("--batch", type=Path, metavar="FILE", help="one picture per line of JSON with the same names")
    command.add_argument(
        "--exact", action="store_true",
        help="each picture to the last bit as if it were alone, by making one at a time; slower",
    )  # fmt: skip
    command.add_argument("--resume", action="store_true", help="leave out lines whose pictures are in the folder")
    command.add_argument("--json", action="store_true", help="print a line of JSON per picture")
    add_model(command)


def add_model(command: argparse.ArgumentParser) -> None:
    """Add what both commands take: the model, its LoRAs and ControlNet, and the folder for pictures."""
    command.add_argument("--out", type=Path, default=Path("outputs"), metavar="DIR", help="where pictures go")
    command.add_argument(
        "--checkpoint", type=Path, metavar="PATH",
        help="an SD1.5 or SDXL in one safetensors file, or a folder of diffusers; the embedded model unless given",
    )  # fmt: skip
    command.add_argument(
        "--lora", type=Path, action="append", metavar="PATH", help="a LoRA file or a folder of them; may come again"
    )
    command.add_argument(
        "--controlnet", type=Path, metavar="PATH",
        help="a ControlNet for it, a safetensors file or a folder of diffusers; the embedded model has one",
    )  # fmt: skip
    command.add_argument("--device", choices=["cuda", "mps", "cpu"], help="the best there is unless given")


def reporting_refusals(run: Run) -> Run:
    """The command, with a sentence on stderr for what it refuses."""

    def run_reporting(options: argparse.Namespace, catalog: Catalog) -> int:
        # Everything is on this machine: no configuration is fetched, no use is reported. huggingface_hub obeys the
        # first of these as well; its own HF_HUB_OFFLINE would forbid the page's downloads.
        os.environ.update(TRANSFORMERS_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", TRANSFORMERS_VERBOSITY="error")
        try:
            return run(options, catalog)
        except HyperSDError as refusal:
            print(refusal, file=sys.stderr)
        except ModuleNotFoundError as error:
            print(
                f"{error.name} is missing. “python3 dev.py demo” prepares all that is needed; "
                "or install requirements/playground.txt.",
                file=sys.stderr,
            )
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
        return REFUSED

    return run_reporting


@reporting_refusals
def run_generate(options: argparse.Namespace, catalog: Catalog) -> int:
    lines, problems, comments = read_lines(options)
    if problems:
        report(*comments, *problems)
        return USAGE
    check_folder(options.out)
    playground = load_playground(options, catalog)
    from accelerate import PartialState
    from accelerate.utils import gather_object

    from ..playground import batches
    from ..playground.files import next_number

    state = PartialState()  # of the processes that "accelerate launch" has started, or of one
    state.wait_for_everyone()  # until all have loaded the model
    start = time.monotonic()
    if state.is_main_process:
        report(*comments)
    left = lines
    if options.resume:  # of several machines each has its own folder
        missing = {line.number for line in batches.without_pictures(playground, lines, options.out)}
        missing = set.intersection(*gather_object([missing]))
        left = [line for line in lines if line.number in missing]
    groups = batches.share(batches.group_lines(playground, left), state.process_index, state.num_processes)
    first = next_number(options.out)
    state.wait_for_everyone()  # before a picture of this run is in the folder
    refused = make_all(playground, groups, options, first, quiet=not state.is_main_process)
    refused = sum(gather_object([refused]))
    if options.batch and state.is_main_process:
        report(summary(len(lines), len(left), refused, state.num_processes, time.monotonic() - start))
    return REFUSED if refused and state.is_main_process else DONE  # the others would have it ended before its summary


def print_line(line: str) -> None:
    """Print a line at once and in one piece: of several processes, each has its own lines."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def summary(lines: int, left: int, refused: int, processes: int, seconds: float) -> str:
    """What has become of a batch."""
    count = left - refused
    there = f" {lines - left} were there." if lines > left else ""
    refusals = f" {refused} could not be made." if refused else ""
    by = f" by {processes} processes" if processes > 1 else ""
    return f"{count} of {lines} pictures made in {seconds:.1f} s{by}.{there}{refusals}"


def make_all(
    playground: "Playground", groups: list[list[Line]], options: argparse.Namespace, first: int, quiet: bool
) -> int:
    """Make the pictures of all lines and print what became of each; returns how many were refused.

    Args:
        first: the number of the first line's file.
        quiet: without a bar that shows how far it is.
    """
    from tqdm import tqdm

    from ..playground import batches

    total, done, refused = sum(map(len, groups)), 0, 0
    bar = tqdm(
        desc=f"1 of {total}", leave=False, disable=quiet or not total,
        bar_format="{desc}: step {n_fmt} of {total_fmt} [{elapsed}]",
    )  # fmt: skip

    def progress(step: int, steps: int) -> None:
        bar.set_description_str(f"{done + 1} of {total}", refresh=False)
        bar.total, bar.n = steps, step
        bar.refresh()

    with bar:
        for group in groups:
            for line, outcome in batches.make(playground, group, options.exact, progress):
                done += 1
                bar.clear()
                refused += not keep(playground, line, outcome, options, first)
    return refused


def keep(
    playground: "Playground", line: Line, outcome: "Picture | HyperSDError", options: argparse.Namespace, first: int
) -> bool:
    """Write a line's picture, and print what became of it; False where there is none."""
    try:
        if isinstance(outcome, HyperSDError):
            raise outcome
        result = write_picture(playground, line.job, outcome, options.out, first + max(line.number, 1) - 1)
        sentences = result["warnings"]
    except HyperSDError as refusal:
        result, sentences = {"problem": str(refusal)}, [str(refusal)]
    report(*(place(options, line.number) + sentence for sentence in sentences))
    if options.json:
        number = {"line": line.number} if line.number else {}
        print_line(json.dumps({**number, **result}, ensure_ascii=False))
    elif "image" in result:
        print_line(f"{result['image']}: {result['plan']['sentence']}")
    return "image" in result


def write_picture(
    playground: "Playground", job: Job, picture: "Picture", folder: Path, number: int | None = None
) -> dict[str, Any]:
    """Write a picture's file; returns what is printed as JSON. Raises UnwritableFolder."""
    from ..playground.files import save

    return {
        "image": str(save(picture.image, picture.infotext, folder, str(job.seed), number)),
        "seed": job.seed,
        "seconds": round(picture.seconds, 3),
        "infotext": picture.infotext,
        "warnings": playground.warnings(job, picture.plan),
        "plan": plan_as_json(picture.plan, job.prompt),
    }


def check_folder(folder: Path) -> None:
    """Find out before any work whether the folder can be written to; raises UnwritableFolder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".hypersd-{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UnwritableFolder(f"{shown(str(folder))} cannot be written to ({error.strerror}).") from error


def load_playground(options: argparse.Namespace, catalog: Catalog) -> "Playground":
    """The model, LoRAs and ControlNet of the arguments, or the embedded ones; raises Unloadable."""
    for path in options.lora or ():
        if not path.exists():
            raise Unloadable(f"{shown(str(path))} does not exist.")
    checkpoint = options.checkpoint or embedded_checkpoint()
    loras = options.lora or ([] if options.checkpoint else [EMBEDDED])
    import peft  # noqa: F401, which diffusers would miss only when it meets a LoRA

    from ..playground.generate import Playground
    from ..playground.loading import load_pipeline
    from ..playground.loras import Loras

    pipeline = load_pipeline(checkpoint, options.device)
    if pipeline.placement:
        print(pipeline.placement, file=sys.stderr)
    controlnet = options.controlnet or (None if options.checkpoint else embedded_controlnet())
    playground = Playground(pipeline, Loras(loras), catalog, controlnet)
    if playground.controlnet and options.controlnet:
        playground.controlnet.load()  # what cannot be used is refused at once
    return playground


def embedded_checkpoint() -> Path:
    """The small model that ships with the playground: the file there that is no LoRA."""
    for path in sorted(EMBEDDED.glob("*.safetensors")):
        shapes = {key: tensor["shape"] for key, tensor in read_header(path).tensors.items()}
        if lora_of(shapes) is None and any(key.startswith(PREFIX) for key in shapes):
            return path
    raise Unloadable("The embedded model is not in this copy (assets/tiny); give one with --checkpoint.")


def embedded_controlnet() -> Path | None:
    """The small ControlNet for it, which follows white lines on black."""
    return next(iter(EMBEDDED.glob("control-*.safetensors")), None)
