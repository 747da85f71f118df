"""What a workflow says of the model that reaches a node: a MODEL knows neither its file nor its LoRAs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Origin", "origin_of"]

CHECKPOINT = ("ckpt_name", "unet_name", "model_name")
LORA = "lora_name"


@dataclass(frozen=True)
class Origin:
    """The file that a model was loaded from, as a node upstream names it (None where none does), and the LoRAs that
    nodes on the way have put on it."""

    checkpoint: str | None = None
    loras: tuple[str, ...] = ()


def origin_of(graph: Mapping[str, Any], node: str) -> Origin:
    """Where the model comes from that this node of a workflow, in API form, takes as its input ``model``."""
    loras = []
    for inputs in upstream(graph, node):
        lora = inputs.get(LORA)
        if isinstance(lora, str) and inputs.get("strength_model") != 0:
            loras.append(lora)
        for name in CHECKPOINT:
            if isinstance(inputs.get(name), str):
                return Origin(inputs[name], tuple(loras))
    return Origin(None, tuple(loras))


def upstream(graph: Mapping[str, Any], node: str) -> Iterator[Mapping[str, Any]]:
    """The inputs of the nodes that a model comes through, the nearest first."""
    passed = {node}
    links = [inputs_of(graph, node).get("model")]
    while links:
        link = links.pop(0)
        if not (isinstance(link, list) and len(link) == 2) or str(link[0]) in passed:
            continue
        passed.add(str(link[0]))
        inputs = inputs_of(graph, str(link[0]))
        yield inputs
        # Of a node that takes a model, only that way leads to its file.
        links += [inputs["model"]] if isinstance(inputs.get("model"), list) else list(inputs.values())


def inputs_of(graph: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    inputs = (graph.get(node) or {}).get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}
