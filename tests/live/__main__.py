"""``python3 dev.py live --webui DIR [--webui DIR …]``: the suite on every host that is named, one after the other.

``--comfyui DIR`` names a ComfyUI, which has a suite of its own, in ``tests/live_comfyui``. What stands behind a host is for
that host alone (``--python``, ``--models``, ``--record``), what stands before the first is for all; pytest reads it. A whole
run goes to docs/hosts.md under the name that ``--record`` gives, or the kind and commit of a host in a git checkout; a part
of the suite goes nowhere. What a host and pytest print is kept in ``outputs/live-NAME.log``, where NAME is the host's folder.
At the end stands one table of all hosts.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.live.kinds import kind_of

LOGS = Path("outputs")
COLUMNS = ("passed", "failed", "error", "skipped")


@dataclass(frozen=True)
class Suite:
    """The tests of one program: their folder, the program's own name, the file that starts it, and what kind a folder is."""

    tests: str
    program: str
    starts: str
    kind_of: Callable[[Path], str]


SUITES = {
    "--webui": Suite("tests/live", "WebUI", "launch.py", lambda folder: kind_of(folder).name),
    "--comfyui": Suite("tests/live_comfyui", "ComfyUI", "main.py", lambda folder: "ComfyUI"),
}


def main(arguments: list[str]) -> int:
    """Run every host, whatever came of the ones before; 0 where all passed."""
    common, hosts = split(arguments)
    if not hosts:
        print("Name the folder of a host that boots: --webui DIR, or --comfyui DIR.")
        return 2
    LOGS.mkdir(exist_ok=True)
    codes, rows = [], [["host", *COLUMNS, "minutes"]]
    for option, folder, own in hosts:
        start = time.monotonic()
        code, summary = run(option, Path(folder), [*common, *own])
        minutes = f"{(time.monotonic() - start) / 60:.0f}"
        codes.append(code)
        rows.append([folder, *(counted(summary, outcome) for outcome in COLUMNS), minutes if summary else "not run"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip())
    return max(codes)


def run(option: str, folder: Path, arguments: list[str]) -> tuple[int, str]:
    """pytest's exit status on one host and the last line that it prints; of what failed, the end of its log is shown."""
    suite = SUITES[option]
    if not (folder / suite.starts).is_file():
        print(f"{folder} is no {suite.program}: it has no {suite.starts}.")
        return 2, ""
    record = [] if "--record" in arguments else recorded_as(suite, folder)
    log = LOGS / f"live-{folder.name}.log"
    print(f"{folder}: see {log}", flush=True)
    # In one word with its option: pytest would look for tests in a lone folder, and ComfyUI has some.
    pytest = [sys.executable, "-m", "pytest", suite.tests, "-v", "-p", "no:cacheprovider", f"{option}={folder}"]
    with log.open("w") as file:
        code = subprocess.call([*pytest, *arguments, *record], stdout=file, stderr=file)
    printed = log.read_text(errors="replace").strip().splitlines() or ["It printed nothing."]
    print(f"{folder}: {printed[-1].strip('= ')}", *([] if code == 0 else printed[-30:-1]), sep="\n  ", flush=True)
    return code, printed[-1]


def counted(summary: str, outcome: str) -> str:
    """How many tests came out so, by pytest's last line."""
    found = re.search(rf"(\d+) {outcome}", summary)
    return found[1] if found else "0"


def split(arguments: list[str]) -> tuple[list[str], list[tuple[str, str, list[str]]]]:
    """What is for all hosts; and of each host its option, its folder, and what is for it alone."""
    starts = [i for i, argument in enumerate(arguments) if argument in SUITES] + [len(arguments)]
    groups = [arguments[a:b] for a, b in pairwise(starts)]
    return arguments[: starts[0]], [(group[0], group[1], group[2:]) for group in groups if len(group) > 1]


def recorded_as(suite: Suite, folder: Path) -> list[str]:
    """``--record`` with the host's kind and commit; nothing where no git checkout holds the folder."""
    commit = subprocess.run(["git", "-C", folder, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return ["--record", f"{suite.kind_of(folder)}, {commit.stdout.strip()}"] if commit.returncode == 0 else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
