"""``python -m tools.workflows URL`` writes the example workflows for ComfyUI, by the nodes of one that runs at URL.

Each is written twice: as ComfyUI's page saves it (``example_workflows/``, which its template browser lists), and in API
form, which the live suite runs (``tests/live_comfyui/workflows/``).
"""

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE, API = ROOT / "example_workflows", ROOT / "tests" / "live_comfyui" / "workflows"
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
SEEDS = ("seed", "noise_seed")  # the page puts a second widget behind them: what becomes of them after a run
WIDE, TITLE, SLOT, WIDGET, GAP = 340, 40, 20, 24, 50
TALL = {
    "CLIPTextEncode": 90,
    "PreviewAny": 200,
    "LoadImage": 220,
    "SaveImage": 280,
    "Canny": 180,
}  # beside slots and widgets

SD15, SDXL = "v1-5-pruned-emaonly.safetensors", "sd_xl_base_1.0.safetensors"
ONE_STEP = "Hyper-SDXL-1step-Unet-Comfyui.fp16.safetensors"
CAT = "a photo of a cat in a garden"


class Workflow(dict):
    """Nodes in API form by their numbers, each with its place on the page: a column, and a row within it."""

    def __init__(self):
        super().__init__()
        self.places: dict[str, tuple[int, float]] = {}

    def add(self, column: int, row: float, kind: str, **inputs) -> str:
        number = str(len(self) + 1)
        self[number] = {
            "class_type": kind,
            "inputs": {name: list(value) if isinstance(value, tuple) else value for name, value in inputs.items()},
        }
        self.places[number] = (column, row)
        return number

    def checkpoint(self, name: str) -> tuple[tuple, tuple, tuple]:
        loader = self.add(0, 0, "CheckpointLoaderSimple", ckpt_name=name)
        return (loader, 0), (loader, 1), (loader, 2)

    def prompts(self, clip: tuple, negative: str = "") -> tuple[tuple, tuple]:
        positive = self.add(1, 10, "CLIPTextEncode", text=CAT, clip=clip)
        other = self.add(1, 16, "CLIPTextEncode", text=negative, clip=clip)
        for number, title in (positive, "Prompt"), (other, "Negative prompt"):
            self[number]["_meta"] = {"title": title}
        return (positive, 0), (other, 0)

    def hyper_sd(self, model: tuple, row: float = 0, column: int = 1, **inputs) -> str:
        fixed = dict.fromkeys(("variant", "steps", "weight", "cfg", "eta", "file"), "Recommended")
        rest = {"denoise": 1.0, "schedule": "Recommended"}
        node = self.add(column, row, "HyperSD", model=model, **{**fixed, **rest, **inputs})
        self.add(2, 14 + row / 2, "PreviewAny", source=(node, 6))
        return node

    def sample(self, node: str, positive: tuple, negative: tuple, latent: tuple, column: int = 2) -> tuple:
        return self.add(
            column, 0, "SamplerCustom", model=(node, 0), add_noise=True, noise_seed=1, cfg=(node, 4), positive=positive,
            negative=negative, sampler=(node, 2), sigmas=(node, 3), latent_image=latent,
        ), 0  # fmt: skip

    def save(self, latent: tuple, vae: tuple, column: int = 3) -> None:
        decoded = self.add(column, 0, "VAEDecode", samples=latent, vae=vae)
        self.add(column, 3, "SaveImage", images=(decoded, 0), filename_prefix="Hyper-SD")

    def empty(self, side: int, kind: str = "EmptyLatentImage") -> tuple:
        return self.add(0, 5, kind, width=side, height=side, batch_size=1), 0


def from_noise(checkpoint: str, side: int, negative: str = "", **inputs) -> Workflow:
    graph = Workflow()
    model, clip, vae = graph.checkpoint(checkpoint)
    latent, node, prompts = graph.empty(side), graph.hyper_sd(model, **inputs), graph.prompts(clip, negative)
    graph.save(graph.sample(node, *prompts, latent), vae)
    return graph


def n_steps() -> Workflow:
    return from_noise(SDXL, 1024, variant="Made for one step count", steps="4")


def unified() -> Workflow:
    return from_noise(SDXL, 1024, variant="1–8 steps in one (TCD)", steps="4", eta="0.3")


def one_step_unet() -> Workflow:
    return from_noise(ONE_STEP, 1024)


def cfg_preserved() -> Workflow:
    return from_noise(SD15, 512, "blurry, drawing", variant="CFG-preserved: the negative prompt works")


def image_to_image() -> Workflow:
    graph = Workflow()
    model, clip, vae = graph.checkpoint(SD15)
    image = graph.add(0, 5, "LoadImage", image="example.png")
    latent = graph.add(0, 15, "VAEEncode", pixels=(image, 0), vae=vae), 0
    node, prompts = graph.hyper_sd(model, steps="4", denoise=0.6), graph.prompts(clip)
    graph.save(graph.sample(node, *prompts, latent), vae)
    return graph


def flux() -> Workflow:
    graph = Workflow()
    model = graph.add(0, 0, "UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"), 0
    clip = graph.add(
        0, 10, "DualCLIPLoader", clip_name1="clip_l.safetensors", clip_name2="t5xxl_fp16.safetensors", type="flux",
        device="default",
    ), 0  # fmt: skip
    vae = graph.add(0, 16, "VAELoader", vae_name="ae.safetensors"), 0
    latent = graph.empty(1024, "EmptySD3LatentImage")
    node = graph.hyper_sd(model, steps="8", schedule="By image size", latent=latent)
    text = graph.add(1, 11, "CLIPTextEncode", text=CAT, clip=clip), 0
    guided = graph.add(1, 17, "FluxGuidance", conditioning=text, guidance=(node, 5)), 0
    graph.save(graph.sample(node, guided, guided, latent), vae)
    return graph


def two_passes() -> Workflow:
    graph = Workflow()
    model, clip, vae = graph.checkpoint(SD15)
    latent, prompts = graph.empty(512), graph.prompts(clip)
    first = graph.hyper_sd(model, steps="4")
    small = graph.sample(first, *prompts, latent)
    large = graph.add(2, 9, "LatentUpscaleBy", samples=small, upscale_method="nearest-exact", scale_by=1.5), 0
    second = graph.hyper_sd(model, 21, steps="4", denoise=0.55)
    graph.save(graph.sample(second, *prompts, large, column=3), vae, column=4)
    return graph


def control_net() -> Workflow:
    graph = Workflow()
    model, clip, vae = graph.checkpoint(SD15)
    latent, prompts, node = graph.empty(512), graph.prompts(clip), graph.hyper_sd(model, steps="4")
    net = graph.add(0, 10, "ControlNetLoader", control_net_name="control_v11p_sd15_canny.safetensors"), 0
    image = graph.add(0, 13, "LoadImage", image="example.png"), 0
    edges = graph.add(0, 23, "Canny", image=image, low_threshold=0.4, high_threshold=0.8), 0
    held = graph.add(
        2, 9, "ControlNetApplyAdvanced", positive=prompts[0], negative=prompts[1], control_net=net, image=edges,
        strength=0.5, start_percent=0.0, end_percent=1.0,
    )  # fmt: skip
    graph.save(graph.sample(node, (held, 0), (held, 1), latent), vae)
    return graph


WORKFLOWS: dict[str, Callable[[], Workflow]] = {
    "Hyper-SD, a LoRA for one number of steps": n_steps,
    "Hyper-SD, the unified LoRA with TCD": unified,
    "Hyper-SD, the one-step SDXL UNet": one_step_unet,
    "Hyper-SD, guidance and a negative prompt": cfg_preserved,
    "Hyper-SD, image to image": image_to_image,
    "Hyper-SD, FLUX": flux,
    "Hyper-SD, two passes": two_passes,
    "Hyper-SD, ControlNet": control_net,
}


def on_page(graph: Workflow, nodes: dict) -> dict:
    """A workflow as the page saves it; ``nodes`` is what ``/object_info`` says of each kind of node."""
    links: list[list] = []
    placed = {number: node_on_page(number, graph, nodes[node["class_type"]]) for number, node in graph.items()}
    bottom: dict[int, float] = {}
    for number in sorted(graph, key=lambda number: graph.places[number]):
        node, column = placed[number], graph.places[number][0]
        node["pos"] = [column * (WIDE + 60), bottom.get(column, 0)]
        bottom[column] = bottom.get(column, 0) + node["size"][1] + GAP
    for number, node in graph.items():
        for slot, entry in enumerate(placed[number]["inputs"]):
            value = node["inputs"].get(entry["name"])
            if isinstance(value, list):
                source, output = value
                entry["link"] = len(links) + 1
                links.append([entry["link"], int(source), output, int(number), slot, entry["type"]])
                placed[source]["outputs"][output]["links"].append(entry["link"])
    return {
        "last_node_id": len(graph), "last_link_id": len(links), "nodes": list(placed.values()), "links": links,
        "groups": [], "config": {}, "extra": {}, "version": 0.4,
    }  # fmt: skip


def node_on_page(number: str, graph: Workflow, info: dict) -> dict:
    """One node without its place; the page puts what it shows below slots and widgets."""
    given = graph[number]["inputs"]
    inputs, values = [], []
    for part in ("required", "optional"):
        for name in info["input_order"].get(part, []):
            kind, *options = info["input"][part][name]
            is_widget = isinstance(kind, list) or kind in WIDGETS
            kind = "COMBO" if isinstance(kind, list) else kind
            is_linked = isinstance(given.get(name), list)
            if not is_widget or is_linked:
                inputs.append(
                    {"name": name, "type": kind, "link": None} | ({"widget": {"name": name}} if is_widget else {})
                )
            if is_widget:
                default = (options[0] if options else {}).get("default")
                values.append(default if is_linked else given.get(name, default))
                values += ["fixed"] if name in SEEDS else []
                values += ["image"] if (options[0] if options else {}).get("image_upload") else []
    outputs = [
        {"name": name, "type": kind, "links": []}
        for name, kind in zip(info["output_name"], info["output"], strict=True)
    ]
    slots = max(sum("widget" not in entry for entry in inputs), len(outputs))
    height = TITLE + SLOT * slots + WIDGET * len(values) + TALL.get(info["name"], 0)
    return {
        "id": int(number), "type": info["name"], "pos": [0, 0], "size": [WIDE, height], "flags": {},
        "order": int(number) - 1, "mode": 0, "inputs": inputs, "outputs": outputs,
        "properties": {"Node name for S&R": info["name"]}, "widgets_values": values,
    } | graph[number].get("_meta", {})  # fmt: skip


def main(url: str) -> None:
    with urllib.request.urlopen(f"{url}/object_info") as answer:
        nodes = json.load(answer)
    for name, build in WORKFLOWS.items():
        graph = build()
        for folder, form in ((PAGE, on_page(graph, nodes)), (API, graph)):
            text = json.dumps(form, ensure_ascii=False, indent=1)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
