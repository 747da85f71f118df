"""A stage of the small model's training: interrupted, repeated, and on two processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from tools.tiny.stage import Stage, descend, processes

ROOT = Path(__file__).parents[2]
TOGETHER = """
import sys
from pathlib import Path
import torch
from tools.tiny.stage import Stage, descend, processes, share
folder = Path(sys.argv[1])
layer = torch.nn.Linear(3, 1, bias=False)
torch.nn.init.ones_(layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in Stage(folder / "a.pt", 1, {"layer": layer}, seed=4):
    drawn = torch.randn(share(8), 3)
    descend(layer(drawn).square().mean(), optimizer, longest=1.0)
torch.save({"weight": layer.weight.data, "drawn": drawn}, folder / f"{processes().process_index}.pt")
"""


class TestStage:
    def train(self, path, steps, until):
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(layer.parameters())
        stage = Stage(path, steps, {"layer": layer, "optimizer": optimizer}, seed=4)
        for step in stage:
            if step == until:
                stage.save(0)
                break
            stage.rate(optimizer, 0.1, warmup=2)
            optimizer.zero_grad()
            layer(torch.randn(4, 3)).square().mean().backward()
            optimizer.step()
        return layer.weight

    def test_an_interrupted_run_ends_where_a_whole_one_does(self, tmp_path):
        whole = self.train(tmp_path / "whole.pt", 8, None)
        stopped = self.train(tmp_path / "parts.pt", 8, 5)
        assert not torch.equal(stopped, whole)
        assert torch.equal(self.train(tmp_path / "parts.pt", 8, None), whole)

    def test_two_processes_do_together_what_one_does(self, tmp_path):
        """Each on its half of a batch, with random numbers of its own; one file is written, by one of them."""
        program = tmp_path / "train.py"
        program.write_text(TOGETHER)
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", program]
        subprocess.run([*launch, tmp_path], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        first, second = (torch.load(tmp_path / f"{process}.pt", weights_only=True) for process in (0, 1))
        assert torch.equal(first["weight"], second["weight"]) and not torch.equal(first["drawn"], second["drawn"])
        layer = torch.nn.Linear(3, 1, bias=False)
        torch.nn.init.ones_(layer.weight)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        descend(layer(torch.cat([first["drawn"], second["drawn"]])).square().mean(), optimizer, longest=1.0)
        assert torch.allclose(layer.weight, first["weight"], atol=1e-6) and not torch.allclose(
            layer.weight, torch.ones(1, 3)
        )
        assert len((tmp_path / "times.jsonl").read_text().splitlines()) == 1

    def test_processes_meet_without_a_gpu_for_each(self, monkeypatch):
        barriers = []
        monkeypatch.setattr(torch.distributed, "barrier", lambda **settings: barriers.append(settings))
        processes().wait_for_everyone()
        monkeypatch.setattr(processes(), "num_processes", 2)
        processes().wait_for_everyone()
        assert barriers == [{}]

    def test_a_finished_stage_is_not_repeated(self, tmp_path):
        self.train(tmp_path / "a.pt", 3, None)
        self.train(tmp_path / "a.pt", 3, None)
        (line,) = (tmp_path / "times.jsonl").read_text().splitlines()
        assert json.loads(line)["steps"] == 3
