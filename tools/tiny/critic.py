"""A reward for the small model: how well a picture fits its caption, by a network that reads pictures.

    HYPERSD_CRITIC=critic.pt python -m lib_hypersd distil … --reward tools.tiny.critic:fitness --reward-goal 0

It is differentiable, which the reader that measures quality (``reader.py``) is not, and it never measures anything.
"""

import os
from functools import cache
from pathlib import Path

import torch

from .labels import LOGITS, UNSAID, labels_in, labels_of, surprise
from .pictures import in_turn, pictures, split
from .reader import FIELDS

PLACE = "HYPERSD_CRITIC"  # the variable that says in which file the network is kept
PICTURES, STEPS, BATCH, RATE = 4000, 800, 128, 1e-3


class Critic(torch.nn.Module):
    """Reads pictures from 0 to 1, ``[B, 3, 64, 64]``, as logits, ``[B, 23]``."""

    def __init__(self):
        super().__init__()
        self.read = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 5, stride=2, padding=2), torch.nn.SiLU(),
            torch.nn.Conv2d(32, 64, 3, stride=2, padding=1), torch.nn.SiLU(),
            torch.nn.Conv2d(64, 64, 3, stride=2, padding=1), torch.nn.SiLU(),
            torch.nn.Flatten(), torch.nn.Linear(64 * 64, 128), torch.nn.SiLU(),
            torch.nn.Linear(128, LOGITS),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.read(images * 2 - 1)


def train_critic(file: Path, device: str, steps: int) -> None:
    """Train the network on training pictures with some noise in them, unless it is there."""
    if file.exists():
        return
    torch.manual_seed(20)
    training = split()[0]
    shown = torch.from_numpy(pictures(training, PICTURES, seed=4)).permute(0, 3, 1, 2).contiguous().to(device)
    labels = labels_of(in_turn(training, PICTURES)).to(device)
    critic = Critic().to(device)
    optimizer = torch.optim.AdamW(critic.parameters(), lr=RATE, weight_decay=0.05)
    for _ in range(steps):
        chosen = torch.randint(PICTURES, (BATCH,)).to(device)
        images = shown[chosen].float() / 255
        noisy = images + torch.randn_like(images) * torch.rand(BATCH, 1, 1, 1, device=device) * 0.2
        loss = surprise(critic(noisy), labels[chosen], smoothing=0.05).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(critic.cpu().state_dict(), file)


@cache
def labels_by_caption() -> dict[str, torch.Tensor]:
    """What every caption of a training picture says, ``[5]``; the empty one says nothing."""
    return {"": torch.full((len(FIELDS),), UNSAID)} | {
        caption: labels_in(scene, caption)
        for scene in split()[0]
        for caption in (scene.caption(place, background) for place in (True, False) for background in (True, False))
    }


@cache
def load_critic(file: str, device: torch.device) -> Critic:
    critic = Critic()
    critic.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return critic.to(device).eval().requires_grad_(False)


def fitness(images: torch.Tensor, captions: list[str]) -> torch.Tensor:
    """How little surprising the captions are to who sees the images, ``[B]``, at most 0: a reward as
    ``lib_hypersd.distil`` wants one."""
    labels = torch.stack([labels_by_caption()[caption] for caption in captions]).to(images.device)
    return -surprise(load_critic(os.environ[PLACE], images.device)(images), labels, smoothing=0.05)
