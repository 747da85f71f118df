"""``python3 dev.py live --webui DIR [--webui DIR …]``: the suite on every host that is named, one after the other.

What stands behind a ``--webui`` is for that host alone (``--python``, ``--models``, ``--record``), what stands before the
first is for all; pytest reads it. A whole run goes to docs/hosts.md under the name that ``--record`` gives, or the kind and
commit of a host in a git checkout; a part of the suite goes nowhere. What a host and pytest print is kept in
``outputs/live-NAME.log``, where NAME is the host's folder. At the end stands one table of all hosts.

``python3 dev.py live --comfyui DIR [--python PYTHON]`` runs the suite of ComfyUI, in ``tests/live_comfyui``.
"""

import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from tests.live.kinds import kind_of

LOGS = Path("outputs")
COLUMNS = ("passed", "failed", "error", "skipped")


def main(arguments: list[str]) -> int:
    """Run every host, whatever came of the ones before; 0 where all passed."""
    if "--comfyui" in arguments:
        return subprocess.call([sys.executable, "-m", "pytest", "tests/live_comfyui", "-v", *joined(arguments)])
    common, hosts = split(arguments)
    if not hosts:
        print("Name the folder of a WebUI that boots: --webui DIR.")
        return 2
    LOGS.mkdir(exist_ok=True)
    codes, rows = [], [["host", *COLUMNS, "minutes"]]
    for webui, own in hosts:
        start = time.monotonic()
        code, summary = run(Path(webui), common, own)
        minutes = f"{(time.monotonic() - start) / 60:.0f}"
        codes.append(code)
        rows.append([webui, *(counted(summary, outcome) for outcome in COLUMNS), minutes if summary else "not run"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip())
    return max(codes)


def run(webui: Path, common: list[str], own: list[str]) -> tuple[int, str]:
    """pytest's exit status on one host and the last line that it prints; of what failed, the end of its log is shown."""
    if not (webui / "launch.py").is_file():
        print(f"{webui} is no WebUI: it has no launch.py.")
        return 2, ""
    record = [] if "--record" in own else recorded_as(webui)
    log = LOGS / f"live-{webui.name}.log"
    print(f"{webui}: see {log}", flush=True)
    pytest = [sys.executable, "-m", "pytest", "tests/live", "-v", "-p", "no:cacheprovider", "--webui", webui]
    with log.open("w") as file:
        code = subprocess.call([*pytest, *common, *own, *record], stdout=file, stderr=file)
    printed = log.read_text(errors="replace").strip().splitlines() or ["It printed nothing."]
    print(f"{webui}: {printed[-1].strip('= ')}", *([] if code == 0 else printed[-30:-1]), sep="\n  ", flush=True)
    return code, printed[-1]


def joined(arguments: list[str]) -> list[str]:
    """Options and their values as one word each: pytest would take a lone folder for one of tests, as ComfyUI has some."""
    options = re.sub(r"(^|\n)(--\w+)\n(?!-)", r"\1\2=", "\n".join(arguments))
    return options.split("\n")


def counted(summary: str, outcome: str) -> str:
    """How many tests came out so, by pytest's last line."""
    found = re.search(rf"(\d+) {outcome}", summary)
    return found[1] if found else "0"


def split(arguments: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """What is for all hosts, and each host's folder with what is for it alone."""
    starts = [i for i, argument in enumerate(arguments) if argument == "--webui"] + [len(arguments)]
    groups = [arguments[a + 1 : b] for a, b in pairwise(starts)]
    return arguments[: starts[0]], [(group[0], group[1:]) for group in groups if group]


def recorded_as(webui: Path) -> list[str]:
    """``--record`` with the host's kind and commit; nothing where no git checkout holds the folder."""
    commit = subprocess.run(["git", "-C", webui, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return ["--record", f"{kind_of(webui).name}, {commit.stdout.strip()}"] if commit.returncode == 0 else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
