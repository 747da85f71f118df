"""Many pictures: which are made together, that neighbours do not count, and what each of several processes makes."""

import json
import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from lib_hypersd.cli.main import main
from lib_hypersd.cli.playground import print_line
from lib_hypersd.playground import batches
from lib_hypersd.playground.generate import Playground
from lib_hypersd.playground.job import Job, Line
from lib_hypersd.playground.placement import GB, MOST_ROWS, WORKSPACE, most_together
from tests.live.make_models import control, write
from tests.playground import models
from tests.playground.pictures import Watched, job_of, latents

ROOT = Path(__file__).parents[2]
PROMPTS = ("a red cat", "a house by the sea", "", "two circles")


def several(**values) -> list[Line]:
    return [Line(n, job_of(**values, prompt=prompt, seed=n)) for n, prompt in enumerate(PROMPTS, 1)]


def make_all(playground, lines, **options):
    """What became of each line, by its number, and the rows of each evaluation."""
    with Watched(playground) as watched:
        outcomes = {
            line.number: outcome
            for group in batches.group_lines(playground, lines)
            for line, outcome in batches.make(playground, group, **options)
        }
    return outcomes, watched.rows


def differences(pictures, others):
    """By how much of 255 two pictures of the same line differ at most, of all lines."""
    pairs = ((pictures[number].image, others[number].image) for number in others)
    return max(high for one, other in pairs for _, high in ImageChops.difference(one, other).getextrema())


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({"steps": 2}, [4] * 2),
        ({"variant": "unified", "steps": 3, "eta": 0.5}, [4] * 3),
        ({"variant": "cfg", "negative": "a dog"}, [8] * 8),
        ({"steps": 1, "two_pass": True}, [4] * 2),
    ],
)
def test_a_picture_does_not_depend_on_its_neighbours(playground, values, rows):
    lines = several(**values)
    together, evaluated = make_all(playground, lines)
    exact, one_by_one = make_all(playground, lines, exact=True)
    assert evaluated == rows and set(one_by_one) <= {1, 2} and sum(one_by_one) == sum(rows)
    assert differences(together, exact) <= 1
    for line in lines:
        alone = playground.run(line.job)
        assert exact[line.number].image.tobytes() == alone.image.tobytes(), "with --exact to the last bit"
        assert together[line.number].infotext == exact[line.number].infotext == alone.infotext
    assert len({picture.image.tobytes() for picture in together.values()}) == len(lines)


def test_starting_images_and_control_images_are_each_pictures_own(playground, tmp_path):
    path = tmp_path / "control.safetensors"
    write(path, control(models.TINY_SD15), torch.float16)
    playground = Playground(playground.pipeline, playground.loras, playground.catalog, path)
    images = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue", "white")]
    for place in ("init", "control"):
        jobs = [replace(line.job, **{place: image}) for line, image in zip(several(steps=2), images, strict=True)]
        lines = [Line(n, job) for n, job in enumerate(jobs)]
        together, rows = make_all(playground, lines)
        exact, _ = make_all(playground, lines, exact=True)
        assert rows == [4] * len(rows) and differences(together, exact) <= 1
        same = [Line(n, replace(job, prompt="a", seed=1)) for n, job in enumerate(jobs)]
        assert len({picture.image.tobytes() for picture in make_all(playground, same)[0].values()}) == 4


def test_batches_of_flow_models(tmp_path):
    for family in ("sd3", "flux"):
        playground = models.playground_of(models.write_flow(tmp_path / family, family))
        lines = several(base=True, steps=2, cfg=1, sampler="Euler", schedule="Simple", width=64, height=64)
        together, rows = make_all(playground, lines)
        assert rows == [4, 4] and differences(together, make_all(playground, lines, exact=True)[0]) <= 1


def test_only_what_the_network_sees_alike_is_made_together(playground):
    alike = [{}, {"negative": "at CFG 1 it does not count"}, {"prompt": "another"}, {"seed": 9}]
    other = [
        {"steps": 4}, {"weight": 0.5}, {"width": 128}, {"sampler": "TCD"}, {"cfg": 1.5}, {"variant": "cfg"}, {"base": True},
        {"prompt": "a red cat <lora:Hyper-SD15-4steps-lora:1>"}, {"two_pass": True}, {"steps": 9}, {"steps": 9},
    ]  # fmt: skip
    lines = [Line(n, job_of(**{"steps": 2, **values})) for n, values in enumerate([*alike, *other])]
    groups = [[line.number for line in group] for group in batches.group_lines(playground, lines)]
    assert groups[0] == [0, 1, 2, 3] and [len(group) for group in groups[1:]] == [1] * len(other)
    keys = [playground.batch_key(replace(job_of(steps=2), init="x", strength=s)) for s in (0.5, 0.5, 0.6)]
    assert keys[0] == keys[1] != keys[2]
    assert pickle.loads(pickle.dumps(keys[0])) == keys[0], "as another process sends it"


def test_a_line_that_is_refused_leaves_its_neighbours_alone(playground, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    Image.new("RGB", (64, 64)).save(tmp_path / "image.png")
    names = ["image", "text", "image", "image", "text"]
    lines = [Line(n, replace(job_of(steps=2), init=tmp_path / f"{name}.png")) for n, name in enumerate(names)]
    outcomes, _ = make_all(playground, lines)
    assert [n for n, outcome in sorted(outcomes.items()) if isinstance(outcome, Exception)] == [1, 4]
    assert str(outcomes[1]).endswith("text.png is no image that can be read.")


def test_what_memory_is_too_small_for_is_made_in_less(playground, monkeypatch):
    network = playground.pipeline.network
    forward, tried = network.forward, []

    def limited(sample, *args, **kwargs):
        tried.append(len(sample))
        if len(sample) > 2:
            raise torch.OutOfMemoryError
        return forward(sample, *args, **kwargs)

    lines = [Line(n, job_of(steps=1, seed=n)) for n in range(7)]
    alone = make_all(playground, lines, exact=True)[0]
    monkeypatch.setattr(network, "forward", limited)
    outcomes, _ = make_all(playground, lines)
    assert differences(outcomes, alone) <= 1
    assert tried[:2] == [7, 3] and max(tried[2:]) == 1, "what was too much is not tried again"


def test_how_many_pictures_fit():
    assert most_together(0, 512**2, 1) == 1 and most_together(80 * GB, 64**2, 1) == MOST_ROWS
    assert most_together(4 * WORKSPACE, 1024**2, 1) == 4 and most_together(4 * WORKSPACE, 1024**2, 2) == 2
    assert most_together(4 * WORKSPACE, 512**2, 1) == 16


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 5))
def test_every_line_is_dealt_out_once_and_each_process_has_as_much_of_every_plan(sizes, processes):
    numbers = iter(range(100))
    groups = [[Line(next(numbers), Job("")) for _ in range(size)] for size in sizes]
    shares = [batches.share(groups, process, processes) for process in range(processes)]
    dealt = Counter(line.number for share in shares for group in share for line in group)
    assert dealt == Counter(line.number for group in groups for line in group)
    totals = sorted(sum(map(len, share)) for share in shares)
    assert totals[-1] - totals[0] <= 1
    for group in groups:
        counts = [sum(line in part for part in share for line in group) for share in shares]
        assert max(counts) - min(counts) <= 1


def launch(folder, batch, out, *options, processes=1):
    several = [
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        processes,
        "--main_process_port",
        0,
    ]
    start = [*(several if processes > 1 else []), "-m", "lib_hypersd", "generate", "--device", "cpu"]
    command = [sys.executable, *start, "--checkpoint", folder / "sd15.safetensors", "--lora", folder / "loras", "--batch",
               batch, "--out", out, "--json", *options]  # fmt: skip
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def batch(tmp_path):
    """Nine lines of two plans in turn, one of which is refused."""
    path = tmp_path / "all.jsonl"
    lines = [{"prompt": f"cat {n}", "seed": n, "steps": 1 + n % 2} for n in range(8)]
    path.write_text("\n".join(map(json.dumps, [*lines, {"prompt": "x", "seed": 1, "steps": 9}])))
    return path


def test_several_processes_make_every_line_once_and_the_same_pictures(folder, tmp_path, batch):
    by_two = launch(folder, batch, tmp_path / "two", "--exact", processes=2)
    out, err = by_two.communicate(timeout=500)
    results = [json.loads(line) for line in out.splitlines()]
    assert sorted(result["line"] for result in results) == list(range(1, 10)) and by_two.returncode == 1
    assert err.count("pictures made in") == 1 and "8 of 9 pictures made in" in err and "s by 2 processes." in err
    by_one = launch(folder, batch, tmp_path / "one", "--exact")
    assert "8 of 9 pictures made in" in by_one.communicate(timeout=500)[1]
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two and sorted(one)[:2] == ["00001-0.png", "00002-1.png"]


def test_a_line_is_printed_in_one_piece(monkeypatch):
    """Between two writes another process could have its own line."""
    written = []
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=written.append, flush=lambda: written.append("flushed")))
    print_line("a picture")
    assert written == ["a picture\n", "flushed"]


def test_what_a_killed_process_has_not_made_is_made_by_running_again(folder, tmp_path, batch):
    out = tmp_path / "out"
    killed = launch(folder, batch, out, "--exact")
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    there = {path: path.read_bytes() for path in out.glob("*.png")}
    assert 1 <= len(there) < 8
    again = launch(folder, batch, out, "--exact", "--resume")
    results = [json.loads(line) for line in again.communicate(timeout=500)[0].splitlines()]
    assert len(results) == 9 - len(there) and all(path.read_bytes() == content for path, content in there.items())
    texts = [Image.open(path).info["parameters"] for path in out.glob("*.png")]
    assert len(texts) == len(set(texts)) == 8


def test_a_line_is_left_out_where_a_picture_says_the_same(folder, tmp_path, capsys):
    batch, out = tmp_path / "all.jsonl", tmp_path / "out"

    def run(*lines):
        batch.write_text("\n".join(map(json.dumps, lines)))
        given = [
            "--checkpoint",
            folder / "sd15.safetensors",
            "--lora",
            folder / "loras",
            "--batch",
            batch,
            "--out",
            out,
        ]
        main(["generate", *map(str, given), "--json", "--resume"])
        captured = capsys.readouterr()
        return [json.loads(line)["line"] for line in captured.out.splitlines()], captured.err

    drawn, fixed = {"prompt": "a", "steps": 1}, {"prompt": "b", "steps": 1, "seed": 4}
    assert run(drawn, fixed)[0] == [1, 2]
    numbers, err = run(drawn, fixed)
    assert numbers == [] and "0 of 2 pictures made in" in err and "2 were there." in err
    assert run(drawn, drawn, {**fixed, "seed": 5}, {**fixed, "steps": 2}, fixed)[0] == [2, 3, 4]
    (out / "notes.png").write_text("no picture")
    Image.new("RGB", (8, 8)).save(out / "plain.png")
    numbers = sorted(int(path.name.partition("-")[0]) for path in out.glob("*-*.png"))
    assert run(drawn, drawn)[0] == [] and all(a < b for a, b in pairwise(numbers)), "no file is written over"


def test_latents_of_a_batch_have_each_pictures_own_noise(playground):
    jobs = [job_of(steps=1, seed=seed) for seed in (3, 4)]
    noise = playground.noise(jobs)
    drawn = [noise(), noise()]
    for row, job in enumerate(jobs):
        alone = playground.noise([job])
        assert all(torch.equal(batch[row : row + 1], alone()) for batch in drawn)
    assert latents(playground, jobs[0]).shape == (1, 4, 8, 8)
