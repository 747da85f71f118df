"""``python3 dev.py live --webui DIR [--webui DIR …]``: the suite on every host that is named, one after the other.

What stands behind a ``--webui`` is for that host alone (``--python``, ``--models``, ``--record``), what stands before the
first is for all; pytest reads it. The outcomes go to docs/hosts.md under the name that ``--record`` gives, or the kind and
commit of a host that is a git checkout. What a host and pytest print is kept in ``live-1.log``, ``live-2.log``, ….
"""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from tests.live.host import kind_of

LOGS = Path("outputs")


def main(arguments: list[str]) -> int:
    """Run every host, whatever came of the ones before; 0 where all passed."""
    common, hosts = split(arguments)
    if not hosts:
        print("Name the folder of a WebUI that boots: --webui DIR.")
        return 2
    LOGS.mkdir(exist_ok=True)
    codes = []
    for number, (webui, own) in enumerate(hosts, 1):
        if not Path(webui, "launch.py").is_file():
            print(f"{webui} is no WebUI: it has no launch.py.")
            codes.append(2)
            continue
        record = [] if "--record" in common + own else recorded_as(Path(webui))
        log = LOGS / f"live-{number}.log"
        print(f"{webui}: see {log}", flush=True)
        pytest = [sys.executable, "-m", "pytest", "tests/live", "-v", "-p", "no:cacheprovider", "--webui", webui]
        with log.open("w") as file:
            codes.append(subprocess.call([*pytest, *common, *own, *record], stdout=file, stderr=file))
        said = log.read_text(errors="replace").strip().splitlines() or ["It printed nothing."]
        print(f"{webui}: {said[-1].strip('= ')}", *([] if codes[-1] == 0 else said[-30:-1]), sep="\n  ", flush=True)
    return max(codes)


def split(arguments: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """What is for all hosts, and each host's folder with what is for it alone."""
    starts = [i for i, argument in enumerate(arguments) if argument == "--webui"] + [len(arguments)]
    groups = [arguments[a + 1 : b] for a, b in pairwise(starts)]
    return arguments[: starts[0]], [(group[0], group[1:]) for group in groups if group]


def recorded_as(webui: Path) -> list[str]:
    """``--record`` with the host's kind and commit; nothing where the folder is no checkout."""
    if not (webui / ".git").exists():
        return []
    commit = subprocess.run(["git", "-C", webui, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return ["--record", f"{kind_of(webui).name}, {commit.stdout.strip()}"] if commit.stdout else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
