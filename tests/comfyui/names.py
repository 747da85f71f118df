"""Which names of ComfyUI's modules we use, read in the only file that imports them."""

import ast
import json
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HOST = ROOT / "lib_hypersd" / "comfyui" / "host.py"
RECORD = Path(__file__).with_name("contract.json")
MODULES = ("comfy", "folder_paths", "nodes")


def names_used() -> list[str]:
    """Dotted names, the longest of each chain: ``comfy.samplers.KSAMPLER``."""
    names = set()
    for node in ast.walk(ast.parse(HOST.read_text(encoding="utf-8"))):
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if chain and isinstance(node, ast.Name) and node.id in MODULES:
            names.add(".".join([node.id, *chain]).removesuffix(".append"))
    parents = {name for name in names if any(other.startswith(f"{name}.") for other in names)}
    return sorted(name for name in names - parents)


def recorded() -> dict:
    return json.loads(RECORD.read_text(encoding="utf-8"))
