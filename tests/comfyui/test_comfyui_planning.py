"""The plan for a model in memory and the LoRA files at hand."""

import pytest
import torch

from lib_hypersd.comfyui.model import describe_model
from lib_hypersd.comfyui.planning import Loras, Network, make_whole_plan
from lib_hypersd.errors import HyperSDError
from lib_hypersd.files.library import Library
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import Settings
from tests.live import make_models

CATALOG = published()
LORA = make_models.lora("small_sd15")


@pytest.fixture(scope="module")
def network():
    layout = make_models.CHECKPOINTS["small_sd15"]
    shapes = {
        key.removeprefix("model."): list(shape) for key, shape in layout.items() if key.startswith(make_models.NETWORK)
    }
    return Network(describe_model(shapes, "epsilon"), shapes)


@pytest.fixture
def loras(tmp_path):
    """Files by the names that ComfyUI lists them under, with zeros for weights."""

    def write(**layouts):
        paths = {}
        for name, layout in layouts.items():
            path = tmp_path / f"{name.replace('__', '/')}.safetensors"
            make_models.write(path, layout, torch.float16, lambda key, shape, seed: torch.zeros(shape))
            paths[name.replace("__", "/")] = str(path)
        return Loras(paths, Library())

    return write


def plan(network, loras, before=(), **fixed):
    return make_whole_plan(Settings(True, **fixed), network, loras, before, CATALOG)


def test_the_file_goes_by_its_folder_and_name(network, loras):
    held = loras(**{"sub__Hyper-SD15-4steps-lora": LORA, "other__Hyper-SD15-8steps-lora": LORA, "style": LORA})
    assert plan(network, held).file == "other/Hyper-SD15-8steps-lora"
    assert plan(network, held, steps=4).sentence.startswith("4 steps with sub/Hyper-SD15-4steps-lora at weight 1:")
    assert plan(network, held, file="sub/Hyper-SD15-4steps-lora").steps == 4


def test_of_two_of_one_name_each_can_be_chosen(network, loras):
    held = loras(**{"a__Hyper-SD15-4steps-lora": LORA, "b__Hyper-SD15-4steps-lora": LORA})
    for folder in "ab":
        assert plan(network, held, file=f"{folder}/Hyper-SD15-4steps-lora").file == f"{folder}/Hyper-SD15-4steps-lora"


def test_layers_that_have_no_place_in_the_network_are_refused(network, loras):
    wider = {key: tuple(2 * n if n == 320 else n for n in shape) for key, shape in LORA.items()}
    with pytest.raises(HyperSDError, match="layers of Hyper-SD15-4steps-lora have a place in the loaded checkpoint"):
        plan(network, loras(**{"Hyper-SD15-4steps-lora": wider}), file="Hyper-SD15-4steps-lora")


@pytest.mark.parametrize(
    ("fixed", "sentence"),
    [
        ({"file": "style"}, "style is not a LoRA with a known recipe"),
        ({"file": "Hyper-SDXL-4steps-lora"}, "Hyper-SDXL-4steps-lora was made for SDXL"),
        ({"steps": 2}, "Hyper-SD15-2steps-lora.safetensors"),
        ({"steps": 5, "variant": "fixed"}, "serves 5 steps"),
        ({"file": "not there"}, "not there is not a LoRA with a known recipe"),
    ],
)
def test_no_plan_is_a_sentence(network, loras, fixed, sentence):
    xl = {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 2048),
          "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_up.weight": (640, 4)}  # fmt: skip
    held = loras(**{"style": LORA, "Hyper-SD15-8steps-lora": LORA, "Hyper-SDXL-4steps-lora": xl})
    with pytest.raises(HyperSDError) as error:
        plan(network, held, **fixed)
    assert sentence in str(error.value)


def test_a_few_step_lora_that_is_on_the_model_already(network, loras):
    held = loras(**{"Hyper-SD15-8steps-lora": LORA, "style": LORA})
    assert plan(network, held, before=["style", "deleted since"]).file == "Hyper-SD15-8steps-lora"
    with pytest.raises(HyperSDError, match="Hyper-SD15-8steps-lora is on the model already"):
        plan(network, held, before=["style", "Hyper-SD15-8steps-lora"])
