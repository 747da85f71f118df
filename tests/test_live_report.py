"""What the live suite says of its runs, apart from any host."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.__main__ import SUITES, counted, run, split
from tests.live.kinds import A1111, CLASSIC, FORGE, KINDS, NEO, REFORGE, kind_of
from tests.live.report import Check, Report, all_checks, newest, render

FOLDERS = [Path(__file__).parent / name for name in ("live", "live_comfyui")]


def whole_run(suite: Path = FOLDERS[0]) -> Report:
    """A run of every check of a suite for SD1.5, all of which pass."""
    planned = {f"test::{name}": Check(name, "sd15") for name in all_checks(suite)}
    return Report(planned, dict.fromkeys(planned, "passed"), suite=suite)


def test_every_kind_serves_a_family_or_says_why_not():
    families = {family for kind in KINDS for family in kind.families}
    for kind in KINDS:
        assert kind.families.keys() | kind.lacks.keys() == families, kind.name
        assert not kind.families.keys() & kind.lacks.keys() and all(kind.lacks.values()), kind.name


# What a folder of each kind has, as far as the suite looks.
HAS = {
    A1111.name: ["modules/sd_schedulers.py"],
    FORGE.name: ["modules/sd_schedulers.py", "modules_forge/x", "backend/x"],
    NEO.name: ["modules/sd_schedulers.py", "modules_forge/packages/x", "backend/x"],
    REFORGE.name: ["modules/sd_schedulers.py", "modules_forge/x"],
    CLASSIC.name: ["modules_forge/x"],
}


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_each_check_of_a_kind_has_what_it_asks_for(kind, tmp_path):
    """A fixture that is not there would end a check only after half an hour of a whole run."""
    for name in HAS[kind.name]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert kind_of(tmp_path) is kind
    command = [sys.executable, "-m", "pytest", FOLDERS[0], "--setup-plan", "-qq", "-p", "no:cacheprovider"]
    planned = subprocess.run([*command, "--webui", tmp_path], capture_output=True, text=True)
    assert planned.returncode == 0, planned.stdout[-2000:]


def test_a_whole_run_takes_the_place_of_the_last_one_on_its_kind_alone(tmp_path):
    whole_run().write("Forge", "Forge, 1", {}, tmp_path)
    whole_run().write("reForge", "reForge, 1", {}, tmp_path)
    whole_run().write("Forge", "Forge, 2", {"sd3": "it has no SD3"}, tmp_path)
    kept = json.loads((tmp_path / "hosts.json").read_text("utf-8"))
    assert {kind: run["host"] for kind, run in kept.items()} == {"Forge": "Forge, 2", "reForge": "reForge, 1"}
    assert "| sd3 (a checkpoint) | it has no SD3 |" in (tmp_path / "hosts.md").read_text("utf-8")


def test_each_suite_has_checks_of_its_own(tmp_path):
    webui, comfyui = map(all_checks, FOLDERS)
    assert webui - comfyui and comfyui - webui
    assert not Report(whole_run(FOLDERS[0]).planned, whole_run(FOLDERS[0]).outcomes, suite=FOLDERS[1]).is_whole
    whole_run(FOLDERS[1]).write("ComfyUI", "ComfyUI, 1", {}, tmp_path)
    assert "## ComfyUI, 1" in (tmp_path / "hosts.md").read_text("utf-8")


def test_of_several_files_the_newest_run_of_each_kind_counts():
    older, newer = {"host": "old", "date": "2026-01-01"}, {"host": "new", "date": "2026-01-02"}
    assert newest({"Forge": newer, "reForge": older}, {"Forge": older, "ComfyUI": older}) == {
        "Forge": newer, "reForge": older, "ComfyUI": older,
    }  # fmt: skip
    same_day = {**older, "host": "same day"}
    assert newest({"Forge": older}, {"Forge": same_day}) == {"Forge": same_day}


def without_a_check(run):
    run.planned.popitem(), run.outcomes.popitem()


def stopped(run):
    run.outcomes.popitem()


@pytest.mark.parametrize("part", [without_a_check, stopped])
def test_a_part_of_the_suite_is_not_written(tmp_path, part):
    run = whole_run()
    part(run)
    with pytest.raises(ValueError, match="a part of the suite only"):
        run.write("Forge", "Forge, 1", {}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_cell_is_empty_and_what_is_left_out_has_its_reason():
    run = Report({"a": Check("one", "sd15"), "b": Check("two", "sdxl"), "c": Check("two", "sdxl")})
    run.add("a", "passed")
    run.add("b", "failed")
    run.add("c", "skipped", "no adetailer in --company")
    run.left_out.append((Check("three", "sd15"), "it has no schedules"))
    text = render({"Forge": {"host": "Forge, 1", "date": "2026-01-01", "lacks": {}, **run.as_json()}})
    assert "| one | 1 | – |\n| two | – | 0 of 2, 1 failed, 1 skipped |\n" in text
    assert "| three | it has no schedules |\n| two | no adetailer in --company |\n" in text


def test_what_is_said_of_what_goes_wrong_stands_once_for_all_hosts_that_say_it():
    def run_with(sentence):
        run = Report({"a": Check("one", "sd15", "The LoRA is missing.")})
        run.add("a", "passed", sentence=sentence)
        return {"host": "x", "date": "2026-01-01", "lacks": {}, **run.as_json()}

    text = render({"A": run_with("It is | not there."), "B": run_with("It is | not there."), "C": run_with("No LoRA.")})
    assert "| The LoRA is missing. | A, B | It is \\| not there. |\n| The LoRA is missing. | C | No LoRA. |\n" in text


def test_a_test_that_fails_after_it_has_passed_has_failed():
    run = Report({"a": Check("one", "sd15")})
    run.add("a", "passed")
    run.add("a", "failed")
    assert run.outcomes == {"a": "failed"}


def test_arguments_before_the_first_host_are_for_all():
    assert split(["-x", "--webui", "a", "--python", "p", "--webui", "b", "--comfyui", "c"]) == (
        ["-x"],
        [("--webui", "a", ["--python", "p"]), ("--webui", "b", []), ("--comfyui", "c", [])],
    )


@pytest.mark.parametrize("option", SUITES)
def test_a_folder_without_the_host_is_not_run(option, tmp_path, capsys):
    assert run(option, tmp_path, []) == (2, "")
    assert f"{tmp_path} is no" in capsys.readouterr().out


def test_the_outcomes_stand_in_the_last_line_of_pytest():
    line = "==== 3 failed, 40 passed, 2 warnings, 1 error in 12.3s ===="
    assert [counted(line, outcome) for outcome in ("passed", "failed", "error", "skipped")] == ["40", "3", "1", "0"]
