"""The command line, run as users run it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib_hypersd.cli.main import main
from lib_hypersd.recipes.catalog import LOOKALIKES, published
from tests import loras
from tests.checkpoints import LAYOUTS, listed

ROOT = Path(__file__).parents[2]
SDXL = {"lora_unet_x_attn2_to_k.lora_down.weight": [16, 2048]}


def run(capsys, *arguments, command="plan"):
    code = main([command, *arguments])
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
        "steps": 8, "hires_steps": None, "hires_scale": None, "hires_strength": None, "hires_upscaler": None, "cfg": 5.0, "distilled_cfg": None, "sampler": "DDIM-Trailing", "schedule": "Trailing", "eta": 0.0, "fast_decoding": None,
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
    loras.write(tmp_path / "deep" / "hyper_sdxl_4step_rank16.safetensors", SDXL)
    loras.write(tmp_path / "style.safetensors", SDXL)
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
    ("arguments", "message"),
    [
        (["--steps", "many"], "Steps must be a whole number from 1 to 150, not 'many'.\n"),
        (["--loras", "no/such/folder"], "no/such/folder is not a folder.\n"),
    ],
)
def test_arguments_that_are_off_are_a_sentence_on_stderr(capsys, arguments, message):
    assert run(capsys, "--family", "sdxl", *arguments) == (2, "", message)


def identify(capsys, *arguments):
    return run(capsys, *map(str, arguments), command="identify")


def test_files_are_identified_with_the_evidence(capsys, tmp_path):
    loras.write(tmp_path / "a" / "Hyper-SDXL-4steps-lora.safetensors", SDXL)
    loras.write(tmp_path / "style.safetensors", SDXL)
    code, out, err = identify(capsys, tmp_path, tmp_path / "style.safetensors")
    assert (code, err) == (0, "") and out.splitlines() == [
        f"{tmp_path}/style.safetensors: style is a LoRA for SDXL and is no few-step LoRA that the catalog knows.",
        f"{tmp_path}/a/Hyper-SDXL-4steps-lora.safetensors: Hyper-SDXL-4steps-lora is Hyper-SDXL-4steps-lora of Hyper-SD, "
        "told by its file name (likely).",
    ]
    code, out, _ = identify(capsys, tmp_path / "a", "--json")
    assert code == 0 and json.loads(out) == [
        {
            "path": f"{tmp_path}/a/Hyper-SDXL-4steps-lora.safetensors", "kind": "lora", "name": "Hyper-SDXL-4steps-lora", "bytes": 131184,
            "recipe": {"id": "hyper-sdxl-4steps", "maker": "Hyper-SD", "family": "sdxl", "kind": "fixed", "steps_min": 4, "steps_max": 4},
            "evidence": "file name", "confidence": "likely", "sha256": None, "addnet": None, "superseded": False, "usable": True,
            "layers": {"family": "sdxl", "naming": "kohya", "rank": 16, "text_encoder": False},
            "sentence": "Hyper-SDXL-4steps-lora is Hyper-SDXL-4steps-lora of Hyper-SD, told by its file name (likely).",
        }
    ]  # fmt: skip


def test_a_renamed_file_is_hashed_unless_that_is_not_wanted(capsys, tmp_path):
    path = tmp_path / "renamed.safetensors"
    loras.write(path, SDXL)
    sha256, addnet = loras.hashes(path)
    own = tmp_path / "own.json"
    own.write_text(json.dumps([{"id": "hyper-sdxl-8steps", "bytes": path.stat().st_size, "sha256": sha256}]))
    (file,) = json.loads(identify(capsys, path, "--recipes", own, "--json")[1])
    assert (file["recipe"]["id"], file["evidence"], file["sha256"], file["addnet"]) == (
        "hyper-sdxl-8steps",
        "SHA-256",
        sha256,
        addnet,
    )
    (file,) = json.loads(identify(capsys, path, "--recipes", own, "--json", "--no-hash")[1])
    assert (file["recipe"]["id"], file["evidence"], file["confidence"]) == ("hyper-sdxl-8steps", "size", "weak")


def test_what_is_broken_is_named_and_has_its_own_exit_code(capsys, tmp_path):
    (tmp_path / "bad\n\u202e<b>.safetensors").write_bytes(b"x")
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    code, out, _ = identify(capsys, tmp_path)
    assert code == 1 and out.splitlines() == [
        f"{tmp_path}/bad\\n\\u202e<b>.safetensors: bad\\n\\u202e<b>.safetensors is too short for a safetensors file. It is not used.",
        f"{tmp_path}/gone.safetensors: gone.safetensors cannot be read (No such file or directory). It is not used.",
    ]
    code, out, _ = identify(capsys, tmp_path, "--json")
    assert code == 1 and [one["usable"] for one in json.loads(out)] == [False, False]
    assert json.loads(out)[0]["name"] == "bad\n\u202e<b>", "programs get the name as it is"


def test_a_path_that_does_not_exist_is_a_sentence(capsys, tmp_path):
    assert identify(capsys, tmp_path / "nowhere") == (2, "", f"{tmp_path}/nowhere does not exist.\n")
    (tmp_path / "own.json").write_text('[{"id": 1}]')
    code, out, err = identify(capsys, tmp_path, "--recipes", tmp_path / "own.json", "--json")
    assert (code, out) == (0, "[]\n") and "an entry needs an “id”" in err and published()


def test_it_runs_as_a_module_without_torch_or_gradio():
    """The command line and the plan need nothing but Python, so that they answer at once."""
    code = (
        "import sys; sys.modules['torch'] = sys.modules['gradio'] = None; "
        "from lib_hypersd.cli.main import main; sys.exit(main(['plan', '--family', 'sdxl']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("8 steps with Hyper-SDXL-8steps-lora")
    done = subprocess.run([sys.executable, "-m", "lib_hypersd", "plan"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--family" in done.stderr


# Checkpoints.


@pytest.mark.parametrize(
    ("name", "layout", "expected"),
    [
        ("some", "sdxl", {"family": "sdxl", "architecture": "SDXL", "prediction": "epsilon", "inside": None}),
        ("some", "ssd-1b", {"family": "sdxl-pruned", "architecture": "SSD-1B", "prediction": "epsilon", "inside": None}),
        (
            "dreamXL_4SLightning", "sdxl",
            {"inside": {"maker": "SDXL-Lightning", "steps": 4, "evidence": "its name"}, "family": "sdxl"},
        ),
        ("some", "flux-dev", {"family": "flux", "prediction": "flow"}),
        ("some", None, {"family": None, "architecture": "unknown", "prediction": None}),
    ],
)  # fmt: skip
def test_a_checkpoint_is_recognised_by_its_header(capsys, tmp_path, name, layout, expected):
    path = tmp_path / f"{name}.safetensors"
    loras.write(path, listed(LAYOUTS[layout]) if layout else {"something.weight": [8, 8]}, ("F16", 2))
    code, out, _ = identify(capsys, path, "--no-hash", "--json")
    (found,) = json.loads(out)
    assert code == 0 and found["kind"] == "checkpoint" and found["name"] == name
    assert {key: found[key] for key in expected} == expected
    code, out, _ = identify(capsys, path, "--no-hash")
    assert code == 0 and f"{name} is a checkpoint: " in out


def test_a_plan_for_the_file_of_a_checkpoint(capsys, tmp_path):
    path = tmp_path / "some.safetensors"
    loras.write(path, listed(LAYOUTS["sdxl"]), ("F16", 2))
    code, out, _ = run(capsys, "--checkpoint", str(path), "--json")
    assert code == 0 and json.loads(out)["file"] == "Hyper-SDXL-8steps-lora"
    loras.write(path, listed(LAYOUTS["ssd-1b"]), ("F16", 2))
    code, out, _ = run(capsys, "--checkpoint", str(path))
    assert code == 1 and LOOKALIKES["sdxl-pruned"] in out
    folder = tmp_path / "loras"
    shapes, metadata = loras.published("sdxl")
    loras.write(folder / "Hyper-SDXL-8steps-lora.safetensors", shapes, loras.F32, metadata)
    loras.write(path, listed(LAYOUTS["sdxl"]), ("F16", 2))
    assert run(capsys, "--checkpoint", str(path), "--loras", str(folder))[0] == 0
    assert run(capsys)[:2] == (2, "")


@pytest.mark.parametrize("family", ["SD1.5", "sd15", "FLUX.1-dev", "flux", "pony", "Illustrious", "SDXL"])
def test_a_family_is_read_as_people_write_it(capsys, family):
    code, out, _ = run(capsys, "--family", family, "--json")
    families = {"SD1.5": "sd15", "FLUX.1-dev": "flux", "pony": "sdxl", "Illustrious": "sdxl", "SDXL": "sdxl"}
    assert code == 0 and json.loads(out)["family"] == families.get(family, family)


def test_why_an_image_is_bad(capsys, tmp_path, monkeypatch):
    bad = "a cat <lora:Hyper-SDXL-8steps-lora:1>\nSteps: 30, Sampler: Euler, CFG scale: 7, Model: sd_xl_base"
    file = tmp_path / "infotext.txt"
    file.write_text(bad)
    code, out, _ = run(capsys, str(file), command="explain")
    lines = out.splitlines()
    assert code == 1 and lines[0] == "Read from the infotext: SDXL with Hyper-SDXL-8steps-lora."
    assert lines[1].startswith("- CFG: 7 → 1.") and lines[2].startswith("- Steps: 30 → 8.") and len(lines) == 4
    assert lines[3].startswith("What fits: 8 steps with Hyper-SDXL-8steps-lora at weight 0.75")

    code, out, _ = run(capsys, bad, "--json", command="explain")
    assert code == 1 and [cause["field"] for cause in json.loads(out)["causes"]] == ["cfg", "steps"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(bad.replace("30", "8").replace("scale: 7", "scale: 1")))
    code, out, _ = run(capsys, "-", command="explain")
    assert code == 0 and out.splitlines()[1] == "Nothing that it says differs from what that was made for."
    code, out, err = run(capsys, "no such file", command="explain")
    assert code == 2 and out == "" and err.startswith("This is no infotext")
