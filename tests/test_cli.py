"""The command line, run as users run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib_hypersd.cli import main

ROOT = Path(__file__).parent.parent


def run(capsys, *arguments):
    code = main(["plan", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_plan_as_json(capsys):
    code, out, err = run(
        capsys, "--family", "sdxl", "--steps", "8", "--cfg-preserved", "--prompt", "a <lora:hyper-sdxl:0.6>", "--json"
    )
    plan = json.loads(out)
    assert code == 0 and err == ""
    assert plan == {
        "family": "sdxl", "problem": None, "recipe": "hyper-sdxl-8steps-cfg", "file": "Hyper-SDXL-8steps-CFG-lora", "weight": 0.6,
        "steps": 8, "hires_steps": None, "cfg": 5.0, "distilled_cfg": None, "sampler": "DDIM-Trailing", "schedule": "Trailing", "eta": 0.0,
        "warnings": [], "offers": [], "sentence": plan["sentence"], "missing": None, "prompt": "a <lora:Hyper-SDXL-8steps-CFG-lora:0.6>",
    }  # fmt: skip


def test_a_plan_as_text_with_its_warnings(capsys):
    code, out, _ = run(capsys, "--family", "SDXL", "--file", "Hyper-SDXL-4steps-lora", "--steps", "6")
    assert code == 0 and out.splitlines() == [
        "6 steps with Hyper-SDXL-4steps-lora at weight 0.75: DDIM-Trailing on the schedule Trailing, CFG 1. "
        "The LoRA was made for exactly 4 steps.",
        "6 steps are set, and this is made for 4 steps.",
    ]


def test_every_field_and_the_model_reach_the_plan(capsys):
    values = {"variant": "unified", "steps": "5", "weight": "0.9", "cfg": "1.5", "eta": "0.3"}
    _, out, _ = run(
        capsys, "--family", "sdxl", "--json", *(part for name, value in values.items() for part in (f"--{name}", value))
    )
    plan = json.loads(out)
    assert (plan["steps"], plan["weight"], plan["cfg"], plan["eta"], plan["sampler"]) == (5, 0.9, 1.5, 0.3, "TCD")
    _, out, _ = run(capsys, "--family", "sdxl", "--checkpoint", "Hyper-SDXL-1step-Unet-Comfyui.fp16", "--json")
    assert json.loads(out)["schedule"] == "Start at 800"
    _, out, _ = run(capsys, "--family", "sdxl", "--prediction", "v_prediction")
    assert "predicts v" in out


def test_a_refused_plan_has_its_own_exit_code(capsys):
    code, out, _ = run(capsys, "--family", "sdxl", "--steps", "9")
    assert code == 1 and out == "No Hyper-SD for SDXL serves 9 steps; 1 to 8, 12 do.\n"
    code, out, _ = run(capsys, "--family", "sd2", "--json")
    assert code == 1 and json.loads(out)["problem"].endswith("and sd2 is none of these.")


def test_the_files_of_a_folder(capsys, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "hyper_sdxl_4step_rank16.safetensors").touch()
    (tmp_path / "style.safetensors").touch()
    (tmp_path / "Hyper-SDXL-8steps-lora.safetensors").mkdir()
    _, out, _ = run(capsys, "--family", "sdxl", "--loras", str(tmp_path), "--json")
    assert json.loads(out)["file"] == "hyper_sdxl_4step_rank16"


def test_recipes_of_ones_own(capsys, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('[{"id": "hyper-sdxl-8steps", "weight": 0.9}, {"id": 1}]')
    code, out, err = run(capsys, "--family", "sdxl", "--recipes", str(path), "--json")
    assert code == 0 and json.loads(out)["weight"] == 0.9
    assert err == "mine.json, line 1: an entry needs an “id”. This entry is left out.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "many"], "Steps must be a whole number from 1 to 150, not 'many'.\n"),
        (["--loras", "no/such/folder"], "no/such/folder is not a folder.\n"),
    ],
)
def test_arguments_that_are_off_are_a_sentence_on_stderr(capsys, arguments, said):
    assert run(capsys, "--family", "sdxl", *arguments) == (2, "", said)


def test_it_runs_as_a_module_without_torch_or_gradio():
    """The command line and the plan need nothing but Python, so that they answer at once."""
    code = (
        "import sys; sys.modules['torch'] = sys.modules['gradio'] = None; "
        "from lib_hypersd.cli import main; sys.exit(main(['plan', '--family', 'sdxl']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("8 steps with Hyper-SDXL-8steps-lora")
    done = subprocess.run([sys.executable, "-m", "lib_hypersd", "plan"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--family" in done.stderr
