"""The arguments of ``generate`` and ``demo``: every value that is off is a sentence, before anything is loaded."""

import json
import sys
from types import ModuleType

import pytest

from lib_hypersd.cli.main import main
from lib_hypersd.playground.job import Job, Own, read_job
from lib_hypersd.recipes.settings import Settings


def run(capsys, *arguments):
    code = main(["generate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_job_from_values_by_their_names(tmp_path):
    init = tmp_path / "image.png"
    init.touch()
    given = {
        "prompt": "a cat",
        "seed": "7",
        "width": 512,
        "init": str(init),
        "strength": 0.5,
        "steps": "4",
        "eta": None,
    }
    job, problems, comments = read_job({**given, "colour": "red"})
    assert job == Job("a cat", "", 7, 512, None, init, 0.5, Settings(True, steps=4), Own(steps=4)) and not problems
    assert comments == ["“colour” is unknown to this version of Hyper-SD and was passed over."]


def test_without_hyper_sd_the_settings_are_the_models_own():
    job, _, _ = read_job({"prompt": "a cat", "base": True, "steps": 30, "cfg": 5, "sampler": "TCD", "eta": 0.3})
    assert not job.settings.enabled and job.own == Own(30, 5.0, "TCD", "Trailing", 0.3, 3.5)


def test_a_seed_is_drawn_where_none_is_given():
    assert len({read_job({"prompt": "a cat"})[0].seed for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "A prompt is needed."),
        (["--prompt", "x", "--seed", "-1"], "“seed” must be a whole number from 0 to 4294967295, not '-1'."),
        (["--prompt", "x", "--seed", "1.5"], "“seed” must be a whole number from 0 to 4294967295, not '1.5'."),
        (["--prompt", "x", "--width", "100"], "“width” must be a multiple of 16 from 64 to 4096, not '100'."),
        (["--prompt", "x", "--height", "tall"], "“height” must be a multiple of 16 from 64 to 4096, not 'tall'."),
        (["--prompt", "x", "--init", "no/such.png"], "“init” must be a file that exists, not 'no/such.png'."),
        (["--prompt", "x", "--strength", "1.1"], "“strength” must be a number from 0 to 1, not '1.1'."),
        (["--prompt", "x", "--strength", "nan"], "“strength” must be a number from 0 to 1, not 'nan'."),
        (["--prompt", "x", "--steps", "0"], "Steps must be a whole number from 1 to 150, not '0'."),
        (["--prompt", "x", "--eta", "2"], "Eta must be a number from 0 to 1, not '2'."),
    ],
)
def test_a_value_that_is_off(capsys, tmp_path, arguments, message):
    assert run(capsys, *arguments, "--out", tmp_path / "out") == (2, "", f"{message}\n")
    assert not (tmp_path / "out").exists()


def test_lines_of_a_batch_that_are_off_are_named_by_their_numbers(capsys, tmp_path):
    batch = tmp_path / "all.jsonl"
    lines = [
        {"prompt": "a cat"},
        {"prompt": "a cat", "steps": 0},
        {"steps": 4},
        {"prompt": 5},
        {"prompt": "x", "base": 1},
    ]
    deep = "[" * 100_000
    batch.write_text(
        "\ufeff" + "\n".join([*map(json.dumps, lines), "", '{"prompt": "a', "[1]", deep, '{"prompt":"x","z":1}'])
    )
    code, out, err = run(capsys, "--batch", batch)
    assert (code, out) == (2, "") and err.splitlines() == [
        "all.jsonl, line 10: “z” is unknown to this version of Hyper-SD and was passed over.",
        "all.jsonl, line 2: Steps must be a whole number from 1 to 150, not '0'.",
        "all.jsonl, line 3: A prompt is needed.",
        "all.jsonl, line 4: “prompt” must be a text, not '5'.",
        "all.jsonl, line 5: “base” must be true or false, not '1'.",
        "all.jsonl, line 7: this is no JSON (Unterminated string starting at).",
        "all.jsonl, line 8: this is no object ({…}).",
        "all.jsonl, line 9: this is no JSON (nested too deeply).",
    ]


def test_a_batch_of_odd_letters(capsys, tmp_path):
    """A line of JSON ends where the file's line ends, and half a letter is no text."""
    batch = tmp_path / "odd.jsonl"
    batch.write_text('{"prompt": "a\u2028b", "steps": 0}\r\n{"prompt": "\\ud800"}\n', encoding="utf-8", newline="")
    assert run(capsys, "--batch", batch) == (
        2, "", "odd.jsonl, line 1: Steps must be a whole number from 1 to 150, not '0'.\n"
        "odd.jsonl, line 2: “prompt” must be a text, not '\\\\ud800'.\n",
    )  # fmt: skip


def test_a_batch_that_cannot_be_read(capsys, tmp_path):
    assert run(capsys, "--batch", tmp_path / "no.jsonl") == (
        1, "", f"{tmp_path}/no.jsonl cannot be read (No such file or directory).\n",
    )  # fmt: skip
    (tmp_path / "picture.jsonl").write_bytes(b"\xff\xd8")
    assert "it is no text in UTF-8" in run(capsys, "--batch", tmp_path / "picture.jsonl")[2]
    (tmp_path / "empty.jsonl").write_text("\n\n")
    assert run(capsys, "--batch", tmp_path / "empty.jsonl") == (2, "", "empty.jsonl has no line.\n")


def test_a_folder_that_cannot_be_written_to(capsys, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = run(capsys, "--prompt", "a cat", "--out", tmp_path / "file" / "below")
    assert code == 1 and err == f"{tmp_path}/file/below cannot be written to (Not a directory).\n"


def test_a_model_or_lora_that_is_not_there(capsys, tmp_path, monkeypatch):
    out = ["--prompt", "a cat", "--out", tmp_path]
    assert run(capsys, *out, "--lora", "no.safetensors")[::2] == (1, "no.safetensors does not exist.\n")
    monkeypatch.setattr("lib_hypersd.cli.playground.EMBEDDED", tmp_path)
    message = "The embedded model is not in this copy (assets/tiny); give one with --checkpoint.\n"
    assert run(capsys, *out)[::2] == (1, message)


@pytest.mark.parametrize("package", ["peft", "diffusers", "torch", "PIL"])
def test_what_is_not_installed_is_named_with_what_to_do(capsys, tmp_path, monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith("lib_hypersd.playground.")]:
        if not name.endswith(".job"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "peft", ModuleType("peft"))
    monkeypatch.setitem(sys.modules, package, None)
    code, out, err = run(capsys, "--prompt", "a cat", "--out", tmp_path, "--checkpoint", tmp_path / "x.safetensors")
    assert (code, out) == (1, "") and f"{package} is missing. “python3 dev.py demo” prepares all that is needed" in err
