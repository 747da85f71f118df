"""``generate`` and ``demo``, run as users run them, on a small random model."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from lib_hypersd.cli.main import main
from lib_hypersd.playground.generate import Playground
from tests import loras
from tests.live.make_models import control, write
from tests.playground import models

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generate(folder, capsys, tmp_path):
    def run(*arguments, lora=folder / "loras", checkpoint=folder / "sd15.safetensors", out=tmp_path / "out"):
        given = ["--checkpoint", checkpoint, "--out", out, *(["--lora", lora] if lora else []), *arguments]
        code = main(["generate", *map(str, given)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_picture_with_its_infotext(generate, tmp_path):
    code, out, err = generate("--prompt", "a cat", "--steps", 4, "--seed", 1)
    path = tmp_path / "out" / "00001-1.png"
    assert code == 0 and out.startswith(f"{path}: 4 steps with Hyper-SD15-4steps-lora at weight 1")
    assert "1 of 1: step 4 of 4" in err
    with Image.open(path) as image:
        assert image.size == (64, 64) and image.info["parameters"].startswith("<lora:Hyper-SD15-4steps-lora:1> a cat\n")
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask() and list(path.parent.iterdir()) == [path]


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_as_json(generate, tmp_path):
    code, out, _ = generate("--prompt", "a cat", "--cfg-preserved", "--negative", "a dog", "--seed", 3, "--json")
    results = json.loads(out)
    assert code == 0 and results["image"] == str(tmp_path / "out" / "00001-3.png") and results["seed"] == 3
    assert results["plan"]["recipe"] == "hyper-sd15-8steps-cfg" and "Negative prompt: a dog" in results["infotext"]
    assert set(results) == {"image", "seed", "seconds", "infotext", "warnings", "plan"}


def test_the_same_seed_makes_the_same_bytes(generate, folder, tmp_path):
    """In two processes, and whatever was made before in the same one."""
    same = {"prompt": "a cat", "steps": 4, "seed": 1}
    batch = tmp_path / "batch.jsonl"
    between = [{"prompt": "a", "variant": "cfg"}, {"prompt": "a", "base": True, "steps": 2}]
    batch.write_text("\n".join(map(json.dumps, [*between, same])))
    command = [sys.executable, "-m", "lib_hypersd", "generate", "--checkpoint", folder / "sd15.safetensors", "--lora",
               folder / "loras", "--batch", batch, "--out", tmp_path / "there"]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, capture_output=True)
    generate("--prompt", "a cat", "--steps", 4, "--seed", 1)
    first, again = (tmp_path / "out" / "00001-1.png"), (tmp_path / "there" / "00003-1.png")
    assert first.read_bytes() == again.read_bytes()
    assert len({path.read_bytes() for path in (tmp_path / "there").iterdir()}) == 3


def test_a_batch_goes_on_after_a_line_that_is_refused(generate, tmp_path):
    batch = tmp_path / "all.jsonl"
    (tmp_path / "text.png").write_text("no image")
    lines = [
        {"steps": 2},
        {"steps": 9},
        {"init": str(tmp_path / "text.png")},
        {"prompt": "b <lora:mine:1>"},
        {"steps": 1},
    ]
    batch.write_text("\n".join(map(json.dumps, lines)))
    code, out, err = generate("--prompt", "a", "--batch", batch, "--seed", 1, "--json")
    results = [json.loads(line) for line in out.splitlines()]
    assert (
        code == 1
        and [t["line"] for t in results] == [1, 2, 3, 4, 5]
        and ["problem" in t for t in results] == [0, 1, 1, 1, 0]
    )
    assert results[1]["problem"] == "No Hyper-SD for SD1.5 serves 9 steps; 1 to 8, 12 do."
    assert results[2]["problem"] == f"{tmp_path}/text.png is no image that can be read."
    assert results[3]["problem"].startswith("There is no LoRA called mine;")
    assert f"all.jsonl, line 2: {results[1]['problem']}" in err


def test_from_an_image_with_transparency(generate, tmp_path):
    Image.new("RGBA", (100, 60), (255, 0, 0, 128)).save(tmp_path / "init.png")
    code, out, _ = generate("--prompt", "a", "--init", tmp_path / "init.png", "--strength", 0.4, "--steps", 4, "--json")
    assert code == 0 and "Denoising strength: 0.4" in json.loads(out)["infotext"]


def test_a_control_image(generate, folder, tmp_path):
    write(tmp_path / "edges.safetensors", control(models.TINY_SD15), torch.float16)
    Image.linear_gradient("L").save(tmp_path / "drawing.png")
    given = ["--prompt", "a", "--steps", 1, "--json"]
    follow = ["--control", tmp_path / "drawing.png"]
    controlnet = ["--controlnet", tmp_path / "edges.safetensors"]
    code, out, _ = generate(*given, *follow, *controlnet, "--control-weight", 0.4)
    assert code == 0 and 'Model: edges, Weight: 0.4"' in json.loads(out)["infotext"]
    code, out, _ = generate(*given, *follow)
    assert code == 1 and json.loads(out)["problem"].endswith("give one with --controlnet.")
    code, out, err = generate(*given, *follow, "--controlnet", folder / "sd15.safetensors")
    assert (code, out, err) == (1, "", "sd15.safetensors holds no ControlNet.\n")


def rejected(path, content=b"no header here"):
    path.write_bytes(content)
    return path


def index(folder, text):
    folder.mkdir()
    (folder / "model_index.json").write_text(text)
    return folder


def test_checkpoints_that_cannot_be_used(generate, tmp_path, folder):
    refused = [
        (rejected(tmp_path / "model.ckpt"), "model.ckpt says that its header has"),
        (tmp_path / "no.safetensors", "no.safetensors does not exist."),
        (tmp_path, f"{tmp_path.name} is a folder without model_index.json; give one that diffusers has saved."),
        (index(tmp_path / "broken", "{"), "broken could not be loaded (Expecting property name"),
        (index(tmp_path / "other", '{"_class_name": "Other"}'), "other holds Other; StableDiffusionPipeline, "),
        (index(tmp_path / "empty", '{"_class_name": "FluxPipeline"}'), "empty could not be loaded ("),
        (folder / "loras" / "Hyper-SD15-4steps-lora.safetensors", "is no SD1.5 and no SDXL."),
    ]
    for path, message in refused:
        code, out, err = generate("--prompt", "a", checkpoint=path)
        assert (code, out) == (1, "") and message in err and len(err.splitlines()) == 1, err


def test_parts_that_a_checkpoint_lacks_are_named(generate, tmp_path):
    tensors = {key: torch.zeros(shape) for key, shape in models.TINY_SD15.items() if "first_stage" not in key}
    save_file(tensors, tmp_path / "pruned.safetensors")
    _, _, err = generate("--prompt", "a", checkpoint=tmp_path / "pruned.safetensors")
    assert err == (
        "The checkpoint has no first_stage_model.encoder.conv_in.weight; "
        "one with its text encoder and VAE in the same file is needed.\n"
    )
    key = "model.diffusion_model.input_blocks.0.0.weight"
    save_file(tensors | {key: torch.zeros(32, 9, 3, 3)}, tmp_path / "inpainting.safetensors")
    assert "takes 9 channels, as those for inpainting do" in generate(
        "--prompt", "a", checkpoint=tmp_path / "inpainting.safetensors"
    )[2]  # fmt: skip


def test_loras_that_cannot_be_used(generate, tmp_path):
    name = "Hyper-SD15-4steps-lora.safetensors"
    xl = models.write_lora(tmp_path / "xl" / name, loras.unet(width=32, context=2048))
    broken = rejected(tmp_path / name)
    for lora, message in (
        (xl, "its layers are made for SDXL: it is not used."),
        (broken, f"{name.removesuffix('.safetensors')}.safetensors says that its header has"),
        (None, f"{name} (269 MB) is not among the LoRAs; put it into the LoRA folder and refresh."),
    ):
        code, _, err = generate("--prompt", "a", "--steps", 4, lora=lora)
        assert code == 1 and message in err, err


def test_a_lora_of_another_width_is_a_sentence(generate, tmp_path):
    lora = models.write_lora(tmp_path / "Hyper-SD15-4steps-lora.safetensors", loras.unet(width=64, context=64))
    code, _, err = generate("--prompt", "a", "--steps", 4, lora=lora)
    assert code == 1 and "layers of Hyper-SD15-4steps-lora have a place in sd15" in err


def test_interrupted_nothing_is_left_half_written(generate, tmp_path, monkeypatch):
    """Ctrl+C while the picture is made, and while it is written."""
    latents = Playground.latents

    def interrupted(self, jobs, plan, progress, stop):
        def third_step(step, steps):
            if step == 3:
                raise KeyboardInterrupt

        return latents(self, jobs, plan, third_step, stop)

    def half(self, file, *args, **options):
        file.write(b"half")
        raise KeyboardInterrupt

    for owner, name, by in ((Playground, "latents", interrupted), (Image.Image, "save", half)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, by)
            code, out, err = generate("--prompt", "a", "--steps", 4)
        assert (code, out) == (1, "") and err.endswith("Stopped.\n") and list((tmp_path / "out").iterdir()) == []


def test_demo_makes_two_pictures_and_ends(folder, tmp_path, capsys, monkeypatch):
    """With the embedded model: the file of the folder that is no LoRA, and the LoRAs beside it."""
    embedded = tmp_path / "assets"
    embedded.mkdir()
    (embedded / "tiny.safetensors").symlink_to(folder / "sd15.safetensors")
    for lora in (folder / "loras").iterdir():
        (embedded / lora.name).symlink_to(lora)
    monkeypatch.setattr("lib_hypersd.cli.playground.EMBEDDED", embedded)
    start = time.monotonic()
    assert main(["demo", "--once", "--out", str(tmp_path / "out")]) == 0 and time.monotonic() - start < 60
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"4 steps, base: {tmp_path}/out/00001-1.png",
        f"4 steps, Hyper-SD: {tmp_path}/out/00002-1.png",
    ]
