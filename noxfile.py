"""Every check of the project, on every Python that it supports. ``python3 dev.py`` picks the Python it runs on."""

import os
import shutil
import sys

import nox

PYTHONS = ["3.10", "3.11", "3.12"]
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
nox.options.sessions = ["lint", "tests", "playground"]
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def lint(session):
    """Style and form of all Python files."""
    session.install("--quiet", "-r", "requirements/lint.txt")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHONS)
def tests(session):
    """All tests but those that need a host; arguments go to pytest."""
    session.install("--quiet", "-r", "requirements/test.txt")
    session.run(
        "pytest",
        "--ignore=tests/live",
        "--ignore=tests/playground",
        "--cov=lib_hypersd",
        "--cov-report=term-missing:skip-covered",
        *session.posargs,
    )


def install_playground(session):
    """What the playground needs. On Linux torch brings gigabytes of CUDA along, unless its build for CPUs is named."""
    if sys.platform == "linux" and not shutil.which("nvidia-smi"):
        constraint = ["--constraint", "requirements/playground.txt"]
        session.install("--quiet", "--no-deps", *constraint, "--extra-index-url", CPU_WHEELS, "torch")
    session.install("--quiet", "-r", "requirements/playground.txt")


@nox.session(python=PYTHONS)
def playground(session):
    """The tests of the playground, on the gradio of today; arguments go to pytest."""
    install_playground(session)
    session.install("--quiet", "-r", "requirements/playground-test.txt")
    session.run("pytest", "tests/playground", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def demo(session):
    """Two pictures to compare and the playground's page; arguments as of ``python -m lib_hypersd demo``."""
    install_playground(session)
    session.run("python", "-m", "lib_hypersd", "demo", *session.posargs)


@nox.session(python=PYTHONS)
def live(session):
    """The same proofs on a real host: ``-- --webui DIR [--python PYTHON]``, and arguments of pytest."""
    session.install("--quiet", "-r", "requirements/test.txt")
    session.run("pytest", "tests/live", "-p", "no:cacheprovider", *session.posargs)


@nox.session(python=PYTHONS)
def bench(session):
    """Measurements, as ratios within one run; ``-- --webui DIR`` adds those of a host."""
    session.install("--quiet", "-r", "requirements/test.txt")
    session.run("python", "-m", "bench", *session.posargs, env={"PYTHONPATH": os.getcwd()})


@nox.session(python=PYTHONS, default=False)
def latency(session):
    """How fast the playground's live mode is."""
    install_playground(session)
    session.install("--quiet", "-r", "requirements/playground-test.txt")
    session.run("python", "-m", "bench.live")
