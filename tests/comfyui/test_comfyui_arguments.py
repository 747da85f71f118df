"""What a node's inputs say."""

import pytest

from lib_hypersd.comfyui.arguments import file_name, settings_of
from lib_hypersd.errors import HyperSDError
from lib_hypersd.recipes.settings import RECOMMENDED, VARIANTS, Settings


def test_recommended_and_left_out_stay_open():
    assert settings_of({"steps": RECOMMENDED, "file": RECOMMENDED, "cfg": "", "eta": None}) == Settings(True)


@pytest.mark.parametrize(("value", "steps"), [("4", 4), (4, 4), (4.0, 4), (" 8 ", 8)])
def test_numbers_may_be_text(value, steps):
    assert settings_of({"steps": value}).steps == steps


def test_a_variant_is_read_by_its_label():
    assert settings_of({"variant": VARIANTS["unified"]}).variant == "unified"


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"steps": "many"}, "Steps must be a whole number from 1 to 150, not 'many'."),
        ({"eta": "2"}, "Eta must be a number from 0 to 1, not '2'."),
        ({"cfg": "nan", "weight": "-1"}, "LoRA weight must be a number from 0 to 2, not '-1'. CFG must be"),
    ],
)
def test_what_cannot_be_is_a_sentence(inputs, sentence):
    with pytest.raises(HyperSDError) as error:
        settings_of(inputs)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("listed", "name"),
    [("a.safetensors", "a"), ("sub/a.b.SafeTensors", "sub/a.b"), ("sub\\a.safetensors", "sub\\a"), ("a.pt", "a.pt")],
)
def test_a_file_goes_by_its_folder_and_name(listed, name):
    assert file_name(listed) == name
    assert settings_of({"file": listed}).file == name
