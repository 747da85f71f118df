"""LoRAs in a network's weights instead of beside them; the weights as they were are kept and come back bit by bit."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.nn import Module, Parameter

from .placement import WORKSPACE, free_memory

__all__ = ["MergedLoras", "keep_precise"]


class Original(NamedTuple):
    """A layer with adapters, where it stood, and the parameters of the layer within it."""

    parent: Module
    name: str
    layer: BaseTunerLayer
    parameters: dict[str, Parameter]


class MergedLoras:
    """The adapters of a network that are in force, merged into its weights.

    A layer with adapters gives its place to the plain layer within, which gets new parameters. Its own are put aside;
    taking the LoRAs out puts them back, as nothing else could: what was added to a rounded number and taken off again
    leaves another one.
    """

    def __init__(self, network: Module):
        self.network = network
        self.originals: list[Original] = []

    def put_in(self) -> bool:
        """Merge what is in force; False, and all is as before, where memory is too short to keep the originals."""
        layers = {
            place: layer
            for place, layer in self.network.named_modules()
            if isinstance(layer, BaseTunerLayer) and serves(layer)
        }
        parameters = [parameter for layer in layers.values() for parameter in layer.get_base_layer().parameters()]
        # Layers that wait elsewhere have no weights yet, and 8 bits are too coarse to add to.
        if any(parameter.is_meta or parameter.dtype.itemsize == 1 for parameter in parameters):
            return False
        size = sum(parameter.nbytes for parameter in parameters)
        if size and size + WORKSPACE > free_memory(parameters[0].device):
            return False
        try:
            for place, layer in layers.items():
                self.merge(place, layer)
        except (torch.OutOfMemoryError, MemoryError):
            self.take_out()
            return False
        return True

    def merge(self, place: str, layer: BaseTunerLayer) -> None:
        parent, _, name = place.rpartition(".")
        base = layer.get_base_layer()
        original = Original(self.network.get_submodule(parent), name, layer, dict(base.named_parameters(recurse=False)))
        self.originals.append(original)
        for key, parameter in original.parameters.items():
            setattr(base, key, Parameter(parameter.detach().clone(), requires_grad=False))
        layer.merge()
        setattr(original.parent, name, base)

    def take_out(self) -> None:
        for parent, name, layer, parameters in self.originals:
            for key, parameter in parameters.items():
                setattr(layer.get_base_layer(), key, parameter)
            layer.merged_adapters.clear()
            setattr(parent, name, layer)
        self.originals.clear()


def serves(layer: BaseTunerLayer) -> bool:
    """Whether one of the adapters in force has a part in this layer."""
    return any(name in getattr(layer, kind) for name in layer.active_adapters for kind in layer.adapter_layer_names)


def keep_precise(network: Module, name: str, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype) -> None:
    """Give an adapter its own numbers back where peft has rounded them to the 8 bits of the weights that it is beside.

    Args:
        name: the adapter's.
        tensors: what it was loaded from, by diffusers' names.
        dtype: what the network computes in.
    """
    for place, layer in network.named_modules():
        if not isinstance(layer, BaseTunerLayer):
            continue
        for kind in ("lora_A", "lora_B"):
            part, value = getattr(layer, kind, {}), tensors.get(f"transformer.{place}.{kind}.weight")
            if name in part and part[name].weight.dtype.itemsize == 1:
                weight = part[name].weight if value is None else value
                part[name].weight = Parameter(weight.to(part[name].weight.device, dtype), requires_grad=False)
