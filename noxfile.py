"""Every check of the project, on every Python that it supports. ``python3 dev.py`` picks the Python it runs on."""

import os
import shutil
import sys

import nox

PYTHONS = ["3.10", "3.11", "3.12"]
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
nox.options.sessions = ["lint", "tests", "playground"]
nox.options.reuse_existing_virtualenvs = True


def install(session, *names):
    """What these files require. On Linux torch brings gigabytes of CUDA along, unless its build for CPUs is named."""
    files = [f"requirements/{name}.txt" for name in names]
    if sys.platform == "linux" and not shutil.which("nvidia-smi"):
        session.install("--quiet", "--no-deps", "-c", files[0], "--extra-index-url", CPU_WHEELS, "torch")
    session.install("--quiet", *(part for file in files for part in ("-r", file)))


@nox.session(python=PYTHONS)
def lint(session):
    """Style and form of all Python files."""
    session.install("--quiet", "-r", "requirements/lint.txt")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHONS)
def tests(session):
    """All tests but those that need a host; arguments go to pytest."""
    install(session, "test")
    session.run(
        "pytest",
        "--ignore=tests/live",
        "--ignore=tests/playground",
        "--cov=lib_hypersd",
        "--cov-report=term-missing:skip-covered",
        *session.posargs,
    )


@nox.session(python=PYTHONS)
def playground(session):
    """The tests of the playground, on the gradio of today; arguments go to pytest."""
    install(session, "playground", "playground-test")
    session.run("pytest", "tests/playground", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def demo(session):
    """Two pictures to compare and the playground's page; arguments as of ``python -m lib_hypersd demo``."""
    install(session, "playground")
    session.run("python", "-m", "lib_hypersd", "demo", *session.posargs)


@nox.session(python=PYTHONS)
def live(session):
    """The same proofs on a real host: ``-- --webui DIR [--python PYTHON]``, and arguments of pytest."""
    install(session, "test")
    session.run("pytest", "tests/live", "-p", "no:cacheprovider", *session.posargs)


@nox.session(python=PYTHONS)
def bench(session):
    """Measurements, as ratios within one run; ``-- --webui DIR`` adds those of a host."""
    install(session, "test")
    session.run("python", "-m", "bench", *session.posargs, env={"PYTHONPATH": os.getcwd()})


@nox.session(python=PYTHONS, default=False)
def latency(session):
    """How fast the playground's live mode is."""
    install(session, "playground", "playground-test")
    session.run("python", "-m", "bench.live")
