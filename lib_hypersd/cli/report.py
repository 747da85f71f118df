"""``python -m lib_hypersd report``: what a report of a fault is to say of the machine, and nothing that is private."""

import argparse
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__
from ..files.library import LoraFile
from ..files.scan import below
from ..recipes.catalog import Catalog
from ..recipes.settings import ENABLED
from .arguments import DONE, USAGE
from .identify import examine

__all__ = ["add_arguments", "run"]

PACKAGES = ("torch", "gradio", "diffusers", "peft", "safetensors", "k-diffusion")
OURS = Path(__file__).parents[2]
LAUNCHER = "launch.py"  # what a WebUI's folder has
# Of an infotext, what is ours and what a plan sets; the prompts stay where they are.
QUOTED = re.compile(rf"(?:{ENABLED}[\w -]*|Steps|Sampler|Schedule type|CFG scale|Version): (?:\"[^\"]*\"|[^,\n]*)")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--webui", type=Path, metavar="DIR", help="the WebUI's folder, unless this extension lies in its extensions"
    )
    command.add_argument("--loras", type=Path, metavar="DIR", help="the folder of LoRAs, unless it is the WebUI's own")


def run(options: argparse.Namespace, catalog: Catalog) -> int:
    webui = options.webui or find_webui()
    loras = options.loras or (webui / "models" / "Lora" if webui else None)
    for folder in filter(None, (options.webui, options.loras)):
        if not folder.is_dir():
            print(f"{folder} is not a folder.", file=sys.stderr)
            return USAGE
    lines = [*describe_machine(), *describe_webui(webui)]
    if loras and loras.is_dir():
        lines += [describe_file(file) for file in examine(below(loras), catalog, may_hash=True) if file.is_few_step]
    print("\n".join(lines))
    return DONE


def find_webui() -> Path | None:
    """The WebUI into whose extensions this repository was cloned."""
    return next((folder for folder in OURS.parents[:2] if (folder / LAUNCHER).is_file()), None)


def describe_machine() -> Iterator[str]:
    yield f"Hyper-SD: {__version__}, {find_commit(OURS)}"
    yield f"Python: {platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}"
    for package in PACKAGES:
        try:
            yield f"{package}: {version(package)}"
        except PackageNotFoundError:
            continue


def describe_webui(webui: Path | None) -> Iterator[str]:
    """The WebUI by its commit, and what its last image says, but for the prompts."""
    if webui is None:
        yield "WebUI: none around this folder; name it with --webui"
        return
    yield f"WebUI: {find_commit(webui)}"
    try:
        last = (webui / "params.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    values = QUOTED.findall(last, max(last.rfind("\nSteps: "), 0))
    yield f"Last image: {', '.join(values)}"


def find_commit(folder: Path) -> str:
    """A checkout's commit, and the public address that it was cloned from, as far as git tells."""
    commit = ask_git(folder, "rev-parse", "--short=12", "HEAD") or "no git checkout"
    address = ask_git(folder, "remote", "get-url", "origin")
    public = re.match(r"https://(?:[^/@]*@)?(.*)", address)  # without a name or a password before the host
    return f"{commit} from {public[1]}" if public else commit


def ask_git(folder: Path, *arguments: str) -> str:
    """What git answers; "" where it does not."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def describe_file(file: LoraFile) -> str:
    """A LoRA by its hash and what it is; its name may be private."""
    recipe, clues = file.identification.recipe, file.clues
    what = recipe.id if recipe else "refused"
    digest = f"SHA-256 {clues.sha256[:12]}" if clues.sha256 else "not hashed"
    return f"LoRA: {what}, by its {file.identification.evidence or 'name'}, {clues.size} bytes, {digest}"
