"""The program in examples/ that sets a plan on a pipeline of diffusers."""

import runpy
import sys
from pathlib import Path

import diffusers
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "plan_over_diffusers.py"


@pytest.fixture(scope="module")
def checkpoint(playground, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diffusers")
    playground.loaded.pipe.save_pretrained(folder)
    return folder


@pytest.fixture
def run(checkpoint, folder, tmp_path, monkeypatch):
    """Runs the program with so many steps; its names at the end."""
    monkeypatch.chdir(tmp_path)

    def run(steps):
        monkeypatch.setattr(
            sys, "argv", ["plan_over_diffusers", str(checkpoint), str(folder / "loras"), steps, "a cat"]
        )
        return runpy.run_path(str(EXAMPLE), run_name="__main__")

    return run


@pytest.mark.parametrize(
    ("steps", "file", "scheduler", "timesteps"),
    [
        ("4", "Hyper-SD15-4steps-lora", diffusers.DDIMScheduler, [999, 749, 499, 249]),
        ("3", "Hyper-SD15-1step-lora", diffusers.TCDScheduler, [999, 679, 339]),
    ],
)
def test_the_plan_is_set_on_the_pipeline(run, steps, file, scheduler, timesteps):
    names = run(steps)
    pipe = names["pipe"]
    assert names["plan"].file == file and isinstance(pipe.scheduler, scheduler)
    assert pipe.scheduler.timesteps.tolist() == timesteps and pipe.get_active_adapters() == ["hyper-sd"]
    assert Image.open("image.png").size == names["image"].size


def test_a_plan_that_cannot_be_made_is_a_sentence(run):
    with pytest.raises(SystemExit, match=r"^.+\.$"):
        run("40")
