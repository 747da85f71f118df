"""What a plan is made from: the panel's settings, the checkpoint, the files at hand and the prompts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..files.file import File
from ..recipes.memory import Memory
from ..recipes.settings import Settings
from .tags import strip_comments

__all__ = ["Model", "Request", "SecondPass"]


@dataclass(frozen=True)
class Model:
    """A checkpoint: its family (one of ``catalog.FAMILIES`` or ``LOOKALIKES``, else None) and file name.

    ``prediction`` is "epsilon", "v_prediction", "edm" or "flow". ``coarse`` are weights of so few
    bits (nf4, fp8, GGUF) that a LoRA merged into them is rounded away. ``architecture`` is its name in sentences,
    where the file tells it; ``metadata`` are the titles in its header; ``path`` is its file's, where there is one.
    """

    family: str | None
    name: str = "the loaded checkpoint"
    prediction: str = "epsilon"
    coarse: bool = False
    architecture: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    path: str | None = None


@dataclass(frozen=True)
class SecondPass:
    """What the host's controls of a second pass (hires fix) say; 0 steps and no sampler or schedule: as the first.

    ``model`` is the checkpoint of the second pass where that is another one.
    """

    steps: int = 0
    sampler: str | None = None
    schedule: str | None = None
    model: Model | None = None


@dataclass(frozen=True)
class Request:
    """All that a plan depends on.

    ``files`` is None where every published file is taken to be at hand; ``others`` are the names of LoRAs at hand that
    are no few-step ones. The first prompt decides, tags are put right in all of them. ``refiner`` takes over in the
    middle, where the host has one and its file tells what it is.

    ``eta`` is what a client of the API has sent to the host itself: many always send one, so it counts only where a
    recipe lets the user choose. ``strip`` takes the comments out of a prompt, as the host does.
    ``reads_schedules``: it can read weights that change over the steps.
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
