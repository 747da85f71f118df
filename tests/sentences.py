"""What the extension can say, read from its source: every text with … for what is put in."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("recipes", "files", "download", "plan", "explain", "panel", "live", "webui")
FIELD = re.compile(r"\{[a-z]\w*(?:![rs])?(?::[^{}]*)?\}")  # of a template


def texts(path: Path) -> set[str]:
    """All texts of a Python file but its docstrings; values that are put into one are … there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    within = set()  # docstrings, and the parts of a text that is put together
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            within.add(node.value)
        if isinstance(node, ast.JoinedStr):
            within.update(child for child in ast.walk(node) if child is not node)
    found = set()
    for node in ast.walk(tree):
        if node in within:
            continue
        if isinstance(node, ast.JoinedStr):
            found.add("".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def cores(found: set[str]) -> set[str]:
    """Those of the texts that are sentences, without what is put in before and after them."""
    filled = {FIELD.sub("…", text).replace("{{", "{").replace("}}", "}") for text in found}
    inner = {re.sub("…+", "…", text).strip(" …") for text in filled}
    return {core for core in inner if core.endswith(".") and core.count(" ") > 1}


def sentences(path: Path) -> set[str]:
    """The sentences in a Python file; of two that differ by a number, the one for many."""
    return cores(texts(path) - set(singulars(path).values()))


def calls(path: Path) -> Iterator[ast.Call]:
    """The calls of ``fill`` in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fill":
            yield node


def constants(nodes: list[ast.expr]) -> set[str]:
    return {
        child.value
        for node in nodes
        for child in ast.walk(node)
        if isinstance(child, ast.Constant) and isinstance(child.value, str)
    }


def singulars(path: Path) -> dict[str, str]:
    """The English singulars in a file, by their templates."""
    pairs = [(*call.args, *(word.value for word in call.keywords if word.arg == "one")) for call in calls(path)]
    return {pair[0].value: pair[1].value for pair in pairs if len(pair) > 1}


def templates(path: Path) -> set[str]:
    """The templates in a file: what stands first in a call of ``fill``, and what has a field and words beside it."""
    filled = {text for call in calls(path) for text in constants(call.args[:1])}
    fillable = {text for text in texts(path) if FIELD.search(text) and " " in text and "<" not in text}
    return filled | fillable - set(singulars(path).values())


def speakers() -> list[Path]:
    """The files whose sentences the panel, the live page or an image's comments show."""
    library = ROOT / "lib_hypersd"
    inside = [path for name in PACKAGES for path in sorted((library / name).glob("*.py"))]
    return [library / "wording.py", library / "architecture_table.py", *inside]


@cache
def all_templates() -> frozenset[str]:
    return frozenset(template for path in speakers() for template in templates(path))
