"""Every check of the project, on every Python that it supports. ``python3 dev.py`` picks the Python it runs on."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12"]
# The library's parts need different environments; what of it has been run is added up over these sessions.
MEASURED = ["tests", "panel", "playground"]
SIZES = {"test": "2.0 GB", "panel": "0.6 GB", "playground": "1.6 GB"}  # of environments, with a torch for the CPU
nox.options.sessions = ["lint", *MEASURED, "coverage"]
nox.options.reuse_existing_virtualenvs = True


def install(session, *names, npm=None):
    """What these files require, and the folder's lock file for npm, and nothing else.

    The environment is made anew when one of them has changed; as long as none has, nothing is asked of the network.
    """
    files = [Path("requirements", f"{name}.txt") for name in names]
    locks = [Path("requirements", npm, "package-lock.json")] if npm else []
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in (*files, *locks))).hexdigest()
    environment = Path(session.virtualenv.location)
    size = next((SIZES[name] for name in names if name in SIZES), "0.3 GB")
    ready = environment / f"ready-{digest}"
    if not ready.exists():
        session.log(f"What it needs is fetched into {environment}, once: {size} there, and less to download.")
        session.virtualenv.reuse_existing = False
        session.virtualenv.create()
        session.install("--quiet", *(part for file in files for part in ("-r", str(file))))
        for lock in locks:
            shutil.copytree(lock.parent, environment / npm)
            session.run_install("npm", "ci", "--silent", "--prefix", str(environment / npm))
        ready.touch()
    return environment


def measure(session, *arguments):
    """Run pytest, and keep what of the library it has run for the session ``coverage``."""
    ensure_browser(session)
    kept = {"COVERAGE_FILE": os.path.abspath(f".coverage.{session.name}"), "HYPERSD_LEFT_OUT": str(left_out(session))}
    session.run("pytest", "--cov", "--cov-report=", *arguments, *session.posargs, env=kept)


def left_out(session, name=None):
    """The file with the number of tests that had no browser, of this session or of one that is named."""
    return Path(session.virtualenv.location).parent / f"left-out-{name or session.name}.txt"


def ensure_browser(session):
    """Where there is none, the one that playwright installs, if it can here."""
    find = "from tests.browser import CHROMIUM; print(CHROMIUM or '')"
    if not session.run("python", "-c", find, silent=True, env={"CI": "", "PYTHONPATH": os.getcwd()}).strip():
        session.log("There is no Chromium: playwright fetches one (170 MB) into your cache folder, once.")
        session.run("playwright", "install", "chromium", success_codes=range(256))


def report_left_out(session):
    """How many tests were left out for want of a browser, as the last lines of all."""
    files = [left_out(session, f"{name}-{session.python}") for name in MEASURED]
    count = sum(int(file.read_text()) for file in files if file.exists())
    if count:
        session.warn(
            f"{count} tests of pages were left out: there is no Chromium, and playwright could not install one."
        )
        session.warn("Install Chromium or Chrome, or name yours in HYPERSD_CHROMIUM, and run this again.")


@nox.session(python=PYTHONS)
def lint(session):
    """Style, form and types of the Python files, and the page's scripts."""
    eslint = install(session, "lint", npm="eslint") / "eslint" / "node_modules"
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", f"--cache-dir={eslint.parents[1] / 'mypy'}")
    script = str(eslint / "eslint" / "bin" / "eslint.js")
    session.run("node", script, "--max-warnings", "0", ".", env={"NODE_PATH": str(eslint)})


@nox.session(python=PYTHONS)
def tests(session):
    """All tests but those that need a host, on the gradio of A1111; arguments go to pytest."""
    install(session, "test", "pytest")
    measure(session, "--ignore=tests/live", "--ignore=tests/playground", "--ignore=tests/distil")


@nox.session(python=PYTHONS)
def panel(session):
    """The tests of the panel once more, on the gradio of Forge; arguments go to pytest."""
    install(session, "panel", "pytest")
    measure(session, "tests/panel")


@nox.session(python=PYTHONS)
def playground(session):
    """The tests of the playground and of distillation, on the gradio of today; arguments go to pytest."""
    install(session, "playground", "distil", "pytest")
    measure(session, "tests/playground", "tests/distil")


@nox.session(python=PYTHONS)
def coverage(session):
    """Of the library, 90 % must have been run by the sessions before this one, and of the planner every branch."""
    if session.posargs:
        session.skip("Arguments were given, so not all tests were run.")
    install(session, "pytest")
    session.run("coverage", "combine", "--keep", *(f".coverage.{name}-{session.python}" for name in MEASURED))
    session.run("coverage", "report", "--fail-under=90")
    session.run("coverage", "report", "--include=lib_hypersd/plan/*", "--fail-under=100")
    report_left_out(session)


@nox.session(python=PYTHONS, default=False)
def mutation(session):
    """Whether the tests notice when a line of the plan, the samplers, the schedules or the tags is wrong; arguments are
    names of mutants."""
    install(session, "test", "pytest", "mutation")
    session.run("mutmut", "run", "--max-children", "1", *session.posargs, env={"OMP_NUM_THREADS": "1"})
    session.run("mutmut", "results")
    session.run("mutmut", "export-cicd-stats", silent=True)
    counts = json.loads(Path("mutants", "mutmut-cicd-stats.json").read_text())
    session.log(f"{counts['killed']} of {counts['total']} mutants were noticed.")
    if not session.posargs and counts["killed"] < 0.95 * counts["total"]:
        session.error("These are fewer than 95 %.")


@nox.session(python=PYTHONS, default=False)
def demo(session):
    """Two pictures to compare and the playground's page; arguments as of ``python -m lib_hypersd demo``."""
    install(session, "playground")
    session.run("python", "-m", "lib_hypersd", "demo", *session.posargs)


@nox.session(python=PYTHONS)
def live(session):
    """The same proofs on real hosts: ``-- --webui DIR [--python PYTHON] [--webui …]``, and arguments of pytest."""
    install(session, "test", "pytest")
    session.run("python", "-m", "tests.live", *session.posargs, env={"PYTHONPATH": os.getcwd()})


@nox.session(python=PYTHONS)
def bench(session):
    """Measurements, as ratios within one run; ``-- --webui DIR`` adds those of a host."""
    install(session, "test", "pytest")
    session.run("python", "-m", "bench", *session.posargs, env={"PYTHONPATH": os.getcwd()})


@nox.session(python=PYTHONS, default=False)
def latency(session):
    """How fast the playground's live mode is, how near its pictures come to the limit, and many at once; ``-- --write``
    keeps it."""
    install(session, "playground", "pytest")
    write = ["--write"] if "--write" in session.posargs else []
    session.run("python", "-m", "bench.live", *write)
    session.run("python", "-m", "bench.limit", *write)
    session.run("python", "-m", "bench.batches", *write)


@nox.session(python=PYTHONS, default=False)
def device(session):
    """What a GPU needs for the samplers and the playground: ``-- --device cuda``."""
    install(session, "playground", "pytest")
    session.run("python", "-m", "bench.cuda", *session.posargs)
