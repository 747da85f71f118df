"""What is off ends in a sentence that says what to do, before anything long has begun."""

import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from lib_hypersd.cli.main import main
from lib_hypersd.distil import checks
from lib_hypersd.distil.checks import check_inputs, check_space
from lib_hypersd.distil.errors import RefusedRun
from lib_hypersd.distil.feedback import load_reward, shortfall
from lib_hypersd.distil.options import Options, recipe_of
from lib_hypersd.distil.sources import count_items, read_items
from lib_hypersd.distil.train import check_finite
from tests.distil.world import options_for, write_images


def refusal(action, *arguments):
    with pytest.raises(RefusedRun) as refused:
        action(*arguments)
    sentence = str(refused.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rank": 0}, "--rank goes from 1 to 1024"), ({"hours": -1.0}, "--hours goes from 0"),
        ({"learning_rate": float("nan")}, "--learning-rate"), ({"steps": ()}, "--steps"),
        ({"steps": (4, 8)}, "--steps"), ({"steps": (8, 8)}, "--steps"), ({"steps": (32, 8)}, "--steps"),
        ({"steps": (8, 0)}, "--steps"), ({"unified": True, "steps": (8, 4)}, "--unified"),
        ({"unified": True, "steps": (1,)}, "--unified"), ({"resolution": 100}, "multiple of 64"),
        ({"consistency": False}, "give --steps 1"), ({"reward": "module"}, "--reward"), ({"prompts": Path("prompts.txt")}, "no two"), ({"images": None}, "is needed"),
    ],
)  # fmt: skip
def test_options_that_are_off(tmp_path, images, values, words):
    assert words in refusal(check_inputs, options_for(tmp_path, **{"images": images, **values}))


def test_options_that_are_fine_are_not_refused(tmp_path, images):
    check_inputs(options_for(tmp_path / "new" / "folder", images))
    check_inputs(options_for(tmp_path, images, steps=(16, 8, 4, 2, 1), unified=True, resolution=64))


def test_images_without_captions_are_named(tmp_path):
    write_images(tmp_path, 12)
    (tmp_path / "003.txt").unlink()
    assert "1 of 12 images have no caption (003.png)" in refusal(count_items, "images", tmp_path)


def test_too_little_to_learn_from(tmp_path):
    assert "has none" in refusal(count_items, "images", tmp_path)
    assert "has none" in refusal(count_items, "shards", tmp_path)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\n\n")
    assert "has 1; at least 10 lines" in refusal(count_items, "prompts", prompts)
    prompts.write_bytes(b"\xff\xfe\xff")
    assert "no text in UTF-8" in refusal(count_items, "prompts", prompts)
    assert "cannot be read" in refusal(count_items, "prompts", tmp_path / "missing.txt")
    assert "is no folder" in refusal(count_items, "images", prompts)


def test_an_image_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    write_images(tmp_path, 3)
    (tmp_path / "001.png").write_bytes(b"none")
    assert [item.place for item in read_items("images", tmp_path)] == ["000.png", "002.png"]
    assert "001.png is no image that can be read. It is left out." in capsys.readouterr().out


def write_shard(path, files):
    with tarfile.open(path, "w") as shard:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            shard.addfile(entry, io.BytesIO(content))


def png():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


def test_shards_are_read_and_nothing_in_them_is_run(tmp_path):
    write_shard(
        tmp_path / "a.tar",
        {"1.png": png(), "1.txt": b" a circle \n", "1.pyd": b"no pickle", "2.png": png(), "2.txt": b"b"},
    )
    found = list(read_items("shards", tmp_path))
    assert [(item.place, item.caption) for item in found] == [("a.tar/1", "a circle"), ("a.tar/2", "b")]
    assert found[0].image.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(("files", "words"), [({"1.png": b"x"}, "no caption"), ({"1.txt": b"x"}, "no image")])
def test_a_sample_that_lacks_something_is_left_out_and_named(tmp_path, capsys, files, words):
    write_shard(tmp_path / "a.tar", files)
    assert list(read_items("shards", tmp_path)) == [] and f"a.tar/1 has {words}" in capsys.readouterr().out


def test_a_shard_that_is_none(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"none" * 500)
    assert "a.tar is no shard" in refusal(list, read_items("shards", tmp_path))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    assert "pip install webdataset" in refusal(check_inputs, options_for(tmp_path, shards=tmp_path))


def test_a_file_in_the_folders_place(tmp_path, images):
    (tmp_path / "out").write_text("")
    assert "cannot be written to" in refusal(check_inputs, options_for(tmp_path / "out", images))


def test_a_full_disk_is_found_out_before_it_is_full(tmp_path, images, base, monkeypatch):
    options = options_for(tmp_path, images)
    check_space(options, base, 1000, 4)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**6}))
    assert "make room" in refusal(check_space, options, base, 10**8, 4)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", None], ids=["empty", "text", "missing"])
def test_a_checkpoint_that_is_none(tmp_path, images, content, capsys):
    checkpoint = tmp_path / "model.safetensors"
    if content is not None:
        checkpoint.write_bytes(content)
    arguments = ["distil", "--checkpoint", str(checkpoint), "--out", str(tmp_path), "--images", str(images), "--cpu"]
    assert main(arguments) == 1 and "model.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no_such_module:f", "json:no_such_function", "json:decoder", "os:", ":f"])
def test_a_reward_that_is_none(tmp_path, images, name):
    try:
        check_inputs(options_for(tmp_path, images, reward=name))
    except RefusedRun:
        return
    assert "--reward" in refusal(load_reward, name)


def test_a_reward_counts_up_to_its_goal():
    import torch

    images = torch.zeros(3, 3, 8, 8, requires_grad=True)
    values = torch.tensor([0.0, 0.5, 2.0])
    missing = shortfall(lambda images, captions: values + images.sum((1, 2, 3)), images, ["", "", ""], 1.0)
    assert missing.item() == pytest.approx((1 + 0.5 + 0) / 3)
    missing.backward()
    assert images.grad[0].max() < 0 and images.grad[2].abs().max() == 0, "what is good enough is left as it is"
    assert "must have the shape [3]" in refusal(shortfall, lambda images, captions: values[:2], images, [], 1.0)


def test_a_loss_that_is_no_number_ends_the_run():
    check_finite({"mse": 0.1}, 5)
    assert "At step 5 this became no number: score" in refusal(check_finite, {"mse": 0.1, "score": float("inf")}, 5)


def test_what_a_run_keeps_of_its_options_has_no_places_in_it(tmp_path, images):
    kept = recipe_of(options_for(tmp_path, images, teacher_lora=Path("/somebody/style.safetensors")))
    assert kept["teacher_lora"] == "style.safetensors" and kept["steps"] == [2] and str(tmp_path) not in str(kept)
    assert kept.keys() < Options.__dataclass_fields__.keys()
