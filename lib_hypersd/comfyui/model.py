"""A model in memory, as a plan wants to know it."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from ..files.architectures import UNKNOWN, architecture_of
from ..plan import Model

__all__ = ["describe_model", "prediction_of"]

# What a network predicts, by the classes that ComfyUI makes its ``model_sampling`` of. The first that is there counts:
# EDM and the other kinds of v-prediction are made of V_PREDICTION, V_PREDICTION of EPS.
PREDICTIONS = {
    "CONST": "flow", "EDM": "edm", "X0": "x0", "IMG_TO_IMG": "x0", "V_PREDICTION": "v_prediction", "EPS": "epsilon",
}  # fmt: skip

# ComfyUI's own classes of models, for networks whose layers do not tell; whether a LoRA's layers fit is still counted.
FAMILIES = {
    "SD15": "sd15",
    "SDXL": "sdxl",
    "SD3": "sd3",
    "Flux": "flux",
    "FluxSchnell": "flux-schnell",
    "Chroma": "chroma",
}


def prediction_of(classes: Iterable[str]) -> str:
    """What a network predicts, from the names of its ``model_sampling``'s classes; "" of one that is unknown."""
    names = set(classes)
    return next((prediction for name, prediction in PREDICTIONS.items() if name in names), "")


def describe_model(
    shapes: Mapping[str, list[int]],
    prediction: str,
    kind: str = "",
    file: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Model:
    """The model whose network has tensors of these names and shapes.

    Args:
        prediction: as of :func:`prediction_of`; what the network is sampled by comes before what its layers tell.
        kind: the name of the class that ComfyUI has taken it for.
        file: the checkpoint's name in ComfyUI's list, where a workflow tells it, and ``metadata`` its header's titles.
    """
    name = PurePath(file.replace("\\", "/")).stem if file else ""
    metadata = metadata or {}
    found = architecture_of(shapes, metadata, name)
    family = FAMILIES.get(kind) if found is UNKNOWN else found.family
    model = Model(family, prediction=prediction, metadata=metadata)
    if found is not UNKNOWN:
        model = model._replace(architecture=found.name)
    return model._replace(name=name) if name else model
