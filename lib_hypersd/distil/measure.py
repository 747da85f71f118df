"""The held-out image error: how far the student's images are from the teacher's, of the same noise and captions."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from .base import Base
from .data import AT_ONCE, TEACHER_STEPS, Data
from .network import AVERAGE, TEACHER, Text, rows
from .options import Options
from .sampling import draw, noise_for
from .stages import Stage
from .writing import save_tensors

__all__ = ["HeldOut", "hold_out", "no_longer_falls"]

FIRST_NOISE = 10**9  # its number, beyond those of the data's images


@dataclass
class HeldOut:
    """Captions that nothing learns from, with noise and what the teacher draws, ``[N, 4, H/8, W/8]``."""

    base: Base
    captions: list[str]
    text: Text
    noise: torch.Tensor
    teacher: torch.Tensor
    guidance: float  # of the teacher, and of a student that keeps guidance to the user

    def draw(self, stage: Stage, steps: int, count: int | None = None, adapter: str | None = AVERAGE) -> torch.Tensor:
        """What an adapter makes of the first ``count`` captions in some steps, as its LoRA is meant to be used."""
        guidance = self.guidance if stage.keeps_guidance else 1.0
        is_unified = stage.kind == "unified"
        return torch.cat([
            draw(self.base.network, noise, text, steps, guidance, adapter, is_unified)
            for noise, text in in_parts(self.noise[:count], rows(self.text, slice(count)))
        ])  # fmt: skip

    def error(self, stage: Stage) -> float:
        """Mean square difference of latents from the teacher's, as a share of the mean square of these."""
        away = self.draw(stage, stage.segments) - self.teacher
        return (away.square().mean() / self.teacher.square().mean()).item()


def hold_out(options: Options, base: Base, data: Data, accelerator: Accelerator) -> HeldOut:
    """The held-out captions of the data, drawn by the teacher: once, and kept beside the states of the run."""
    text = data.text(data.held_out)
    noise = torch.cat([noise_for(base, options.seed, FIRST_NOISE + i) for i in range(len(data.held_out))])
    file = options.out / "state" / "held-out.safetensors"
    with accelerator.main_process_first():
        if not file.exists():
            drawn = [
                draw(base.network, part, of_text, TEACHER_STEPS, options.guidance, TEACHER)
                for part, of_text in in_parts(noise, text)
            ]
            save_tensors({"teacher": torch.cat(drawn)}, file, {})
    captions = [data.captions[i] for i in data.held_out.tolist()]
    teacher = load_file(file)["teacher"].to(accelerator.device)
    return HeldOut(base, captions, text, noise, teacher, options.guidance)


def in_parts(noise: torch.Tensor, text: Text) -> Iterator[tuple[torch.Tensor, Text]]:
    """Noise and conditioning of as many images as are drawn together."""
    for i in range(0, len(noise), AT_ONCE):
        place = slice(i, i + AT_ONCE)
        yield noise[place], rows(text, place)


def no_longer_falls(errors: list[float], patience: int) -> bool:
    """Whether none of the last ``patience`` errors is the smallest of all; never with a patience of 0."""
    return 0 < patience < len(errors) and min(errors[-patience:]) >= min(errors[:-patience])
