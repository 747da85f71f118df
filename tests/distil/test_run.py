"""Whole runs on the embedded model: they lower the held-out error, and a kill changes nothing."""

import json
import os
import pickle
import random
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from lib_hypersd.cli.playground import embedded_checkpoint
from lib_hypersd.distil import data, kept, student, train, writing
from lib_hypersd.distil.base import make_accelerator
from lib_hypersd.distil.errors import RefusedRun
from lib_hypersd.distil.measure import no_longer_falls
from lib_hypersd.distil.train import distil
from lib_hypersd.files.header import read_header
from lib_hypersd.playground.job import read_job
from tests.distil.world import options_for, write_images
from tests.live.make_models import write
from tests.playground import models
from tools.tiny.pictures import COLOURS

WHOLE = {"steps": (2, 1), "unified": True, "measure_every": 2, "iterations": 2}


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def tensors_of(files):
    return {path.name: load_file(path) for path in files}


def same(a, b):
    return a.keys() == b.keys() and all(
        a[name].keys() == b[name].keys() and all(torch.equal(a[name][key], b[name][key]) for key in a[name])
        for name in a
    )


def test_fifty_steps_lower_the_held_out_error(tmp_path):
    """With all parts of the method that a stage has: from 0.0665 to 0.0560 where it was measured (docs/distil.md)."""
    (tmp_path / "images").mkdir()
    images = write_images(tmp_path / "images", 80)
    values = {"steps": (4,), "iterations": 50, "measure_every": 50, "batch": 4, "warmup": 5, "held_out": 8}
    distil(options_for(tmp_path / "out", images, **values))
    (at_first, at_last) = kept.Run(tmp_path / "out").progress("4steps").errors["4steps"]
    assert (at_first[0], at_last[0]) == (0, 50) and at_last[1] < 0.95 * at_first[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images):
    """A run of all kinds of stages that nothing has disturbed."""
    options = options_for(tmp_path_factory.mktemp("whole"), images, **WHOLE)
    return options, distil(options)


def test_a_run_leaves_its_loras_and_a_sheet(whole):
    options, files = whole
    assert [path.name for path in files] == ["tiny-sd15-Hyper-2steps.safetensors", "tiny-sd15-Hyper-1step.safetensors"]
    sheet = (options.out / "sheet.html").read_text("utf-8")
    assert sheet.count("<img ") == 2 * 5 and sheet.count("<svg ") == 3 and "8 steps" in sheet
    assert not re.search(r"<script|https?:", sheet)
    changed = tensors_of(files)["tiny-sd15-Hyper-1step.safetensors"]
    assert max(tensor.abs().max() for key, tensor in changed.items() if "lora_up" in key) > 0


def test_a_run_that_is_over_is_over(whole):
    options, files = whole
    assert distil(replace(options, resume=True)) == files


def test_a_folder_with_a_run_is_not_overwritten(whole):
    options, _ = whole
    with pytest.raises(RefusedRun, match="go on with --resume"):
        distil(options)
    with pytest.raises(RefusedRun, match="has --rank 4, not 8"):
        distil(replace(options, resume=True, rank=8))


@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_killed_goes_on_to_the_same_weights(tmp_path, images, whole, monkeypatch, seed):
    """Killed while a file is written, before it has its name, or between two steps; several times over."""
    options = options_for(tmp_path, images, **WHOLE, save_minutes=0.0)
    chance = random.Random(seed)
    replace_file, learn = os.replace, student.Student.learn
    left = [chance.randrange(1, 8)]

    def may_kill(action):
        def run(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                left[0] = chance.randrange(4, 14)
                raise Killed
            return action(*arguments, **named)

        return run

    monkeypatch.setattr(train, "write_sheet", lambda *arguments: None)  # which takes longer than all else here
    monkeypatch.setattr(writing.os, "replace", may_kill(replace_file))
    monkeypatch.setattr(student.Student, "learn", may_kill(learn))
    kills = 0
    while True:
        try:
            files = distil(replace(options, resume=True))
            break
        except Killed:
            kills += 1
    assert kills >= 2 and same(tensors_of(files), tensors_of(whole[1]))


def test_a_stage_ends_when_its_error_no_longer_falls():
    assert not no_longer_falls([], 2) and not no_longer_falls([3.0, 2.0, 1.0], 2)
    assert no_longer_falls([1.0, 2.0, 3.0], 2) and not no_longer_falls([2.0, 3.0, 1.0], 2)
    assert not no_longer_falls([1.0, 2.0, 3.0], 0)


def test_a_run_ends_when_its_hours_are_over(tmp_path, images):
    (file,) = distil(options_for(tmp_path, images, hours=0.0, iterations=1000))
    assert file.exists() and kept.Run(tmp_path).progress("2steps").step == 0


def test_a_dry_run_says_what_all_will_take_and_makes_nothing(tmp_path, images, capsys):
    assert distil(options_for(tmp_path, images, dry_run=True, iterations=2000)) == []
    printed = capsys.readouterr().out
    assert re.search(r"A step takes \d+\.\d+ s in 2steps; \d+\.\d GB of cpu memory .* 2000 steps .* hours", printed)
    assert not list(tmp_path.iterdir())


def test_a_reward_is_asked_about_images_and_captions(tmp_path, images, monkeypatch):
    found = []
    monkeypatch.setattr("tests.distil.test_run.redness", lambda images, captions: keep(found, images, captions))
    distil(options_for(tmp_path, images, iterations=1, reward="tests.distil.test_run:redness"))
    shape, low, high, caption = found[-1]
    assert shape == (1, 3, 64, 64) and 0 <= low <= high <= 1 and "background" in caption


def redness(images, captions):
    raise NotImplementedError  # replaced in the test above


def keep(found, images, captions):
    found.append((tuple(images.shape), images.min().item(), images.max().item(), captions[0]))
    return images[:, 0].mean((1, 2))


@pytest.fixture(scope="module")
def plain(tmp_path_factory, images):
    return distil(options_for(tmp_path_factory.mktemp("plain"), images))


@pytest.mark.parametrize(
    "switch", ["sampled_ends", "average_targets", "adversarial", "changing_weights", "perturbation"]
)
def test_every_part_can_be_switched_off_and_changes_the_weights(tmp_path, images, plain, switch):
    options = options_for(tmp_path / "off", images, **{switch: False})
    assert not same(tensors_of(distil(options)), tensors_of(plain))
    (file,) = (tmp_path / "off").glob("*.safetensors")
    assert json.loads(read_header(file).metadata["hypersd.distilled"])[switch] is False


def test_prompts_alone_are_enough(tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"a {colour} circle" for colour in COLOURS) + "\na cross" * 4)
    (file,) = distil(options_for(tmp_path / "out", prompts=prompts, iterations=1))
    (part,) = (tmp_path / "out" / "data").glob("*.safetensors")
    assert file.exists() and load_file(part)["latents"].shape == (10, 4, 8, 8)


def test_guidance_can_be_left_to_the_user(tmp_path, images):
    (file,) = distil(options_for(tmp_path, images, iterations=1, cfg_preserved=True))
    assert file.name == "tiny-sd15-Hyper-2steps-CFG.safetensors" and isinstance(file, Path)


def test_score_distillation_alone_makes_one_step(tmp_path, images):
    (file,) = distil(options_for(tmp_path, images, steps=(1,), consistency=False, iterations=2))
    assert file.name == "tiny-sd15-Hyper-1step.safetensors"
    assert max(tensor.abs().max() for name, tensor in load_file(file).items() if "lora_up" in name) > 0


def test_data_that_are_too_large_for_memory_are_read_from_the_disk(tmp_path, images, base, monkeypatch):
    options = options_for(tmp_path, images)
    held = data.prepare_data(options, base, make_accelerator(options))
    monkeypatch.setattr(data.psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    read = data.open_data(tmp_path / "data", options, held.device)
    assert held.held and not read.held
    items = held.training[:5]
    assert torch.equal(held.latents(items), read.latents(items))
    assert all(torch.equal(tensor, read.text(items)[name]) for name, tensor in held.text(items).items())


def test_two_processes_and_one_come_to_the_same_weights(tmp_path, images):
    """After ten steps, each with half of every batch, started as accelerate does it; they meet on the CPU (gloo)."""
    arguments = [
        "-m", "lib_hypersd", "distil", "--checkpoint", str(embedded_checkpoint()), "--images", str(images), "--cpu",
        "--steps", "2", "--rank", "4", "--iterations", "10", "--batch", "4", "--warmup", "1", "--held-out", "2",
    ]  # fmt: skip
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    averages = []
    for name, start in (("one", []), ("two", launch)):
        out = tmp_path / name
        subprocess.run([sys.executable, *start, *arguments, "--out", str(out)], check=True, env=environment)
        averages.append(kept.Run(out).average("2steps"))
    one, two = averages
    assert one.keys() == two.keys()
    assert max(tensor.abs().max() for name, tensor in one.items() if "lora_B" in name) > 1e-4, "they have learnt"
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5)


def test_a_process_that_is_killed_leaves_what_the_next_one_goes_on_from(tmp_path, images, whole):
    """By the system, in the middle of whatever it does just then."""
    options = options_for(tmp_path, images, **WHOLE, save_minutes=0.0)
    code = "import os, pickle, sys; from lib_hypersd.distil.train import distil; distil(pickle.loads(sys.stdin.buffer.read()))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment)
    process.stdin.write(pickle.dumps(options))
    process.stdin.close()
    while process.poll() is None and not list((tmp_path / "state").glob("*.pt")):
        time.sleep(0.02)
    process.kill()
    assert process.wait() != 0, "it was killed, and had not ended by itself"
    assert same(tensors_of(distil(replace(options, resume=True))), tensors_of(whole[1]))


def test_an_sdxl_that_predicts_v_is_distilled_as_well(tmp_path, images):
    checkpoint = tmp_path / "xl.safetensors"
    write(checkpoint, models.TINY_SDXL, torch.float16, metadata={"modelspec.prediction_type": "v"})
    options = options_for(tmp_path / "out", images, steps=(2, 1), unified=True, iterations=1, held_out=1)
    files = distil(replace(options, checkpoint=checkpoint))
    assert [path.name for path in files] == ["xl-Hyper-2steps.safetensors", "xl-Hyper-1step.safetensors"]
    (part,) = (tmp_path / "out" / "data").glob("*.safetensors")
    assert load_file(part).keys() == {"latents", "encoder_hidden_states", "text_embeds", "time_ids"}
    playground = models.playground_of(checkpoint, *files)
    job, *_ = read_job({"prompt": "a circle", "seed": 1, "steps": 1})
    assert playground.run(job).plan.file == "xl-Hyper-1step" and playground.pipeline.model.prediction == "v_prediction"
