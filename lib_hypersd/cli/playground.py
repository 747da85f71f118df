"""``python -m lib_hypersd generate …`` and ``… demo``. What needs torch or diffusers is imported when it is used."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import HyperSDError
from ..files.header import PREFIX, read_header
from ..files.lora import lora_of
from ..plan import plan_as_json
from ..playground.errors import RefusedJob, Unloadable, UnwritableFolder
from ..playground.job import EXAMPLE, NAMES, Job, Own, read_job
from ..recipes.catalog import Catalog, published
from ..recipes.settings import FIELDS, Settings
from ..wording import shown
from .arguments import DONE, REFUSED, USAGE, Run, add_settings

if TYPE_CHECKING:
    from ..download.downloads import Downloads
    from ..playground.generate import Playground

__all__ = [
    "add_demo_arguments", "add_generate_arguments", "embedded_checkpoint", "reporting_refusals", "run_demo",
    "run_generate",
]  # fmt: skip

EMBEDDED = Path(__file__).parents[2] / "assets" / "tiny"
MOST_BATCH_BYTES = 100_000_000


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
    command.add_argument("--json", action="store_true", help="print a line of JSON per picture")
    add_model(command)


def add_demo_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--once", action="store_true", help="end when the pictures are made")
    command.add_argument("--host", default="127.0.0.1", help="the address to listen at; only this machine unless given")
    command.add_argument("--port", type=int, help="the first free one from 7860 on unless given")
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


def jobs_of(options: argparse.Namespace) -> tuple[list[tuple[int, Job]], list[str], list[str]]:
    """The job of the arguments (as line 0), or of each line of the batch on top of them; the problems, the comments."""
    names = [*NAMES, *(field.name for field in FIELDS), "sampler"]
    common = {name: getattr(options, name) for name in names}
    lines = [(0, {})] if options.batch is None else list(batch_lines(options.batch))
    jobs, problems, comments = [], [], []
    for line, entry in lines:
        job, wrong, ignored = read_job(common | entry) if isinstance(entry, dict) else (None, [entry], [])
        if job is not None:
            jobs.append((line, job))
        problems += [place(options, line) + problem for problem in wrong]
        comments += [place(options, line) + comment for comment in ignored]
    if not lines:
        problems.append(f"{shown(options.batch.name)} has no line.")
    return jobs, problems, comments


def place(options: argparse.Namespace, line: int) -> str:
    """The beginning of a sentence about a line of the batch."""
    return f"{shown(options.batch.name)}, line {line}: " if line else ""


def batch_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each line that is not empty: its number, and its object or a sentence that says why it has none.

    Raises:
        RefusedJob: the file cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BATCH_BYTES:
            raise RefusedJob(f"{shown(str(path))} is larger than {MOST_BATCH_BYTES} bytes and was not read.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise RefusedJob(f"{shown(str(path))} cannot be read ({why}).") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"this is no JSON ({getattr(error, 'msg', 'nested too deeply')})."
        else:
            yield number, entry if isinstance(entry, dict) else "this is no object ({…})."


@reporting_refusals
def run_generate(options: argparse.Namespace, catalog: Catalog) -> int:
    jobs, problems, comments = jobs_of(options)
    for sentence in (*comments, *problems):
        print(sentence, file=sys.stderr)
    if problems:
        return USAGE
    check_folder(options.out)
    playground = load_playground(options, catalog)
    code = DONE
    for index, (line, job) in enumerate(jobs, 1):
        try:
            result = make(playground, job, options.out, f"{index} of {len(jobs)}")
            sentences = result["warnings"]
        except HyperSDError as refusal:
            result, sentences, code = {"problem": str(refusal)}, [str(refusal)], REFUSED
        for sentence in sentences:
            print(place(options, line) + sentence, file=sys.stderr)
        if options.json:
            print(json.dumps({**({"line": line} if line else {}), **result}, ensure_ascii=False), flush=True)
        elif "image" in result:
            print(f"{result['image']}: {result['plan']['sentence']}", flush=True)
    return code


def make(playground: "Playground", job: Job, folder: Path, which: str) -> dict[str, Any]:
    """Make a picture and write its file; returns what is printed as JSON. Raises HyperSDError."""
    from tqdm import tqdm

    from ..playground.files import save

    with tqdm(desc=which, leave=False, bar_format="{desc}: step {n_fmt} of {total_fmt} [{elapsed}]") as bar:

        def progress(step: int, steps: int) -> None:
            bar.total, bar.n = steps, step
            bar.refresh()

        picture = playground.run(job, progress)
    return {
        "image": str(save(picture.image, picture.infotext, folder, str(job.seed))),
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


@reporting_refusals
def run_demo(options: argparse.Namespace, catalog: Catalog) -> int:
    check_folder(options.out)
    playground = load_playground(options, catalog)
    from ..playground.page import serve

    first = []
    for what, base in (("4 steps, base", True), ("4 steps, Hyper-SD", False)):
        job = Job(EXAMPLE, settings=Settings(enabled=not base, steps=4), own=Own(steps=4))
        try:
            path = make(playground, job, options.out, what)["image"]
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
