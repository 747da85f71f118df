"""Loads a checkpoint as a diffusers pipeline, and finds out what a plan wants to know of it."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import diffusers
import torch
import transformers
from accelerate import PartialState

from ..files.header import read_checkpoint, read_header
from ..plan import Model
from ..recipes.catalog import FAMILIES
from ..sampling.schedules import flux_shift
from ..wording import shown
from . import layout
from .errors import Unloadable, refusing_unloadable
from .pipeline import LATENT_SIDE, LoadedPipeline
from .placement import place

__all__ = ["SMALL", "load_pipeline", "open_checkpoint", "prepare", "quiet", "sigmas_of"]

Opened = tuple[diffusers.DiffusionPipeline, Model, tuple[int, int]]

PIPELINES = {
    "sd15": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "flux": diffusers.FluxPipeline,
}
CLASSES = {pipeline.__name__: family for family, pipeline in PIPELINES.items()}
SMALL = 128  # pixels
TRAIN_STEPS = 1000


def load_pipeline(path: Path, device: str | None = None) -> LoadedPipeline:
    """The checkpoint in a safetensors file (SD1.5, SDXL) or a diffusers folder (all families).

    Args:
        device: "cuda", "mps" or "cpu"; the best available unless given.

    Raises:
        Unloadable: a sentence that says why it cannot be loaded.
    """
    device = device or best_device()
    PartialState(cpu=device == "cpu")  # gives each of several processes a GPU of its own
    pipe, model, size = open_checkpoint(path, device)
    with refusing_unloadable(path.name), refusing_what_is_too_large(path.name, device):
        return prepare(pipe, model, size, device)


def open_checkpoint(path: Path, device: str, dtype: torch.dtype | None = None) -> Opened:
    """What :func:`load_pipeline` loads, on the CPU: the pipeline, its model and its width and height in pixels.

    Args:
        dtype: of the weights; what is usual on the device unless given.
    """
    quiet()
    if not path.exists():
        raise Unloadable(f"{shown(str(path))} does not exist.")
    with refusing_unloadable(path.name), refusing_what_is_too_large(path.name, device):
        return (from_folder if path.is_dir() else from_file)(path, device, dtype)


@contextmanager
def refusing_what_is_too_large(name: str, device: str) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise Unloadable(f"{shown(name)} does not fit into the memory of {device}.") from error


def quiet() -> None:
    """Keep diffusers and transformers from saying what concerns only who writes programs with them."""
    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def from_file(path: Path, device: str, dtype: torch.dtype | None) -> Opened:
    try:
        header = read_header(path)
    except ValueError as error:
        raise Unloadable(f"{error} A checkpoint is a safetensors file, or a folder of diffusers.") from None
    family = read_checkpoint(path).family or layout.family_by_parts(header)
    if family not in ("sd15", "sdxl"):
        what = f"one of {FAMILIES[family]}" if family in FAMILIES else "no SD1.5 and no SDXL"
        raise Unloadable(
            f"{shown(path.name)} is {what}. One file holds all of an SD1.5 or SDXL; "
            "of the other families give the folder that diffusers has made."
        )
    with tempfile.TemporaryDirectory() as folder:
        layout.write_config(Path(folder), header, family)
        file = path
        if path.suffix != ".safetensors":  # by which diffusers tells these files from pickles
            file = Path(folder, "checkpoint.safetensors")
            file.symlink_to(path.resolve())
        pipe = PIPELINES[family].from_single_file(
            str(file), config=folder, local_files_only=True, dtype=dtype or dtype_for(device, family)
        )
    found = read_checkpoint(path)
    model = Model(family, path.stem, layout.prediction_of(header), False, found.kind, found.metadata, path=str(path))
    return pipe, model, layout.resolution_of(header, family)


def from_folder(path: Path, device: str, dtype: torch.dtype | None) -> Opened:
    index = path / "model_index.json"
    if not index.is_file():
        raise Unloadable(f"{shown(path.name)} is a folder without {index.name}; give one that diffusers has saved.")
    name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    family = CLASSES.get(name)
    if family is None:
        raise Unloadable(f"{shown(path.name)} holds {shown(str(name))}; {', '.join(CLASSES)} are carried out here.")
    pipe = PIPELINES[family].from_pretrained(
        str(path), local_files_only=True, use_safetensors=True, dtype=dtype or dtype_for(device, family),
        **({"safety_checker": None, "requires_safety_checker": False} if family == "sd15" else {}),
    )  # fmt: skip
    if family == "sd15" and pipe.unet.config.cross_attention_dim == 1024:
        family = "sd2"
    if family == "flux" and not pipe.transformer.config.guidance_embeds:
        family = "flux-schnell"
    prediction = getattr(pipe.scheduler.config, "prediction_type", "epsilon")
    network = getattr(pipe, "unet", None) or pipe.transformer
    side = pipe.default_sample_size if family.startswith("flux") else network.config.sample_size
    side *= LATENT_SIDE
    return pipe, Model(family, path.name, prediction), (side, side)


def dtype_for(device: str, family: str) -> torch.dtype:
    if device == "cpu":
        return torch.float32
    return torch.float16 if family in ("sd15", "sdxl") else torch.bfloat16


def prepare(pipe, model: Model, size: tuple[int, int], device: str, free: int | None = None) -> LoadedPipeline:
    """A pipeline where it fits; ``free`` as in :func:`placement.place`."""
    if device != "cuda" or (model.family == "sdxl" and pipe.dtype == torch.float16):
        pipe.vae.to(torch.float32)  # SDXL's overflows in half precision
    placement = place(pipe, torch.device(device), free)
    if device == "cpu" and max(size) <= SMALL:
        torch.set_num_threads(1)  # more would wait for each other longer than they compute
    pipe.set_progress_bar_config(disable=True)
    return LoadedPipeline(pipe, model, size, sigmas_of(pipe, model).to(device), torch.device(device), placement)


def sigmas_of(pipe, model: Model) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``, ascending, as the hosts have it."""
    if "transformer" in pipe.components:
        # FLUX is shifted by the image's size; the hosts take the shift of 1024×1024 for every size.
        shift = flux_shift(4096) if model.family in ("flux", "flux-schnell") else pipe.scheduler.config.shift
        t = torch.arange(1, TRAIN_STEPS + 1, dtype=torch.float64) / TRAIN_STEPS
        return (shift * t / (1 + (shift - 1) * t)).float()
    alphas = pipe.scheduler.alphas_cumprod.double()
    return ((1 - alphas) / alphas).sqrt().float()
