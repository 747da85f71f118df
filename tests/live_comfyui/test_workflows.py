"""The example workflows run as they are, on small models under the names that they give, and open in the page."""

import json

import pytest

from tests.browser import requires_browser
from tests.live_comfyui.page import OF_THE_HOST, open_workflow
from tools.workflows import API, PAGE, WORKFLOWS

NAMES = sorted(WORKFLOWS)
SMALL = {"width": 64, "height": 64}
# Of each the family, and how the plan's sentence begins.
PLANS = {
    "Hyper-SD, FLUX": (
        "flux", "8 steps with Hyper-FLUX.1-dev-8steps-lora at weight 0.125: Euler on the schedule By image size",
    ),
    "Hyper-SD, ControlNet": (
        "sd15", "4 steps with Hyper-SD15-4steps-lora at weight 1: DDIM-Trailing on the schedule Trailing",
    ),
    "Hyper-SD, a LoRA for one number of steps": (
        "sdxl", "4 steps with Hyper-SDXL-4steps-lora at weight 0.75: DDIM-Trailing",
    ),
    "Hyper-SD, guidance and a negative prompt": (
        "sd15", "8 steps with Hyper-SD15-8steps-CFG-lora at weight 1: DDIM-Trailing",
    ),
    "Hyper-SD, image to image": ("sd15", "4 steps with Hyper-SD15-4steps-lora at weight 1: DDIM-Trailing"),
    "Hyper-SD, the one-step SDXL UNet": ("sdxl", "1 step with no LoRA: DDIM-Trailing on the schedule Start at 800"),
    "Hyper-SD, the unified LoRA with TCD": (
        "sdxl", "4 steps with Hyper-SDXL-1step-lora at weight 0.75: TCD on the schedule TCD, eta 0.3",
    ),
    "Hyper-SD, two passes": ("sd15", "4 steps with Hyper-SD15-4steps-lora at weight 1: DDIM-Trailing"),
}  # fmt: skip
BY_FAMILY = pytest.mark.parametrize(("name", "family"), [(name, PLANS[name][0]) for name in NAMES])


@BY_FAMILY
def test_it_makes_a_picture_by_the_plan(workflow_host, name, family):
    graph = json.loads((API / f"{name}.json").read_text(encoding="utf-8"))
    for number, node in list(graph.items()):
        if node["class_type"].startswith("Empty"):
            node["inputs"] |= SMALL
        if node["class_type"] == "DualCLIPLoader":  # ComfyUI makes T5 in its true size whatever the file has: 9 GB
            del graph[number]
        if node["class_type"] == "CLIPTextEncode" and node["inputs"]["clip"][0] not in graph:
            graph[number] = {"class_type": "ProbePrompt", "inputs": {"seed": 1, "width": 4096, "pooled": 768}}
    outputs = workflow_host.run(graph, 600).outputs
    workflow_host.free()  # one family in memory at a time
    sentences = [shown["text"][0] for shown in outputs.values() if "text" in shown]
    assert sentences[0].startswith(PLANS[name][1])
    (pictures,) = (shown["images"] for shown in outputs.values() if "images" in shown)
    assert len(pictures) == 1


@requires_browser
@BY_FAMILY
def test_it_opens_in_the_page_as_it_runs(page, name, family, pictures):
    """What the page would queue is the API form to the last value."""
    queued = open_workflow(page, json.loads((PAGE / f"{name}.json").read_text(encoding="utf-8")))
    graph = json.loads((API / f"{name}.json").read_text(encoding="utf-8"))
    assert {number: node["class_type"] for number, node in queued.items()} == {
        number: node["class_type"] for number, node in graph.items()
    }
    for number, node in graph.items():
        assert {name: queued[number]["inputs"].get(name) for name in node["inputs"]} == node["inputs"]
    page.evaluate("() => app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(2500)
    page.screenshot(
        path=pictures / f"{name}.jpg", type="jpeg", quality=50, clip={"x": 70, "y": 80, "width": 2000, "height": 1220}
    )


@requires_browser
def test_the_template_browser_lists_them(workflow_host):
    assert sorted(workflow_host.get("/api/workflow_templates")["sd-webui-hypersd"]) == NAMES


@requires_browser
def test_the_pages_scripts_fail_in_nothing_of_ours(page, page_errors):
    assert set(page_errors) <= OF_THE_HOST
