"""What pictures show as numbers: the place of every scene's value among the values of its field."""

import torch
from torch.nn import functional

from .pictures import VALUES, Scene
from .reader import FIELDS

LOGITS = sum(map(len, VALUES))
UNSAID = -100  # what cross entropy leaves out


def labels_of(scenes: list[Scene]) -> torch.Tensor:
    """The number of every scene's value in each field, ``[N, 5]``."""
    return torch.tensor(
        [[VALUES[i].index(getattr(scene, field)) for i, field in enumerate(FIELDS)] for scene in scenes]
    )


def labels_in(scene: Scene, caption: str) -> torch.Tensor:
    """The scene's labels, ``[5]``, without those of a place and a background that its caption leaves unsaid."""
    labels = labels_of([scene])[0]
    for field, words in (("place", scene.place), ("background", "background")):
        if words not in caption:
            labels[FIELDS.index(field)] = UNSAID
    return labels


def surprise(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """How surprising ``labels``, ``[B, 5]``, are to ``logits``, ``[B, 23]``: cross entropy over the fields, ``[B]``."""
    parts = logits.split([len(values) for values in VALUES], 1)
    return sum(
        functional.cross_entropy(part, labels[:, i], reduction="none", label_smoothing=smoothing)
        for i, part in enumerate(parts)
    )
