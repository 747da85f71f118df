"""The only importer of ComfyUI's modules: what a node asks of it, and what it is asked to do."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import comfy.k_diffusion.sampling
import comfy.samplers
import comfy.sd
import comfy.utils
import folder_paths
import nodes
import torch

from ..files.header import Checkpoint, read_checkpoint
from ..files.layers import LEAST_SHARE, count_layers
from ..files.library import Library
from ..plan.outcome import Refusal
from ..recipes.catalog import Catalog, load_catalog
from ..recipes.settings import spelled
from .arguments import file_name
from .graph import Origin
from .model import describe_model, prediction_of
from .planning import Loras, Network

# The folders in which a checkpoint, or a network alone, may lie.
CHECKPOINTS = ("checkpoints", "diffusion_models")


def catalog() -> Catalog:
    """The published recipes with the user's, from the folder where ComfyUI keeps the user's own files."""
    return load_catalog(Path(folder_paths.get_user_directory()) / "hypersd-recipes.json")


@cache
def library() -> Library:
    """What is known of files, kept beside the user's settings."""
    return Library(Path(folder_paths.get_user_directory()) / "hypersd-files.json")


def listed_loras() -> list[str]:
    return folder_paths.get_filename_list("loras")


def loras() -> Loras:
    paths = {file_name(listed): folder_paths.get_full_path("loras", listed) for listed in listed_loras()}
    return Loras({name: path for name, path in paths.items() if path}, library())


def network_of(model: Any, origin: Origin) -> Network:
    """The network that a MODEL holds, by its own tensors; the checkpoint's titles where its file is known."""
    tensors = model.model.state_dict()  # GGUF's tensors keep their own shape beside that of the packed values
    shapes = {key: list(getattr(tensor, "tensor_shape", tensor.shape)) for key, tensor in tensors.items()}
    classes = [kind.__name__ for kind in type(model_sampling(model)).__mro__]
    metadata = titles(origin.checkpoint).metadata
    return Network(describe_model(shapes, prediction_of(classes), origin.checkpoint, metadata), shapes)


def titles(checkpoint: str | None) -> Checkpoint:
    """What the header of a checkpoint says, by its name in one of ComfyUI's lists."""
    paths = (folder_paths.get_full_path(folder, checkpoint) for folder in CHECKPOINTS if checkpoint)
    path = next(filter(None, paths), None)
    return read_checkpoint(path) if path else Checkpoint()


def model_sampling(model: Any) -> Any:
    """What knows a MODEL's noise levels, with the changes that other nodes have made."""
    return model.get_model_object("model_sampling")


def add_lora(model: Any, clip: Any, path: str, name: str, weight: float) -> tuple[Any, Any]:
    """Copies of a MODEL and a CLIP (or None) with a LoRA on them.

    Raises:
        Refusal: too few of its layers were loaded.
    """
    tensors = comfy.utils.load_torch_file(path, safe_load=True)
    changed, changed_clip = comfy.sd.load_lora_for_models(model, clip, tensors, weight, weight)
    layers = count_layers(path) or 1
    placed = patches_in(changed) - patches_in(model)
    if placed < LEAST_SHARE * layers:
        raise Refusal(f"ComfyUI could load only {placed} of {layers} layers of {name}; its console says why.")
    return changed, changed_clip


def patches_in(model: Any) -> int:
    return sum(map(len, model.patches.values()))


def sampler(function: Callable[..., torch.Tensor], **options: Any) -> Any:
    """A SAMPLER of one of our functions."""
    return comfy.samplers.KSAMPLER(function, options)


def own_sampler(name: str) -> Any:
    """A SAMPLER of ComfyUI's, by ComfyUI's name."""
    return comfy.samplers.sampler_object(name)


def own_sigmas(schedule: str, steps: int, denoise: float, model: Any) -> torch.Tensor:
    """A schedule of ComfyUI's: the last ``steps`` of as many as make the whole way, as its KSampler does.

    Raises:
        Refusal: it has none of that name.
    """
    name = spelled(schedule, comfy.samplers.SCHEDULER_NAMES)
    if name not in comfy.samplers.SCHEDULER_NAMES:
        raise Refusal(f"ComfyUI has no schedule “{schedule}”.")
    if denoise <= 0:
        return torch.zeros(1)
    sigmas = comfy.samplers.calculate_sigmas(model_sampling(model), name, int(steps / min(denoise, 1)))
    return sigmas[-(steps + 1) :].cpu()


def register(samplers: Mapping[str, Callable[..., torch.Tensor]], schedules: Mapping[str, Callable]) -> None:
    """Put samplers and schedules into the lists of KSampler and its kin, where their names are free.

    Args:
        schedules: ``function(model_sampling, steps)`` gives SIGMAS.
    """
    for name, function in samplers.items():
        if name not in comfy.samplers.KSAMPLER_NAMES:
            setattr(comfy.k_diffusion.sampling, f"sample_{name}", function)
            comfy.samplers.KSAMPLER_NAMES.append(name)
            comfy.samplers.SAMPLER_NAMES.append(name)
    for name, schedule in schedules.items():
        if name not in comfy.samplers.SCHEDULER_HANDLERS:
            comfy.samplers.SCHEDULER_HANDLERS[name] = comfy.samplers.SchedulerHandler(schedule)
            comfy.samplers.SCHEDULER_NAMES.append(name)


def has_node(name: str) -> bool:
    """Whether a pack that was loaded before has a node of this id."""
    return name in nodes.NODE_CLASS_MAPPINGS
