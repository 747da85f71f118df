"""Every check of the project, on every Python that it supports. ``python3 dev.py`` picks the Python it runs on."""

import os

import nox

PYTHONS = ["3.10", "3.11", "3.12"]
nox.options.sessions = ["lint", "tests", "playground"]
nox.options.reuse_existing_virtualenvs = True


def install(session, *names):
    """What these files require."""
    session.install("--quiet", *(part for name in names for part in ("-r", f"requirements/{name}.txt")))


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
    """The same proofs on real hosts: ``-- --webui DIR [--python PYTHON] [--webui …]``, and arguments of pytest."""
    install(session, "test")
    session.run("python", "-m", "tests.live", *session.posargs, env={"PYTHONPATH": os.getcwd()})


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
