"""What a plan is made from: the panel's settings, the checkpoint, the files at hand and the prompts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..files.file import File
from ..recipes.memory import Memory
from ..recipes.settings import Settings
from .tags import strip_comments

__all__ = ["Model", "Request", "SecondPass"]


class Model(NamedTuple):
    """A checkpoint: its family (one of ``catalog.FAMILIES`` or ``LOOKALIKES``, else None) and file name.

    ``prediction`` is "epsilon", "v_prediction", "edm" or "flow". ``coarse``: its weights are of so few bits (nf4, fp8,
    GGUF) that a LoRA merged into them is rounded away. ``architecture`` is its name in sentences, where the file tells
    it; ``metadata`` are the titles in its header; ``path`` is that of its file, where there is one.
    """

    family: str | None
    name: str = "the loaded checkpoint"
    prediction: str = "epsilon"
    coarse: bool = False
    architecture: str | None = None
    metadata: Mapping[str, str] = {}
    memory: Memory = Memory()
    path: str | None = None


class SecondPass(NamedTuple):
    """The host's controls of a second pass (hires fix); 0 steps, or None for sampler or schedule: as in the first.

    ``model`` is the checkpoint of the second pass, if that is another one. ``scale``, ``strength`` (of denoising) and
    ``upscaler`` are None where they are not known.
    """

    steps: int = 0
    sampler: str | None = None
    schedule: str | None = None
    model: Model | None = None
    scale: float | None = None
    strength: float | None = None
    upscaler: str | None = None


class Request(NamedTuple):
    """All that a plan depends on.

    ``files`` None stands for every published file; ``others`` are the names of LoRAs at hand that are not few-step
    ones. The first prompt decides; tags are corrected in all of them. ``refiner`` takes over during sampling, where
    the host has one.

    ``eta`` is what a client of the API has sent to the host itself: many always send one, so it counts only where a
    recipe lets the user choose. ``strip`` takes the comments out of a prompt, as the host does.
    ``reads_schedules``: the host can read weights that change over the steps. ``control_weights`` are those of the
    ControlNets that are switched on. ``no_fast_decoder`` is the sentence that says why this image cannot be decoded by
    TAESD, empty where it can.
    """

    settings: Settings
    model: Model
    files: Sequence[File] | None = None
    prompts: Sequence[str] = ("",)
    second_pass: SecondPass | None = None
    refiner: Model | None = None
    others: Collection[str] = ()
    eta: float | None = None
    strip: Callable[[str], str] | None = strip_comments
    reads_schedules: bool = False
    control_weights: Sequence[float] = ()
    no_fast_decoder: str = ""
