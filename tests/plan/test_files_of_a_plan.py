"""Which of several files, and those that do not fit or cannot be used."""

import pytest

from lib_hypersd.files.layers import LEAST_SHARE, Fit
from lib_hypersd.plan import File
from tests.plans import BY_ID, file, plan


def test_a_file_whose_layers_are_for_another_model_is_refused_with_both_names():
    misnamed = File("fast", BY_ID["hyper-sdxl-8steps"], family="sd15")
    assert plan(files=[misnamed], file="fast").problem == "fast was made for SD1.5, and the loaded checkpoint is SDXL."
    assert plan(files=[misnamed]).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among")
    assert plan(files=[misnamed, file("hyper-sdxl-4steps")], prompt="<lora:fast:1>").warnings == (
        "fast was made for SD1.5 and the loaded checkpoint is SDXL: its tag is not applied.",
    )
    ssd = File("ssd", BY_ID["lcm-sdxl"], family="sdxl-pruned")
    assert plan(files=[ssd], file="ssd").problem == (
        "ssd was made for a pruned SDXL (SSD-1B, Segmind-Vega or the like), and the loaded checkpoint is SDXL."
    )


def test_a_file_that_cannot_be_used_says_why_wherever_it_is_asked_for():
    broken = File("Hyper-SDXL-8steps-lora", None, problem="It is broken.", looks_like=BY_ID["hyper-sdxl-8steps"])
    four = file("hyper-sdxl-4steps")
    assert plan(files=[broken, four], file=broken.name).problem == "It is broken."
    assert plan(files=[broken, four], prompt=f"<lora:{broken.name}:1>").problem == "It is broken."
    assert plan(files=[broken, four], steps=8).problem.startswith(
        "It is broken. Hyper-SDXL-8steps-lora.safetensors (787 MB)"
    )
    assert plan(files=[broken, four]).file == "Hyper-SDXL-4steps-lora"
    other = broken._replace(looks_like=BY_ID["hyper-sdxl-2steps"])
    assert plan(files=[other, four], steps=8).problem.startswith("Hyper-SDXL-8steps-lora.safetensors (787 MB)")


SURE, UNSURE = File("zz", BY_ID["hyper-sdxl-8steps"], strength=3), File("aa", BY_ID["hyper-sdxl-8steps"], strength=1)


def test_of_two_files_of_one_recipe_the_surer_one_is_taken_whatever_their_order():
    for files in ([SURE, UNSURE], [UNSURE, SURE]):
        assert plan(files=files).file == "zz"
        assert plan(files=files, prompt="<lora:hyper sdxl 8 steps:1>").file == "zz", "also for a name that no file has"
    old = SURE._replace(name="old", superseded=True)
    assert plan(files=[old, UNSURE]).file == "aa", "an edition that holds comes first"
    twins = [SURE._replace(name=name) for name in "ba"]
    assert plan(files=twins).file == plan(files=twins[::-1]).file == "a"
    of_two_folders = [SURE._replace(aliases=(alias,)) for alias in "ab"]
    assert plan(files=of_two_folders).file == "zz"


def test_a_file_of_which_too_few_layers_fit_is_not_used():
    part = file("hyper-sdxl-8steps", fit=Fit(700, 300))
    sentence = "Only 300 of 700 layers of Hyper-SDXL-8steps-lora have a place in tiny (SSD-1B): it is not used."
    fixed = {"model": "tiny", "architecture": "SSD-1B", "files": [part]}
    assert plan(**fixed, file=part.name).problem == sentence
    assert plan(**fixed, steps=8).problem.startswith(
        f"{sentence} Hyper-SDXL-8steps-lora.safetensors (787 MB) is not among"
    )
    other = file("hyper-sdxl-4steps", fit=Fit(700, 700))
    result = plan(**{**fixed, "files": [part, other]}, prompt=f"<lora:{part.name}:1>")
    assert result.file == other.name and result.warnings == (
        "Only 300 of 700 layers of Hyper-SDXL-8steps-lora have a place in tiny (SSD-1B): its tag is not applied.",
    )
    assert result.edit(f"a <lora:{part.name}:1>").count("<lora:") == 1


def test_a_file_of_which_nearly_all_layers_fit_is_used_and_that_is_said():
    result = plan("flux", model="fill", files=[file("hyper-flux-8steps", fit=Fit(504, 503))])
    assert result.warnings == (
        "503 of 504 layers of Hyper-FLUX.1-dev-8steps-lora have a place in fill; the others are left out.",
    )
    assert plan(files=[file("hyper-sdxl-8steps", fit=Fit(700, 700))]).warnings == ()


@pytest.mark.parametrize("share", [LEAST_SHARE, LEAST_SHARE - 0.01])
def test_the_least_share_decides(share):
    result = plan(files=[file("hyper-sdxl-8steps", fit=Fit(1000, round(1000 * share)))])
    assert (result.problem is None) == (share == LEAST_SHARE)


def test_of_several_broken_files_and_installed_ones_what_is_said():
    broken = [
        File(f"broken {i}", None, problem=f"It is broken {i}.", looks_like=BY_ID["hyper-sdxl-8steps"]) for i in (1, 2)
    ]
    small = [file("hyper-sdxl-8steps", f"small {i}", fit=Fit(10, i)) for i in (1, 2)]
    here = [file("hyper-sdxl-2steps"), file("hyper-sdxl-4steps")]
    problem = plan(files=[*broken, *small, *here], steps=8).problem
    assert "It is broken 1. Only 1 of 10 layers of small 1" in problem and "broken 2" not in problem
    assert "layers of small 2" not in problem
    assert problem.endswith("Hyper-SDXL-2steps-lora (2 steps), Hyper-SDXL-4steps-lora (4 steps).")
