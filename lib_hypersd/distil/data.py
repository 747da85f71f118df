"""Latents and captions' encodings, computed once and kept on the disk in parts of 64, each whole or not there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import torch
from accelerate import Accelerator
from safetensors import safe_open
from tqdm import tqdm

from ..writing import replace_text
from .base import Base
from .errors import RefusedRun
from .network import Text, rows
from .options import Options
from .sampling import draw, noise_for
from .sources import FEWEST, Item, count_items, read_items
from .writing import save_tensors

__all__ = ["AT_ONCE", "TEACHER_STEPS", "Data", "open_data", "prepare_data", "save_part"]

PART = 64  # items in a file
AT_ONCE = 8  # images that the checkpoint draws together
TEACHER_STEPS = 25  # of DDIM, for images that the checkpoint draws itself
LATENTS = "latents"
HELD = 4  # data are held in memory that take up no more than one part in so many of what is free


@dataclass(frozen=True)
class Data:
    """Items on the disk, of which some are held out; rows come in single precision on the device.

    Attributes:
        files: open parts.
        held: all of them in memory, by the names of their tensors; empty where they are too large.
        training, held_out: numbers of items.
    """

    files: list
    held: Text
    captions: list[str]
    training: torch.Tensor
    held_out: torch.Tensor
    device: torch.device

    def latents(self, items: torch.Tensor) -> torch.Tensor:
        """``[B, 4, H/8, W/8]``."""
        return self.stack(LATENTS, items)

    def text(self, items: torch.Tensor) -> Text:
        names = self.files[0].keys()
        return {name: self.stack(name, items) for name in names if name != LATENTS}

    def stack(self, name: str, items: torch.Tensor) -> torch.Tensor:
        if name in self.held:
            values = self.held[name][items]
        else:
            values = torch.stack([self.files[i // PART].get_slice(name)[i % PART] for i in items.tolist()])
        return values.to(self.device).float()


def prepare_data(options: Options, base: Base, accelerator: Accelerator) -> Data:
    """The data of a run, computed as far as they are not yet kept; one process computes, the others wait.

    Raises:
        RefusedRun: the folder holds those of other options, or an item cannot be used.
    """
    kind, path = options.source
    folder = options.out / "data"
    with accelerator.main_process_first():
        if accelerator.is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            check_same(folder, options, base)
            if not (folder / "complete").exists():
                compute_parts(folder, kind, path, base, options)
                replace_text(folder / "complete", "", "ascii")
    return open_data(folder, options, accelerator.device)


def open_data(folder: Path, options: Options, device: torch.device) -> Data:
    """The items of a folder, of which the seed chooses those held out."""
    parts = sorted(folder.glob("part-*.safetensors"))
    files = [safe_open(part, "pt") for part in parts]
    captions = [caption for file in files for caption in json.loads(file.metadata()["captions"])]
    if len(captions) < FEWEST:
        raise RefusedRun(f"There are {len(captions)} items that can be read; at least {FEWEST} are needed.")
    order = torch.randperm(len(captions), generator=torch.Generator().manual_seed(options.seed))
    count = max(1, min(options.held_out, len(captions) // 10))
    size = sum(part.stat().st_size for part in parts)
    names = files[0].keys() if size * HELD <= psutil.virtual_memory().available else ()
    held = {name: torch.cat([file.get_tensor(name) for file in files]) for name in names}
    return Data(files, held, captions, order[count:], order[:count], device)


def check_same(folder: Path, options: Options, base: Base) -> None:
    """Keep what the data are made from, or raise RefusedRun where the folder has those of something else."""
    kind, path = options.source
    style = options.teacher_lora and [str(options.teacher_lora.resolve()), options.teacher_weight]
    drawn = [options.seed, options.guidance, options.unguided] if kind == "prompts" else None
    wanted = [str(options.checkpoint.resolve()), kind, str(path.resolve()), base.side, style, drawn]
    file = folder / "made-of.json"
    if file.exists() and json.loads(file.read_text("utf-8")) != wanted:
        raise RefusedRun(f"{folder} holds the data of another run; give another --out, or delete that folder.")
    replace_text(file, json.dumps(wanted), "utf-8")


def compute_parts(folder: Path, kind: str, path: Path, base: Base, options: Options) -> None:
    total = count_items(kind, path)
    number = 0
    with tqdm(desc="data", total=None if kind == "shards" else total, unit="item") as bar:
        for part in parts_of(read_items(kind, path)):
            file = folder / f"part-{number:05}.safetensors"
            if not file.exists():
                texts = [base.encode(item.caption) for item in part]
                text = {name: torch.cat([one[name] for one in texts]) for name in texts[0]}
                latents = drawn_latents if kind == "prompts" else encoded_latents
                save_part(file, latents(part, text, number * PART, base, options), text, [i.caption for i in part])
            number += 1
            bar.update(len(part))


def save_part(file: Path, latents: torch.Tensor, text: Text, captions: list[str]) -> None:
    tensors = {name: tensor.half().cpu() for name, tensor in {**text, LATENTS: latents}.items()}
    save_tensors(tensors, file, {"captions": json.dumps(captions)})


def parts_of(items: Iterator[Item]) -> Iterator[list[Item]]:
    while part := list(islice(items, PART)):
        yield part


def encoded_latents(part: list[Item], text: Text, first: int, base: Base, options: Options) -> torch.Tensor:
    """Of images, cropped to the middle square. One at a time: a part is the same whatever fits into memory."""
    with torch.no_grad():
        return torch.cat([base.pipeline.encode_image(item.image, base.side, base.side) for item in part])


def drawn_latents(part: list[Item], text: Text, first: int, base: Base, options: Options) -> torch.Tensor:
    """What the checkpoint itself makes of the captions, each from noise of its own number."""
    drawn = []
    for start in range(0, len(part), AT_ONCE):
        of_text = rows(text, slice(start, start + AT_ONCE))
        count = len(part[start : start + AT_ONCE])
        noise = torch.cat([noise_for(base, options.seed, first + start + i) for i in range(count)])
        drawn.append(draw(base.network, noise, of_text, TEACHER_STEPS, guidance=options.guidance))
    return torch.cat(drawn)
