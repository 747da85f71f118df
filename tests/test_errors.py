"""One base class of errors: whatever the library refuses can be caught as one, and told apart."""

import ast
import builtins
from pathlib import Path

from lib_hypersd.download.source import Failed
from lib_hypersd.download.transfer import DiskFull
from lib_hypersd.errors import HyperSDError
from lib_hypersd.playground.errors import RefusedJob, UnreadableImage

LIBRARY = Path(__file__).parent.parent / "lib_hypersd"


def bases_by_class():
    """The base classes of every class in the library, by its name; no class is imported."""
    found = {}
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).extend(ast.unparse(base).rpartition(".")[2] for base in node.bases)
    return found


def is_exception(name, bases):
    kind = getattr(builtins, name, None)
    builtin = isinstance(kind, type) and issubclass(kind, BaseException)
    return builtin or any(is_exception(base, bases) for base in bases.get(name, ()))


def derives(name, bases):
    return name == "HyperSDError" or any(derives(base, bases) for base in bases.get(name, ()))


def test_every_exception_of_the_library_derives_from_its_base():
    bases = bases_by_class()
    exceptions = {name for name in bases if is_exception(name, bases)}
    assert {"Failed", "Interrupted", "Cancelled", "DiskFull", "Refusal", "UnreadableImage"} <= exceptions
    assert {name for name in exceptions if not derives(name, bases)} == set()


def test_different_faults_are_different_classes():
    kinds = (DiskFull, UnreadableImage, RefusedJob)
    assert all(issubclass(kind, HyperSDError) for kind in kinds)
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)
    assert issubclass(DiskFull, Failed)
