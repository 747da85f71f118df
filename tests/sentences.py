"""What the extension can say, read from its source: every text with … for what is put in."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


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


def sentences(path: Path) -> set[str]:
    """Those of the texts that are sentences, without what is put in before and after them."""
    cores = {re.sub("…+", "…", text).strip(" …") for text in texts(path)}
    return {core for core in cores if core.endswith(".") and core.count(" ") > 1}
