"""Where the parts of a pipeline are: on the device, or elsewhere until they work; chosen by its free memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import torch

__all__ = ["WORKSPACE", "Placement", "choose", "free_memory", "most_together", "place"]

GB = 1024**3
WORKSPACE = 3 * GB // 2  # for what is computed, at 1024×1024 pixels
MOST_ROWS = 32  # of a batch of the network's; more gain nothing, and more pictures are lost where one is interrupted


@dataclass(frozen=True)
class Placement:
    """How a pipeline is placed.

    Attributes:
        offload: "" for all on the device; "parts" where each comes there for its work alone; "layers" of each.
        float8: whether the network's weights are stored in 8 bits.
    """

    offload: str = ""
    float8: bool = False

    def sentence(self, free: int) -> str:
        """One line for the user; empty where there is nothing to say."""
        if not self.offload and not self.float8:
            return ""
        where = {
            "": "all parts stay on the device",
            "parts": "each part is on the device only while it works",
            "layers": "each layer is on the device only while it works, which is slow",
        }[self.offload]
        stored = ", and the network's weights are stored in 8 bits" if self.float8 else ""
        return f"The device has {free / GB:.1f} GB free: {where}{stored}."


def choose(sizes: Mapping[str, int], network: str, free: int) -> Placement:
    """The fastest placement that fits.

    Args:
        sizes: the bytes of each part by its name.
        network: which of them is the one that is evaluated at every step.
        free: the bytes that are free on the device.
    """
    room = free - WORKSPACE
    # UNets are left out: LoRAs for them come under too many names to be kept precise (merging.keep_precise).
    halved = sizes if network == "unet" else {**sizes, network: sizes[network] // 2}
    if sum(sizes.values()) <= room:
        return Placement()
    if max(sizes.values()) <= room:
        return Placement("parts")
    if sum(halved.values()) <= room:
        return Placement("", float8=True)
    if max(halved.values()) <= room:
        return Placement("parts", float8=True)
    return Placement("layers")


def place(pipe, device: torch.device, free: int | None = None) -> str:
    """Put a pipeline where it fits by diffusers' own means; the sentence that says so, if any.

    Args:
        free: the bytes that it may use on the device; those that are free unless given.
    """
    if device.type != "cuda":
        pipe.to(device)
        return ""
    free = free_memory(device) if free is None else free
    parts = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
    network = "unet" if "unet" in parts else "transformer"
    sizes = {name: sum(parameter.nbytes for parameter in part.parameters()) for name, part in parts.items()}
    placement = choose(sizes, network, free)
    if placement.float8:
        parts[network].enable_layerwise_casting(torch.float8_e4m3fn, parts[network].dtype)
    if placement.offload == "parts":
        pipe.enable_model_cpu_offload(device=device)
    elif placement.offload == "layers":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.to(device)
    return placement.sentence(free)


def free_memory(device: torch.device) -> int:
    """The bytes that can still be had on a device; on Apple's, which share the computer's memory, of that."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    return psutil.virtual_memory().available


def most_together(free: int, pixels: int, rows: int) -> int:
    """How many pictures the network can be given at once; at least one.

    Args:
        free: the bytes that are free on the device.
        pixels: of a picture.
        rows: of the network's batch that are a picture's: one, or two with guidance.
    """
    each = WORKSPACE * pixels // 1024**2
    return max(min(free // each, MOST_ROWS) // rows, 1)
