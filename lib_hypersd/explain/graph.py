"""The graph that ComfyUI writes into its images: the nodes that were run, or the workflow as it is drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ..wording import fill
from .names import name_comfyui
from .record import Record, Unreadable, find_number, find_text, find_whole, write_tag

__all__ = ["is_graph", "read_graph"]

MOST_NODES = 200  # between a sampler and its checkpoint
# Of a drawn workflow, what each widget of a node is called, in its order; "" for those that no record needs.
WIDGETS = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("", "seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "SamplerCustom": ("", "seed", "", "cfg"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "SDTurboScheduler": ("steps", "denoise"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPTextEncode": ("text",),
    "ModelSamplingFlux": ("max_shift", "base_shift", "width", "height"),
    "ModelSamplingSD3": ("shift",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "HyperSDTCDSampler": ("eta",),
    "HyperSDFewStepSchedule": ("schedule", "steps", "denoise"),
}
MODEL_INPUTS = ("model", "guider", "unet", "basic_pipe")
TEXT_INPUTS = ("positive", "conditioning", "guider", "clip_conditioning")
SAMPLERS = {
    "HyperSDTCDSampler": "TCD",
    "HyperSDDDIMTrailingSampler": "DDIM-Trailing",
    "TCDModelSamplingDiscrete": "TCD",
}
SCHEDULES = {"SDTurboScheduler": "SGM Uniform", "HyperSDXL1StepUnetScheduler": "Start at 800"}


@dataclass(frozen=True)
class Node:
    kind: str
    inputs: Mapping[str, Any]


def is_graph(content: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is a graph as it was run, by the numbers of its nodes, or a workflow with a list of them."""
    if not isinstance(content, dict):
        return False
    if isinstance(content.get("nodes"), list):
        return True
    nodes = [node for node in content.values() if isinstance(node, dict)]
    return bool(nodes) and all("class_type" in node for node in nodes)


def read_graph(content: Mapping[str, Any]) -> Record:
    """The record of the first sampler that is there.

    Raises:
        Unreadable: no node samples.
    """
    nodes = dict(read_workflow(content) if isinstance(content.get("nodes"), list) else read_run(content))
    sampler = next((node for node in nodes.values() if is_sampler(node)), None)
    if sampler is None:
        raise Unreadable(fill("No node of this graph is a sampler that is known."))
    walk = [sampler, *follow(sampler, nodes, MODEL_INPUTS)]
    around = [sampler, *follow(sampler, nodes, ("sampler", "sigmas", *MODEL_INPUTS, *TEXT_INPUTS, "latent_image"))]
    names = name_comfyui(find_text(find(around, "sampler_name")), find_text(find(around, "scheduler")))
    kinds = [node.kind for node in around]
    prompt = next((node.inputs["text"] for node in follow(sampler, nodes, TEXT_INPUTS) if "text" in node.inputs), "")
    return Record(
        source=fill("ComfyUI's graph"),
        prompt=(find_text(prompt) or "") + "".join(list_loras(walk)),
        checkpoint=str(find(walk, "ckpt_name") or find(walk, "unet_name") or ""),
        width=find_whole(find(around, "width")),
        height=find_whole(find(around, "height")),
        steps=find_whole(find(around, "steps")) or None,
        cfg=find_number(find(around, "cfg")),
        sampler=next((SAMPLERS[kind] for kind in kinds if kind in SAMPLERS), names[0]),
        schedule=next(
            (SCHEDULES[kind] for kind in kinds if kind in SCHEDULES), names[1] or find_text(find(around, "schedule"))
        ),
        eta=find_number(find(around, "eta")),
        distilled_cfg=find_number(find(around, "guidance")),
    )


def is_sampler(node: Node) -> bool:
    inputs = node.inputs
    return any(all(name in inputs for name in names) for names in (("steps", "cfg"), ("sampler", "sigmas")))


def read_run(content: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    for number, node in content.items():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict):
            yield number, Node(str(node.get("class_type")), inputs)


def read_workflow(content: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    """The nodes of a drawn workflow that are not switched off, with their widgets and links as a run has them."""
    links = {str(link[0]): link for link in items(content.get("links")) if isinstance(link, list) and len(link) > 2}
    for node in content["nodes"]:
        if not isinstance(node, dict) or node.get("mode") in (2, 4):  # never, and bypassed
            continue
        kind = str(node.get("type"))
        widgets = zip(WIDGETS.get(kind, ()), items(node.get("widgets_values")), strict=False)
        inputs = {name: value for name, value in widgets if name}
        for slot in items(node.get("inputs")):
            link = links.get(str(slot.get("link"))) if isinstance(slot, dict) else None
            if link:
                inputs[str(slot.get("name"))] = [str(link[1]), link[2]]
        yield str(node.get("id")), Node(kind, inputs)


def items(value: Any) -> list[Any]:
    """A list as it is; whatever else stands in its place is none."""
    return value if isinstance(value, list) else []


def follow(node: Node, nodes: Mapping[str, Node], names: tuple[str, ...]) -> list[Node]:
    """The nodes that inputs of these names lead to, the nearest first."""
    found: list[Node] = []
    waiting = [node]
    while waiting and len(found) < MOST_NODES:
        inputs = waiting.pop(0).inputs
        for name in names:
            link = inputs.get(name)
            other = nodes.get(str(link[0])) if isinstance(link, list) and link else None
            if other is not None and other not in found:
                found.append(other)
                waiting.append(other)
    return found


def find(nodes: list[Node], name: str) -> Any:
    """The first value of an input of this name; a link is none."""
    values = (node.inputs.get(name) for node in nodes)
    return next((value for value in values if value is not None and not isinstance(value, list)), None)


def list_loras(nodes: list[Node]) -> Iterator[str]:
    """A tag for each LoRA that is loaded on the way to the checkpoint."""
    for node in nodes:
        name = node.inputs.get("lora_name")
        if isinstance(name, str) and name != "None":
            yield " " + write_tag(name, find_number(node.inputs.get("strength_model")))
        for value in node.inputs.values():  # of nodes that load several
            if isinstance(value, dict) and value.get("on") and isinstance(value.get("lora"), str):
                yield " " + write_tag(value["lora"], find_number(value.get("strength")))
