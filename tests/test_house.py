"""The rules of the house: who may import what, and what the extension may weigh."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "lib_hypersd").rglob("*.py"))
BESIDE = sorted(path for folder in ("tests", "tools", "bench", "examples") for path in (ROOT / folder).rglob("*.py"))
# The packages, each of which may import those before it, and of its own whatever makes no cycle.
ORDER = (
    "lib_hypersd",
    "sampling",
    "recipes",
    "files",
    "download",
    "plan",
    "explain",
    "panel",
    "live",
    "playground",
    "distil",
    "cli",
)
PURE = [p for p in LIBRARY if p.parent.name in ORDER[: ORDER.index("live") + 1]]
# What a WebUI never imports, and what it needs is installed for.
APART = [p for p in LIBRARY if p.parent.name in ("playground", "distil")]
SHIPPED = sorted(
    {*LIBRARY, *(ROOT / "scripts").glob("*.py"), ROOT / "install.py"}
    - {*APART, ROOT / "lib_hypersd" / "cli" / "playground.py"}
)
FACES = {"webui", "comfyui"}  # above plan, beside the panel
# Everything that a WebUI ships and an extension may import without installing anything.
ALLOWED = {
    "torch",
    "numpy",
    "PIL",
    "tqdm",
    "gradio",
    "modules",
    "modules_forge",
    "k_diffusion",
    "requests",
    "urllib3",
    "fastapi",
    "lib_hypersd",
}

COMFYUI_HOST = ROOT / "lib_hypersd" / "comfyui" / "host.py"
COMFYUI = {"comfy", "folder_paths", "nodes"}


def imports(path):
    """The top-level names of all that a file imports, in functions too; relative imports are its own package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", PURE, ids=lambda p: p.name)
def test_the_library_is_pure(path):
    assert not {"modules", "gradio", "k_diffusion", "networks"} & set(imports(path))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_imported_that_a_host_does_not_ship(path):
    allowed = {"torch", *COMFYUI} if path == COMFYUI_HOST else ALLOWED
    assert set(imports(path)) - set(sys.stdlib_module_names) <= allowed


def test_the_root_does_nothing_outside_comfyui():
    code = "import sys; before = set(sys.modules); import __init__; print(*set(sys.modules) - before); print(dir(__init__))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, names = done.stdout.splitlines()
    assert loaded == "__init__" and "NODE_CLASS_MAPPINGS" not in names


def modules_imported(path):
    """The library's own modules that a file imports, at its top or in a function, as paths."""
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] == "lib_hypersd"):
            base = ROOT.joinpath(
                *package[: len(package) - node.level + 1] if node.level else (), *(node.module or "").split(".")
            )
            for name in node.names:
                places = (
                    base / f"{name.name}.py",
                    base / name.name / "__init__.py",
                    base.with_suffix(".py"),
                    base / "__init__.py",
                )
                yield next(place for place in places if place.exists())


def packages_behind(path):
    """The packages that a file must not import: those behind its own, and the other faces."""
    name = path.parent.name
    if name == "webui":
        return {"comfyui", "playground", "distil", "cli"}
    if name == "comfyui":
        return {"webui", *ORDER[ORDER.index("plan") + 1 :]}
    return {*FACES, *ORDER[ORDER.index(name) + 1 :]}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    imported = {module.parent.name for module in modules_imported(path)}
    assert not imported & packages_behind(path) or path.name == "__main__.py"


def test_no_module_imports_itself_by_way_of_others():
    graph = {path: set(modules_imported(path)) - {path} for path in LIBRARY}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_the_command_line_needs_nothing_heavy():
    code = "import sys, lib_hypersd.cli.main; print(*{'torch', 'numpy', 'tqdm', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_extension_needs_no_tools(path):
    assert "tools" not in set(imports(path))


def test_importing_the_library_loads_nothing_heavy():
    parts = (p.relative_to(ROOT).with_suffix("").parts for p in PURE if p.stem not in ("__init__", "__main__"))
    names = ",".join(map(".".join, parts))
    heavy = "diffusers transformers pandas scipy gradio safetensors PIL huggingface_hub requests"
    code = f"import sys, {names}; print(*sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_script_is_a_list_of_hooks():
    assert len((ROOT / "scripts" / "hypersd.py").read_text().splitlines()) <= 60


def test_dev_py_is_a_launcher():
    assert len((ROOT / "dev.py").read_text().splitlines()) <= 80
    assert set(imports(ROOT / "dev.py")) <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("has", "too_old"),
    [((), False), (("modules",), True), (("modules", "modules/sd_schedulers.py"), False), (("modules", "modules_forge"), False)],
    ids=["no WebUI", "an old WebUI", "AUTOMATIC1111", "Forge Classic"],
)  # fmt: skip
def test_installing_installs_nothing_and_names_a_webui_that_is_too_old(tmp_path, has, too_old):
    for name in has:
        (tmp_path / name).touch() if name.endswith(".py") else (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, ROOT / "install.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "subprocess" not in set(imports(ROOT / "install.py")) and done.stderr == ""
    assert ("Update the WebUI" in done.stdout) == too_old


@pytest.mark.parametrize("path", LIBRARY + BESIDE, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_are_short(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.lineno >= 40] == []


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in LIBRARY} - {ROOT / "lib_hypersd"}), ids=lambda p: p.name
)
def test_each_package_says_what_it_is_for(package):
    assert 10 <= len((package / "README.md").read_text(encoding="utf-8").splitlines()) <= 24


# Words that say nothing of what they stand for.
EMPTY = {"told", "asked", "said", "made", "seen", "known", "look", "later", "still"}


@pytest.mark.parametrize("path", LIBRARY + BESIDE, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_are_the_fields_own(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith(
            "test_"
        ):  # those are sentences
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    assert {name for name in names if EMPTY & set(name.lower().split("_"))} <= {"made_for"}
