"""A model in memory: a diffusers pipeline, what a plan wants to know of it, and the LoRAs that are on it."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import load_file

from ..errors import HyperSDError
from ..files.header import read_checkpoint, read_header
from ..files.identify import named_family
from ..files.library import Library, file_of
from ..files.scan import below
from ..plan import File, Model
from ..recipes.catalog import FAMILIES, Catalog
from ..sampling.schedules import flux_shift
from ..wording import shown
from . import layout
from .errors import Unloadable

__all__ = ["SMALL", "Loaded", "Loras", "load"]

PIPELINES = {
    "sd15": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "flux": diffusers.FluxPipeline,
}
CLASSES = {pipeline.__name__: family for family, pipeline in PIPELINES.items()}
SMALL = 128  # pixels
LATENT_SIDE = 8  # pixels along one edge of a latent
TRAIN_STEPS = 1000


@dataclass
class Loras:
    """The LoRA files of some paths (files, or folders with all below them), as a plan wants to know them."""

    paths: Sequence[Path] = ()
    library: Library = field(default_factory=Library)

    def files(self, catalog: Catalog, model: Model | None) -> list[File]:
        """All few-step LoRAs, and those that look like one and must not be used.

        Where the checkpoint is one file, each says how many of its layers have a place there.
        """
        paths = list(self.by_name().values())
        self.library.examine(paths, catalog)
        if self.library.background.queue:  # what is new is opened, and hashed where only that can tell
            self.library.background.finish(pause=0)
        checkpoint = model.path if model else None
        files = [file_of(one, (), checkpoint) for one in self.library.examine(paths, catalog)]
        return [f for f in files if f.recipe or f.problem or named_family(f.name)]

    def by_name(self) -> dict[str, str]:
        """The path of every LoRA, by the name that prompts call it."""
        return {Path(file).stem: file for path in self.paths for file in below(path)}


@dataclass
class Loaded:
    """A pipeline on its device.

    Attributes:
        model: what a plan wants to know of it.
        size: width and height in pixels that it was trained for.
        sigmas: the noise level of every timestep, ``[T]``, ascending; a flow model's end at 1.
    """

    pipe: diffusers.DiffusionPipeline
    model: Model
    size: tuple[int, int]
    sigmas: torch.Tensor
    device: torch.device
    on_it: dict[str, tuple[str, int]] = field(default_factory=dict)  # a LoRA's path → its adapter and file time
    in_force: dict[str, tuple[float, int]] = field(default_factory=dict)  # … → its weight and file time

    @cached_property
    def network(self) -> torch.nn.Module:
        return getattr(self.pipe, "unet", None) or self.pipe.transformer

    @cached_property
    def dtype(self) -> torch.dtype:
        return self.network.dtype  # which looks at every layer

    def put_on(self, weights: Mapping[str, float]) -> None:
        """Have exactly these LoRAs, by the path of each file, in force; loaded ones are kept until others are.

        Raises:
            Unloadable: a file cannot be loaded or has no layer that fits; then none is in force.
        """
        wanted = {path: Path(path).stat().st_mtime_ns for path in weights}
        asked = {path: (weights[path], wanted[path]) for path in weights}
        if asked == self.in_force:
            return
        self.in_force = {}
        if not weights:
            self.pipe.disable_lora()
            return
        try:
            for path in [p for p, (_, time) in self.on_it.items() if wanted.get(p) != time]:
                self.pipe.delete_adapters(self.on_it.pop(path)[0])
            for path in wanted.keys() - self.on_it.keys():
                adapter = f"lora{max((int(name[4:]) for name, _ in self.on_it.values()), default=0) + 1}"
                self.pipe.load_lora_weights(load_file(path), adapter_name=adapter)
                self.on_it[path] = adapter, wanted[path]
                if not any(adapter in names for names in self.pipe.get_list_adapters().values()):
                    raise ValueError("no layer of it fits")
            self.pipe.enable_lora()
            self.pipe.set_adapters([self.on_it[path][0] for path in weights], list(weights.values()))
            self.in_force = asked
        except Exception as error:  # whatever diffusers and peft make of a file
            self.pipe.unload_lora_weights()
            self.on_it.clear()
            names = " and ".join(shown(Path(path).stem) for path in weights)
            raise Unloadable(f"{names} could not be put on {self.model.name} ({first_line(error)}).") from error


def load(path: Path, device: str | None = None) -> Loaded:
    """The checkpoint in a safetensors file (SD1.5, SDXL) or a diffusers folder (all families).

    Args:
        device: "cuda", "mps" or "cpu"; the best there is unless given.

    Raises:
        Unloadable: a sentence that says why it cannot be loaded.
    """
    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    device = device or best_device()
    if not path.exists():
        raise Unloadable(f"{shown(str(path))} does not exist.")
    try:
        return from_folder(path, device) if path.is_dir() else from_file(path, device)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise Unloadable(f"{shown(path.name)} does not fit into the memory of {device}.") from error
    except (HyperSDError, ModuleNotFoundError):
        raise
    except Exception as error:  # whatever diffusers makes of a file
        raise Unloadable(f"{shown(path.name)} could not be loaded ({first_line(error)}).") from error


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def from_file(path: Path, device: str) -> Loaded:
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
            str(file), config=folder, local_files_only=True, dtype=dtype_for(device, family)
        )
    found = read_checkpoint(path)
    model = Model(family, path.stem, layout.prediction_of(header), False, found.kind, found.metadata, path=str(path))
    return loaded(pipe, model, layout.resolution_of(header, family), device)


def from_folder(path: Path, device: str) -> Loaded:
    index = path / "model_index.json"
    if not index.is_file():
        raise Unloadable(f"{shown(path.name)} is a folder without {index.name}; give one that diffusers has saved.")
    name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    family = CLASSES.get(name)
    if family is None:
        raise Unloadable(f"{shown(path.name)} holds {shown(str(name))}; {', '.join(CLASSES)} are carried out here.")
    pipe = PIPELINES[family].from_pretrained(
        str(path), local_files_only=True, use_safetensors=True, dtype=dtype_for(device, family),
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
    return loaded(pipe, Model(family, path.name, prediction), (side, side), device)


def dtype_for(device: str, family: str) -> torch.dtype:
    if device == "cpu":
        return torch.float32
    return torch.float16 if family in ("sd15", "sdxl") else torch.bfloat16


def loaded(pipe, model: Model, size: tuple[int, int], device: str) -> Loaded:
    pipe.to(device)
    pipe.vae.to(torch.float32)  # SDXL's overflows in half precision
    if device == "cpu" and max(size) <= SMALL:
        torch.set_num_threads(1)  # more would wait for each other longer than they compute
    pipe.set_progress_bar_config(disable=True)
    return Loaded(pipe, model, size, sigmas_of(pipe, model).to(device), torch.device(device))


def sigmas_of(pipe, model: Model) -> torch.Tensor:
    """The noise level of every timestep, ``[T]``, ascending, as the hosts have it."""
    if "transformer" in pipe.components:
        # FLUX is shifted by the image's size; the hosts take the shift of 1024×1024 for every size.
        shift = flux_shift(4096) if model.family in ("flux", "flux-schnell") else pipe.scheduler.config.shift
        t = torch.arange(1, TRAIN_STEPS + 1, dtype=torch.float64) / TRAIN_STEPS
        return (shift * t / (1 + (shift - 1) * t)).float()
    kept = pipe.scheduler.alphas_cumprod.double()
    return ((1 - kept) / kept).sqrt().float()


def first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return shown(text[0][:200].rstrip(".")) if text else type(error).__name__
