"""What a model in memory is, from its tensors' names and shapes and from the classes that know its noise levels."""

import pytest

from lib_hypersd.comfyui.model import describe_model, prediction_of
from tests.checkpoints import flux1, refiner, sd1, sdxl


def in_memory(layout):
    """A checkpoint's network as ComfyUI's models name it."""
    prefix = "model.diffusion_model."
    network = {key: list(shape) for key, shape in layout.items() if key.startswith(prefix)} or {
        prefix + key: list(shape) for key, shape in layout.items()
    }
    return {key.removeprefix("model."): shape for key, shape in network.items()}


@pytest.mark.parametrize(
    ("classes", "prediction"),
    [
        (("ModelSampling", "ModelSamplingDiscrete", "EPS", "object"), "epsilon"),
        (("ModelSampling", "ModelSamplingDiscrete", "V_PREDICTION", "EPS", "object"), "v_prediction"),
        (("ModelSampling", "ModelSamplingContinuousEDM", "EDM", "V_PREDICTION", "EPS"), "edm"),
        (("ModelSampling", "ModelSamplingFlux", "CONST"), "flow"),
        (("ModelSampling", "IMG_TO_IMG", "X0", "EPS"), "x0"),
        (("ModelSamplingCosmosRFlow", "COSMOS_RFLOW"), ""),
    ],
)
def test_what_a_network_predicts(classes, prediction):
    assert prediction_of(classes) == prediction


@pytest.mark.parametrize(
    ("layout", "family"), [(sd1(), "sd15"), (sdxl(), "sdxl"), (flux1(), "flux"), (refiner(), "sdxl-refiner")]
)
def test_the_family_is_in_the_tensors(layout, family):
    assert describe_model(in_memory(layout), "epsilon").family == family


def test_a_name_and_titles_tell_variants():
    shapes = in_memory(sdxl())
    plain, named = (
        describe_model(shapes, "epsilon"),
        describe_model(shapes, "v_prediction", "SDXL", "sub\\noob_vpred.safetensors"),
    )
    assert plain.name == "the loaded checkpoint" and plain.architecture == "SDXL"
    assert named.name == "noob_vpred" and named.prediction == "v_prediction" and "v-prediction" in named.architecture
    merged = describe_model(shapes, "epsilon", metadata={"modelspec.title": "One of many"})
    assert merged.metadata == {"modelspec.title": "One of many"}


def test_what_is_none_of_ours_has_no_family():
    found = describe_model({"diffusion_model.a.weight": [3, 3]}, "epsilon")
    assert found.family is None and found.architecture is None
    assert describe_model({"diffusion_model.a.weight": [3, 3]}, "flow", "Flux").family == "flux"
    assert describe_model(in_memory(refiner()), "epsilon", "SDXL").family == "sdxl-refiner", "the layers come first"
