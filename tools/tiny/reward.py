"""Feedback: a small network that reads count, colour, shape, place and background from latents, and its lesson.

It is differentiable, which the reader that measures quality (``reader.py``) is not, and it never measures anything.
"""

from pathlib import Path

import torch

from .distil import BATCH, Phase, Student, Teacher, lora_path
from .labels import LOGITS, labels_of, surprise
from .stage import Stage, descend, once, share
from .train import Data

STEPS = {"reward": 1000, "feedback": 200}
RATE = 5e-4
WEIGHT = 0.01  # of the reward beside the consistency loss
ONE = Phase("feedback", 1, "1segment", (0.0, 0.0))


class Reward(torch.nn.Module):
    """Reads latents, ``[B, 4, 8, 8]``."""

    def __init__(self):
        super().__init__()
        self.read = torch.nn.Sequential(
            torch.nn.Conv2d(4, 64, 3, padding=1), torch.nn.SiLU(),
            torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.SiLU(),
            torch.nn.Conv2d(64, 128, 3, stride=2, padding=1), torch.nn.SiLU(),
            torch.nn.Flatten(), torch.nn.Linear(128 * 16, 128), torch.nn.SiLU(),
            torch.nn.Linear(128, LOGITS),
        )  # fmt: skip

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """How surprising the labels, ``[B, 5]``, are, ``[B]``."""
        return surprise(self.read(latents), labels, smoothing=0.05)


def train_reward(out: Path, data: Data, device: str) -> Reward:
    """The reward network, trained as far as ``out/reward.pt`` is not; on latents with a little noise in them."""
    torch.manual_seed(20)
    reward, labels = Reward().to(device), labels_of(data.scenes).to(device)
    optimizer = torch.optim.AdamW(reward.parameters(), weight_decay=0.05)
    stage = Stage(out / "reward.pt", STEPS["reward"], {"reward": reward, "optimizer": optimizer}, seed=20)
    for _ in stage:
        stage.rate(optimizer, 1e-3)
        chosen = torch.randint(len(labels), (share(128),))
        latents = data.latents[chosen]
        noise = torch.randn(latents.shape) * torch.rand(len(chosen), 1, 1, 1) * 0.5
        loss = reward(latents + noise.to(device), labels[chosen]).mean()
        descend(loss, optimizer)
        stage.log(surprise=loss)
    return reward.eval().requires_grad_(False)


def feedback(out: Path, device: str) -> None:
    """Teach the one-segment LoRA what the reward network misses, while it stays consistent."""
    if lora_path(out, "feedback").exists():
        return
    torch.manual_seed(21)
    teacher = Teacher(out, device)
    reward = train_reward(out, teacher.data, device)
    student = Student(teacher, lora_path(out, ONE.start))
    stage = Stage(out / "lora-feedback.pt", STEPS["feedback"], student.parts, seed=21)
    for _ in stage:
        stage.rate(student.optimizer, RATE)
        jumps = student.consistency(ONE, share(BATCH))
        missed = reward(jumps.arrived, teacher.data.labels[jumps.caption]).mean()
        student.learn(jumps.difference + WEIGHT * missed)
        stage.log(difference=jumps.difference, missed=missed)
    once(student.average.save, lora_path(out, "feedback"), "Hyper-SD15-feedback-tiny")
