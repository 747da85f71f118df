"""Files that are whole or not there, whatever ends the program while they are written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from ..playground.errors import first_line
from ..playground.files import umask
from ..wording import shown
from .errors import RefusedRun

__all__ = ["save_state", "save_tensors"]


def save_tensors(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file in one step; raises RefusedRun where there is no room."""
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    replace_file(path, lambda part: save_file(whole, part, metadata))


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write what ``torch.load(…, weights_only=True)`` reads, in one step; raises RefusedRun where there is no room."""
    replace_file(path, lambda part: torch.save(state, part))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        part.chmod(0o666 & ~umask())  # safetensors makes files for their owner alone
        os.replace(part, path)
    except (OSError, SafetensorError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise RefusedRun(
            f"{shown(str(path))} could not be written ({first_line(error)}); make room, and go on with --resume."
        ) from error
