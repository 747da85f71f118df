"""What a report of a fault says, and what it does not."""

import subprocess

from lib_hypersd.cli.main import main
from tests import loras

SDXL = {"lora_unet_x_attn2_to_k.lora_down.weight": [16, 2048]}
LAST = """somebody's own prompt, Steps: of stone
Negative prompt: private
Steps: 8, Sampler: DDIM-Trailing, Schedule type: Trailing, CFG scale: 1, Seed: 123454321, Model: my_secret_model, \
Hyper-SD: hyper-sdxl-8steps, Hyper-SD steps: 8, Hyper-SD note: "not applied. It says, why.", Version: v1.10.1"""


def report(capsys, webui):
    assert main(["report", "--webui", str(webui)]) == 0
    return capsys.readouterr().out


def test_it_says_what_is_needed_and_nothing_private(capsys, tmp_path):
    webui = tmp_path / "home of somebody" / "webui"
    folder = webui / "models" / "Lora"
    folder.mkdir(parents=True)
    (webui / "params.txt").write_text(LAST)
    loras.write(folder / "my private name Hyper-SDXL-8steps-lora.safetensors", SDXL)
    (folder / "a picture of somebody.safetensors").write_bytes(b"nothing")
    out = report(capsys, webui)
    assert "Steps: 8, Sampler: DDIM-Trailing, Schedule type: Trailing, CFG scale: 1, Hyper-SD: hyper-sdxl-8steps" in out
    assert 'Hyper-SD note: "not applied. It says, why.", Version: v1.10.1' in out and "torch: " in out
    assert "LoRA: hyper-sdxl-8steps, by its file name" in out and out.count("LoRA: ") == 1
    for private in ("prompt", "private", "secret", "somebody", "12345", str(tmp_path)):
        assert private not in out


def test_a_commit_is_named_and_a_password_in_its_address_is_not(capsys, tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("remote", "add", "origin", "https://somebody:secret@example.org/webui.git")
    line = next(line for line in report(capsys, tmp_path).splitlines() if line.startswith("WebUI: "))
    assert line.endswith(" from example.org/webui.git") and len(line.split()[1]) == 12


def test_a_folder_that_is_not_there_is_a_sentence(capsys, tmp_path):
    assert main(["report", "--webui", str(tmp_path / "nowhere")]) == 2
    assert "is not a folder." in capsys.readouterr().err
