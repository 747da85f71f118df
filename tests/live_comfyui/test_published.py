"""Workflow files that name the nodes of the model card open in the page and run, though no other pack is there.

Those in ``card/`` have the nodes and recipes that the card names; ``--workflows FOLDER`` adds files that others have
published, as JSON or in a PNG.
"""

import json
from pathlib import Path, PureWindowsPath

from PIL import Image

from tests.browser import requires_browser
from tests.live_comfyui.page import load, open_workflow

CARD = Path(__file__).with_name("card")
OURS = {"TCDModelSamplingDiscrete", "HyperSDXL1StepUnetScheduler"}


def pytest_generate_tests(metafunc):
    folders = [CARD, *filter(None, [metafunc.config.getoption("--workflows")])]
    files = sorted(file for folder in folders for file in folder.iterdir() if file.suffix in (".json", ".png"))
    metafunc.parametrize("file", files, ids=lambda file: file.name)


@requires_browser
def test_it_opens_and_runs(page, workflow_host, file):
    workflow = read(file)
    provide(workflow_host, workflow)
    load(page, workflow_host.url)  # anew, so that it lists the models
    graph = open_workflow(page, workflow)
    assert page.evaluate("app.graph.nodes.filter(node => node.has_errors).map(node => node.type)") == []
    assert OURS & {node["class_type"] for node in graph.values()}
    for node in graph.values():
        if node["class_type"] == "EmptyLatentImage":
            node["inputs"] |= {"width": 64, "height": 64}
    outputs = workflow_host.run(graph, 900).outputs
    workflow_host.free()
    assert any("images" in shown for shown in outputs.values())


def read(file: Path) -> dict:
    """A workflow as the page saves it."""
    return json.loads(Image.open(file).info["workflow"] if file.suffix == ".png" else file.read_text(encoding="utf-8"))


def provide(host, workflow: dict) -> None:
    """Put a small checkpoint, and a LoRA for it, in the place of every file that a workflow names."""
    named = {node["type"]: node["widgets_values"][0] for node in workflow["nodes"] if node.get("widgets_values")}
    checkpoint = "small_sdxl" if "xl" in named["CheckpointLoaderSimple"].lower() else "small_sd15"
    for node in workflow["nodes"]:
        name = node["widgets_values"][0] if node.get("widgets_values") else ""
        if node["type"] == "CheckpointLoaderSimple":
            host.link(f"Stable-diffusion/{checkpoint}.safetensors", f"checkpoints/{name}")
        elif node["type"].startswith("LoraLoader"):
            host.write_lora(PureWindowsPath(name).with_suffix("").as_posix(), checkpoint)
