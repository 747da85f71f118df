"""What a run of a live suite keeps of its tests: a plugin of pytest, which the suites of all hosts register."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.report import Check, Report, check_of


class Recording:
    """Writes docs/hosts.md at the end of a whole run with ``--record``.

    ``kind`` is what the host is, ``lacks`` why it does not serve a family of checkpoints, and ``suite`` the tests' folder.
    """

    def __init__(self, kind: str, lacks: dict[str, str], suite: Path):
        self.kind, self.lacks, self.report = kind, lacks, Report(suite=suite)

    def keep(self, items: list, why: Callable = lambda item: None) -> list:
        """The tests that are run here; the others are those that ``why`` has a reason for."""
        kept = []
        for item in items:
            if reason := why(item):
                self.report.left_out.append((check_in(item), reason))
            else:
                self.report.planned[item.nodeid] = check_in(item)
                kept.append(item)
        return kept

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item):
        report = (yield).get_result()
        if report.when == "call" or report.outcome != "passed":
            why = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else ""
            self.report.add(item.nodeid, report.outcome, why, dict(item.user_properties).get("sentence"))
        if report.failed:
            print_failure(item.config.pluginmanager.get_plugin("terminalreporter"), report)

    def pytest_terminal_summary(self, terminalreporter, config):
        name = config.getoption("--record")
        if not name:
            return
        if self.report.is_whole:
            self.report.write(self.kind, name, self.lacks)
        else:
            terminalreporter.write_line("This was a part of the suite: docs/hosts.md is as it was.")


def check_in(item) -> Check:
    silent = "say" in getattr(item, "fixturenames", ())
    return Check(check_of(item.function.__name__), family_of(item), item.function.__doc__ if silent else None)


def family_of(item) -> str:
    """The kind of checkpoint that a test is about: SD1.5 where it does not say."""
    return getattr(getattr(item, "callspec", None), "params", {}).get("family", "sd15")


def print_failure(terminal, report):
    """Write a failure's traceback when it happens: a whole run takes an hour, and its log is read before it ends.

    Lines are cut, as pictures that differ are whole in it; they stand at the end, in full.
    """
    terminal.ensure_newline()
    terminal.write_line("\n".join(line[:300] for line in report.longreprtext.splitlines()))
