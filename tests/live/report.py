"""``docs/hosts.md``: what was run on which host, and how it came out; no cell is filled in any other way.

``docs/hosts.json`` keeps the outcomes of each kind's last whole run; the tables are made of that file.
``python -m tests.live.report [OTHER.json …]`` makes them anew, with the runs of other files of that form, of each kind the
newest: that is how runs of several branches come together.
"""

import datetime
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SUITE = Path(__file__).parent
DOCS = SUITE.parent.parent / "docs"
HEAD = """# What was run on which host

Made by `python3 dev.py live --webui DIR` (for ComfyUI `--comfyui DIR`) and by nothing else: each cell counts the checks
of one kind that passed for one kind of checkpoint (random weights, 64×64 pixels, on the CPU). “–”: the check is not about
such a checkpoint. What a host leaves out stands below its table, with the reason.

"""


@dataclass(frozen=True)
class Check:
    """One test: what it checks, for which kind of checkpoint, and of a silent case what goes wrong in it."""

    name: str
    family: str
    case: str | None = None


@dataclass
class Report:
    """One run of the tests in a folder: of each by its node what it checks and how it came out; of what is not run, why."""

    planned: dict[str, Check] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    left_out: list[tuple[Check, str]] = field(default_factory=list)
    sentences: dict[str, str] = field(default_factory=dict)
    suite: Path = SUITE

    def add(self, node: str, outcome: str, why: str = "", sentence: str | None = None) -> None:
        """How a test came out; the worst counts of what is said of one and the same."""
        if self.outcomes.get(node) != "failed":
            self.outcomes[node] = outcome
        if why:
            self.left_out.append((self.planned[node], why))
        if sentence:
            self.sentences[self.planned[node].case or node] = sentence

    @property
    def is_whole(self) -> bool:
        """Whether every check of the suite was run or has a reason for being left out."""
        met = {check.name for check in self.planned.values()} | {check.name for check, _ in self.left_out}
        return all_checks(self.suite) <= met and self.planned.keys() == self.outcomes.keys()

    def write(self, kind: str, host: str, lacks: dict[str, str], folder: Path = DOCS) -> None:
        """Put a whole run in the place of the last one on the same kind of host."""
        if not self.is_whole:
            raise ValueError("This was a part of the suite only.")
        run = {"host": host, "date": datetime.date.today().isoformat(), "lacks": lacks, **self.as_json()}
        save(read(folder / "hosts.json") | {kind: run}, folder)

    def as_json(self) -> dict:
        checks: dict[str, dict[str, Counter]] = {}
        for node, outcome in self.outcomes.items():
            check = self.planned[node]
            checks.setdefault(check.name, {}).setdefault(check.family, Counter())[outcome] += 1
        left_out = {f"{check.name}: {why}": [check.name, why] for check, why in self.left_out}
        silent = {check.case: why for check, why in self.left_out if check.case} | self.sentences
        found = {"checks": checks, "left_out": sorted(left_out.values())}
        return found | ({"silent": silent} if silent else {})


@cache
def all_checks(suite: Path = SUITE) -> set[str]:
    """What the tests in a folder check today, of whatever host."""
    files = suite.glob("test_*.py")
    return {check_of(name) for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))}


def read(path: Path) -> dict:
    """The last whole run of each kind of host."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def save(hosts: dict, folder: Path = DOCS) -> None:
    text = json.dumps(hosts, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "hosts.json").write_text(text + "\n", "utf-8")
    (folder / "hosts.md").write_text(render(hosts), "utf-8")


def newest(*files: dict) -> dict:
    """Of each kind of host the newest run of several files; of two on one day the last one's."""
    runs = [pair for hosts in files for pair in hosts.items()]
    return dict(sorted(runs, key=lambda pair: pair[1]["date"]))


def check_of(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def render(hosts: dict) -> str:
    """The tables: of each host what was run and what was left out; of all hosts together what is said of what goes wrong."""
    parts = [host_table(run) for _, run in sorted(hosts.items())]
    return "\n".join([HEAD + silent_table(hosts), *parts])


def host_table(run: dict) -> str:
    """A row for each check and a column for each family; below it, what is left out."""
    families = sorted({family for row in run["checks"].values() for family in row})
    rows = [
        [check, *(cell(row.get(family, {})) for family in families)] for check, row in sorted(run["checks"].items())
    ]
    left_out = [[f"{family} (a checkpoint)", why] for family, why in sorted(run["lacks"].items())] + run["left_out"]
    text = f"## {run['host']}\n\nRun on {run['date']}.\n\n{table(['Check', *families], rows)}"
    return text + (f"\n{table(['Left out here', 'Why'], left_out)}" if left_out else "")


def silent_table(hosts: dict) -> str:
    """What goes wrong × host × what is said; hosts that say the same share a row, those without such cases have none."""
    rows = []
    silent = {kind: run["silent"] for kind, run in sorted(hosts.items()) if "silent" in run}
    for case in sorted({case for cases in silent.values() for case in cases}):
        by_sentence: dict[str, list[str]] = {}
        for kind, cases in silent.items():
            by_sentence.setdefault(cases.get(case, "not run"), []).append(kind)
        rows += [[case, ", ".join(kinds), sentence] for sentence, kinds in by_sentence.items()]
    head = ["What goes wrong", "Host", "What is said"]
    return f"## What goes wrong, and what is said\n\n{table(head, rows)}" if rows else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(plain(entry) for entry in line)} |\n" for line in lines)


def plain(text: str) -> str:
    """A text that stays within its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def cell(outcomes: dict[str, int]) -> str:
    """ "3" passed, or "1 of 3, 2 failed"; "–" where the check has no such checkpoint."""
    total, passed = sum(outcomes.values()), outcomes.get("passed", 0)
    others = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()) if outcome != "passed")
    return "–" if not total else f"{passed}" if not others else f"{passed} of {total}, {others}"


if __name__ == "__main__":
    save(newest(read(DOCS / "hosts.json"), *(read(Path(other)) for other in sys.argv[1:])))
