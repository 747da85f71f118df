"""The checkpoint, as a plan needs it: the one in memory, or the one that is selected."""

import sys
from typing import Any

from modules import sd_models

from ..files.header import Checkpoint, read_checkpoint
from ..plan import Model
from . import memory
from .options import get_option

FAMILY_FLAGS = {"is_sd1": "sd15", "is_sd2": "sd2", "is_sdxl": "sdxl", "is_sd3": "sd3"}
# Families that neither file nor flag shows, by the end of the host's name for the network (N:backend/loader.py).
REPOSITORIES = {
    "FLUX.1-dev": "flux", "FLUX.1-schnell": "flux-schnell", "Chroma": "chroma", "FLUX.2-klein-4B": "flux2",
    "FLUX.2-klein-9B": "flux2", "Neta-Lumina": "lumina2", "Z-Image-Turbo": "z-image", "Anima": "anima",
    "Wan2.1-T2V-14B": "wan", "Wan2.1-I2V-14B": "wan", "Qwen-Image": "qwen-image", "Krea-2-Raw": "krea2",
    "ERNIE-Image": "ernie-image", "PiD": "pid", "Mugen": "mugen",
}  # fmt: skip
LOW_BITS = ("nf4", "fp4", "gguf", "float8")


def find_loaded() -> Model | None:
    """The model that is in memory now, or None; none is loaded for this."""
    model = sd_models.model_data.sd_model
    info = getattr(model, "sd_checkpoint_info", None)
    if info is None:
        return None
    network = getattr(getattr(getattr(model, "forge_objects", None), "unet", None), "model", None)
    file = read_checkpoint(info.filename)
    return build_model(
        info, file, find_family(model, file), find_prediction(model, network), rounds_loras_away(network)
    )


def find_selected(name: str | None = None) -> Model | None:
    """The model of the next image; while it is not in memory, as its file describes it, or None if it does not.

    Args:
        name: the checkpoint of a request, where that is not the one that the user has selected.
    """
    info = find_checkpoint(name or get_option("sd_model_checkpoint", ""))
    in_memory = getattr(sd_models.model_data.sd_model, "sd_checkpoint_info", None)
    # A reloaded UI lists the checkpoints anew, as other objects.
    is_loaded = info is None or info.filename == getattr(in_memory, "filename", None)
    return find_loaded() if is_loaded else read_file(info)


def find_named(name: str | None) -> Model | None:
    """Another checkpoint by its file, where a request names one that the host has."""
    info = find_checkpoint(name) if name else None
    return read_file(info) if info else None


def find_checkpoint(name: str):
    return sd_models.get_closet_checkpoint_match(name)


def read_file(info) -> Model | None:
    """A checkpoint by its file, without loading it."""
    file = read_checkpoint(info.filename)
    if file.family is None and file.kind is None:
        return None
    prediction = "flow" if flows_by_its_path(info, file) else file.prediction or "epsilon"
    return build_model(info, file, file.family, prediction, file.coarse and not keeps_loras_apart())


def flows_by_its_path(info, file: Checkpoint) -> bool:
    """Whether the host will take an SDXL for a flow model, as Neo does by its path (N:backend/loader.py:894)."""
    return file.family == "sdxl" and hasattr(find_choices(), "kontext") and "rectified" in info.filename.lower()


def build_model(info, file: Checkpoint, family: str | None, prediction: str, coarse: bool) -> Model:
    return Model(
        family, info.name_for_extra, prediction, coarse, file.kind, file.metadata, memory.recall(info), info.filename
    )


def find_family(model, file: Checkpoint) -> str | None:
    """One of ``catalog.FAMILIES`` or of its look-alikes; the file is more precise than the host, whose flag for SDXL
    covers everything that is built like it."""
    if getattr(model, "is_ssd", False):
        return "sdxl-pruned"
    if file.family is not None:
        return file.family
    flag = next((family for flag, family in FAMILY_FLAGS.items() if getattr(model, flag, False)), None)
    repository = getattr(getattr(model, "model_config", None), "huggingface_repo", None) or ""
    return flag or REPOSITORIES.get(repository.rpartition("/")[2])


def find_prediction(model, network) -> str:
    """What the network predicts; the hosts' "const" is a flow model's (F:backend/modules/k_prediction.py)."""
    predictor = getattr(network, "predictor", None)
    if predictor is not None:
        return "flow" if predictor.prediction_type == "const" else predictor.prediction_type
    return "v_prediction" if getattr(model, "parameterization", None) == "v" else "epsilon"


def rounds_loras_away(network) -> bool:
    """Whether the host merges LoRAs into weights of so few bits that they are lost."""
    stored = str(getattr(network, "storage_dtype", ""))
    return any(name in stored for name in LOW_BITS) and not keeps_loras_apart()


def keeps_loras_apart() -> bool:
    """Whether the host adds LoRAs to such weights in the moment of use (F:modules_forge/main_entry.py:225).

    A host that has no such choice makes the weights wider when it loads them.
    """
    return find_choices() is None or find_choices().get("online_lora", False)


def find_choices() -> Any:
    """What hosts with a patcher have chosen for the network; None elsewhere."""
    return getattr(sys.modules.get("backend.args"), "dynamic_args", None)
