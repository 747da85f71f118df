"""The documents say what the program does: recipes, examples of the API, and every sentence of the panel."""

import base64
import contextlib
import json
import re
import threading
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from lib_hypersd.cli.main import main
from lib_hypersd.panel import HELP
from lib_hypersd.recipes.catalog import LOOKALIKES, load_catalog
from lib_hypersd.recipes.settings import Settings
from tests.double import Host
from tests.examples import run
from tests.sentences import sentences
from tests.server import Answer, Hub, wait_until
from tests.webui.common import LORAS
from tools import recipes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")


def test_the_recipes_are_the_catalogs():
    written = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert written == recipes.document(), "run python -m tools.recipes"


def test_the_example_of_a_users_own_recipe_is_understood(tmp_path):
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "recipes.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "hypersd-recipes.json").write_text(example, encoding="utf-8")
    catalog = load_catalog(tmp_path / "hypersd-recipes.json")
    weights = [r.weight for r in catalog.recipes if r.id == "hyper-sdxl-8steps"]
    assert weights == [0.9] and not catalog.problems


# Examples.


@contextlib.contextmanager
def served(app):
    """A real server on 127.0.0.1; its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("kind", ["a1111", "forge", "classic"])
def test_the_examples_of_the_api_run(tmp_path, monkeypatch, kind):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    host, folder = Host(tmp_path / "host", kind), tmp_path / "reader"
    folder.mkdir()
    host.install_loras(*LORAS)
    with host.as_modules(), Hub(otherwise=Answer(404)) as hub:
        host.shared.opts.data["hypersd_mirror"] = hub.address
        with served(host.app(host.load_script())) as address:
            kinds = run(DOCS / "api.md", address, folder)
    assert kinds == [
        "json request.json", "sh", "python", "sh", "json answer", "sh", "json checkpoint.json", "sh", "json answer",
        "sh",
        "json download.json", "sh", "json answer", "sh",
    ]  # fmt: skip
    assert [request.path for request in hub.requests] == [
        "/ByteDance/Hyper-SD/resolve/main/Hyper-SDXL-8steps-lora.safetensors"
    ], "the file is asked for at the mirror, and nowhere else"
    answer = json.loads((folder / "answer.json").read_text())
    assert json.loads(answer["info"])["extra_generation_params"]["Hyper-SD"] == "hyper-sd15-4steps"
    cat = base64.b64decode(answer["images"][0])
    assert (folder / "cat.png").read_bytes() == cat, "the request in JSON and the one in Python are the same"
    assert Image.open(folder / "painting.png").size == Image.open(folder / "cat.png").size


def test_an_example_that_goes_wrong_is_not_passed_over(tmp_path):
    document = tmp_path / "document.md"
    for text in ("```yaml\na: 1\n```\n", "```json\n{}\n```\n", "```python\nraise SystemExit(1)\n```\n"):
        document.write_text(text)
        with pytest.raises(Exception, match=r"not run|exit status 1"):
            run(document, "http://127.0.0.1:1", tmp_path)


def test_every_key_and_every_route_is_named():
    named = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", API, re.M)
    assert {name for cell in named for name in re.findall(r"`(\w+)`", cell)} == set(Settings._fields)
    source = (ROOT / "lib_hypersd" / "webui" / "api.py").read_text(encoding="utf-8")
    routes = [" ".join(route) for route in re.findall(r'^    \("(\w+)", "(/hypersd/[^"]+)"', source, re.M)]
    assert re.findall(r"^\| `(\w+ /hypersd/[^`]+)` \|", API, re.M) == routes and len(routes) > 3


def test_the_example_of_the_command_line_runs(capsys):
    command = re.search(r"`python -m lib_hypersd (plan .*?)`", API).group(1)
    assert main(command.split()) == 0 and json.loads(capsys.readouterr().out)["steps"] == 8


# Sentences.

PACKAGES = ("recipes", "files", "download", "plan", "explain", "panel", "live", "webui")
NODES = {"nodes.py", "card.py"}  # what is said there explains their inputs
SPEAKERS = [
    *(path for name in PACKAGES for path in sorted((ROOT / "lib_hypersd" / name).glob("*.py"))),
    *(path for path in sorted((ROOT / "lib_hypersd" / "comfyui").glob("*.py")) if path.name not in NODES),
    ROOT / "install.py",
]
# What is said where all is well: the plan's own sentence, a download's progress, and the fields' explanations.
NO_TROUBLE = {
    "with …: ….", "Few-step models that are merged into it. What you choose is remembered for this checkpoint.", "Installed for …: ….", "It is published at huggingface.co/….",
    "is already in the checkpoint, by ….", "The checkpoint is …, which makes few steps by itself.", "The checkpoint itself was made for this and starts at timestep 800.",
    "keeps guidance working, so the negative prompt counts.", "was made for exactly ….",
    "is being cancelled.", "is being checked.", "Kept as ….",
    "Nothing that it says differs from what that was made for.", "Read from …: … with ….", ": … → ….",
    "Read from …: …, with no few-step LoRA and no checkpoint that is known as one.",
}  # fmt: skip


def spoken():
    return {sentence for path in SPEAKERS for sentence in sentences(path)}


def list_sentences():
    """All that tells of some trouble; what a checkpoint resembles is put into its sentence."""
    reasons = {re.sub(r"^.*(?=, for which no)", "…", what) for what in LOOKALIKES.values()}
    return (spoken() | {f"is {what}." for what in reasons}) - NO_TROUBLE - set(HELP.values())


def explained():
    """The sentences in the first columns of the tables."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", TROUBLESHOOTING, re.M)
    cells = [cell.replace("\\<", "<") for cell in rows if cell != "It says"]
    return [sentence.strip(" …") for cell in cells for sentence in cell.split("<br>")]


def test_every_sentence_of_trouble_is_explained():
    assert list_sentences() - set(explained()) == set()


def test_nothing_is_explained_that_is_never_said():
    assert set(explained()) - list_sentences() == set()


def test_what_is_no_trouble_is_still_said():
    assert not NO_TROUBLE - spoken()


# Links.


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md")))])
def test_links_and_rooms_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / document).parent / target).exists(), target
    for room in re.findall(r"`((?:lib_hypersd|scripts|tests|tools|javascript|bench|localizations)/[\w./]*)`", text):
        assert (ROOT / room).exists(), room
