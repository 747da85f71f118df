"""``docs/hosts.md``: what was run on which host, and how it came out; no cell is filled in any other way.

``docs/hosts.json`` keeps the outcomes; the tables are made of that file.
"""

import datetime
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"
HEAD = """# What was run on which host

Made by `python3 dev.py live --webui DIR --record HOST` and by nothing else: each cell counts the checks of one kind
that passed for one kind of checkpoint (random weights, 64×64 pixels, on the CPU). An empty cell was not run.

"""


class Report:
    """The outcomes of one run, by family and by what was checked."""

    def __init__(self, host: str):
        self.host = host
        self.outcomes: dict[str, dict[str, Counter]] = {}

    def add(self, test: str, family: str, outcome: str) -> None:
        self.outcomes.setdefault(check_of(test), {}).setdefault(family, Counter())[outcome] += 1

    def write(self, folder: Path = DOCS) -> None:
        """Put what was checked in the place of the same checks of the last run on the same host."""
        path = folder / "hosts.json"
        hosts = json.loads(path.read_text()) if path.exists() else {}
        checks = hosts.get(self.host, {}).get("checks", {}) | self.outcomes
        hosts[self.host] = {"date": datetime.date.today().isoformat(), "checks": checks}
        for run in hosts.values():
            run["checks"] = {check: row for check, row in run["checks"].items() if check in all_checks()}
        path.write_text(json.dumps(hosts, indent=1, sort_keys=True) + "\n")
        (folder / "hosts.md").write_text(render(hosts))


@cache
def all_checks() -> set[str]:
    """What the suite checks today, of whatever host."""
    files = Path(__file__).parent.glob("test_*.py")
    return {check_of(name) for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))}


def check_of(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def render(hosts: dict) -> str:
    """The tables, one for each host: a row for each check, a column for each family."""
    text = HEAD
    for host, run in sorted(hosts.items()):
        families = sorted({family for row in run["checks"].values() for family in row})
        text += f"## {host}\n\nRun on {run['date']}.\n\n| Check | {' | '.join(families)} |\n|{'---|' * (len(families) + 1)}\n"
        for check, row in sorted(run["checks"].items()):
            text += f"| {check} | {' | '.join(cell(row.get(family, {})) for family in families)} |\n"
        text += "\n"
    return text.rstrip("\n") + "\n"


def cell(outcomes: dict[str, int]) -> str:
    """ "3" passed, or "1 of 3, 2 failed"; empty where nothing ran."""
    total, passed = sum(outcomes.values()), outcomes.get("passed", 0)
    others = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()) if outcome != "passed")
    return "" if not total else f"{passed}" if not others else f"{passed} of {total}, {others}"
