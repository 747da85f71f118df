"""Files that are whole or not there, whatever ends the program while they are written."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

__all__ = ["save_state", "save_tensors"]


def save_tensors(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file in one step."""
    part = path.with_name(path.name + ".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata)
    os.replace(part, path)


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write what ``torch.load(…, weights_only=True)`` reads, in one step."""
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)
