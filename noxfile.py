"""Every check of the project, on every Python that it supports. ``python3 dev.py`` picks the Python it runs on."""

import os

import nox

PYTHONS = ["3.10", "3.11", "3.12"]
nox.options.sessions = ["lint", "tests"]
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
        "pytest", "--ignore=tests/live", "--cov=lib_hypersd", "--cov-report=term-missing:skip-covered", *session.posargs
    )


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
