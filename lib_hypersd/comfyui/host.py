"""The only importer of ComfyUI's modules: what our nodes ask of it, and what it is asked to do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import comfy.k_diffusion.sampling
import comfy.samplers
import comfy.sd
import comfy.utils
import folder_paths
import nodes
import torch

from .schedules import Unsuitable

# The folders in which a checkpoint, or a network alone, may lie.
CHECKPOINTS = ("checkpoints", "diffusion_models")


def user_folder() -> Path:
    """Where ComfyUI keeps the user's own files."""
    return Path(folder_paths.get_user_directory())


def listed_loras() -> list[str]:
    """The LoRA files as ComfyUI lists them: with their folders and suffixes."""
    return folder_paths.get_filename_list("loras")


def lora_path(listed: str) -> str | None:
    return folder_paths.get_full_path("loras", listed)


def checkpoint_path(listed: str) -> str | None:
    """The file of a checkpoint by its name in one of ComfyUI's lists."""
    return next(filter(None, (folder_paths.get_full_path(folder, listed) for folder in CHECKPOINTS)), None)


def shapes_of(model: Any) -> dict[str, list[int]]:
    """The names and shapes of a MODEL's tensors; GGUF's keep their own shape beside that of the packed values."""
    tensors = model.model.state_dict()
    return {key: list(getattr(tensor, "tensor_shape", tensor.shape)) for key, tensor in tensors.items()}


def kind_of(model: Any) -> str:
    """What ComfyUI has taken a MODEL for: the name of a class of its table of supported models."""
    return type(model.model.model_config).__name__


def model_sampling(model: Any) -> Any:
    """What knows a MODEL's noise levels, with the changes that other nodes have made."""
    return model.get_model_object("model_sampling")


def add_lora(model: Any, clip: Any, path: str, weight: float) -> tuple[Any, Any, int]:
    """Copies of a MODEL and a CLIP (or None) with a LoRA on them, and how many layers of the MODEL it has changed."""
    tensors = comfy.utils.load_torch_file(path, safe_load=True)
    changed, changed_clip = comfy.sd.load_lora_for_models(model, clip, tensors, weight, weight)
    return changed, changed_clip, patches_in(changed) - patches_in(model)


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
        Unsuitable: it has none of that name.
    """
    name = schedule.lower().replace(" ", "_")
    if name not in comfy.samplers.SCHEDULER_NAMES:
        raise Unsuitable(f"ComfyUI has no schedule “{schedule}”.")
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
