"""Trajectory segmented consistency distillation (Hyper-SD, arXiv:2404.13686, section 3.1) of the small model.

The trajectory is cut into 8 segments, then 4, 2 and 1; each phase starts from the LoRA of the one before. The student
learns to jump to the end of its segment: first to the very place (MSE), then more and more to one that a
discriminator cannot tell from it.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from lib_hypersd.distil.trajectory import end_of_segment, image_error, with_image

from . import model
from .discriminator import Discriminator
from .lora import Lora, guided, predict
from .stage import Stage, descend, once, share
from .train import Data, add_noise, alphas_cumprod, image_weight
from .trajectory import jump, segment_target

BATCH, RATE = 32, 2e-3
DECAY = 0.95  # of the student's moving average, which the targets are made with
GUIDANCE = 3.0  # that the teacher is distilled at
GUIDED = 250  # the timestep below which it has none: what is there is settled, and outlines suffer (arXiv:2404.07724)
# The least that an error of the image counts (progressive distillation, arXiv:2202.00512). It counts more at low noise,
# which is easily forgotten beside the first timesteps: in several steps every one but the first starts there.
LEAST = 1.0


@dataclass(frozen=True)
class Phase:
    """``start``: the phase whose LoRA it begins with. ``adversarial``: that loss's weight at its first and last step.

    ``guidance`` is the teacher's; at 1 the student keeps guidance to itself, and learns empty captions as well.
    """

    name: str
    segments: int
    start: str | None
    adversarial: tuple[float, float]
    steps: int = 400
    guidance: float = GUIDANCE
    unconditional: float = 0.0


PHASES = (
    Phase("8steps", 8, None, (0.0, 0.002), steps=600),
    Phase("4steps", 4, "8steps", (0.002, 0.005)),
    Phase("2steps", 2, "4steps", (0.005, 0.01)),
    Phase("1segment", 1, "2steps", (0.01, 0.01), steps=700),
    Phase("8steps-CFG", 8, None, (0.0, 0.0), steps=300, guidance=1.0, unconditional=0.15),
)


@dataclass(frozen=True)
class Jumps:
    """Where the student's jumps ended and should have, ``[B, 4, 8, 8]``, at which ``end``, for which captions.

    ``difference`` is the error of the image they went by, as much as it counts where they began.
    """

    arrived: torch.Tensor
    target: torch.Tensor
    end: torch.Tensor
    caption: torch.Tensor
    difference: torch.Tensor


class Teacher:
    """The trained model with its data, and what its text encoder makes of all captions, ``texts`` ``[K, 77, 64]``."""

    def __init__(self, out: Path, device: str):
        networks = {"unet": model.make_unet(), "text_encoder": model.make_text_encoder()}
        model.from_original(load_file(out / "tiny-sd15.safetensors"), networks)
        self.unet, text_encoder = (n.to(device).eval().requires_grad_(False) for n in networks.values())
        # A LoRA is trained on fewer pictures, whose captions somebody has read.
        self.device, self.data = device, Data(out, device, wrong=0.0)
        self.alphas = with_image(alphas_cumprod(device))
        with torch.no_grad():
            self.texts = torch.cat([text_encoder(part).last_hidden_state for part in self.data.tokens.split(256)])

    def noise(self, x, t, text, guidance: float = GUIDANCE) -> torch.Tensor:
        """The teacher's own prediction of the noise."""
        scales = torch.where(t < GUIDED, 1.0, guidance).reshape(-1, 1, 1, 1)
        with torch.no_grad():
            return guided(self.unet, x, t, text, self.texts[:1], 1 if guidance == 1 else scales)


class Student:
    """A LoRA in training, and its moving average, which makes the targets and is what is saved in the end."""

    def __init__(self, teacher: Teacher, start: Path | None):
        self.teacher = teacher
        self.lora = Lora.load(start, teacher.unet) if start else Lora(teacher.unet)
        self.average = deepcopy(self.lora).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.lora.parameters(), weight_decay=0.0)
        self.parts = {"lora": self.lora, "average": self.average, "optimizer": self.optimizer}

    def arrive(self, x, t, end, text) -> torch.Tensor:
        """Where the student's jump from ``t`` to ``end`` ends."""
        noise = predict(self.teacher.unet, x, t, text, self.lora)
        return jump(x, noise, t, end, self.teacher.alphas)

    def jumps(self, x0, caption, t, end, target: Callable[[torch.Tensor], torch.Tensor], least: float) -> Jumps:
        """The student's jumps from ``x0`` as noisy as at ``t`` to ``end``, which should lead where ``target`` does."""
        alphas, device = self.teacher.alphas, self.teacher.device
        x = add_noise(x0, torch.randn(x0.shape).to(device), alphas[t])
        with torch.no_grad():
            right = target(x)
        arrived = self.arrive(x, t, end, self.teacher.texts[caption])
        error = image_error(arrived, right, t, end, alphas)
        return Jumps(arrived, right, end, caption, (image_weight(alphas[t], least) * error).mean())

    def consistency(self, phase: Phase, size: int) -> Jumps:
        """The student's jumps from random places of the trajectory to the ends of their segments."""
        teacher = self.teacher
        x0, caption = teacher.data.batch(size, phase.unconditional)
        text = teacher.texts[caption]
        # A segment's first timestep is where sampling starts: a quarter of the batch begins there.
        t = torch.randint(1000, (size,), device=teacher.device)
        firsts = end_of_segment(t, phase.segments) + 1000 // phase.segments
        t = torch.where(torch.rand(size, device=teacher.device) < 0.25, firsts, t)
        end = end_of_segment(t, phase.segments)

        def target(x):
            return segment_target(
                lambda x, t: teacher.noise(x, t, text, phase.guidance),
                lambda x, t: predict(teacher.unet, x, t, text, self.average),
                x, t, end, teacher.alphas,
            )  # fmt: skip

        return self.jumps(x0, caption, t, end, target, LEAST)

    def learn(self, loss: torch.Tensor) -> None:
        descend(loss, self.optimizer, longest=1.0)
        self.average.follow(self.lora, DECAY)


def distil(out: Path, device: str) -> None:
    """Every phase that has not yet written ``out/lora-….safetensors``."""
    missing = [phase for phase in PHASES if not lora_path(out, phase.name).exists()]
    if not missing:
        return
    teacher = Teacher(out, device)
    for phase in missing:
        run_phase(out, teacher, phase, seed=10 + PHASES.index(phase))


def lora_path(out: Path, name: str) -> Path:
    return out / f"lora-{name}.safetensors"


def run_phase(out: Path, teacher: Teacher, phase: Phase, seed: int) -> None:
    """Train one phase as far as it is not yet trained, and write its LoRA."""
    torch.manual_seed(seed)
    student = Student(teacher, phase.start and lora_path(out, phase.start))
    judge = Discriminator().to(teacher.device)
    judge_optimizer = torch.optim.AdamW(judge.parameters(), lr=RATE)
    parts = student.parts | {"judge": judge, "judge_optimizer": judge_optimizer}
    stage = Stage(out / f"lora-{phase.name}.pt", phase.steps, parts, seed)
    for step in stage:
        stage.rate(student.optimizer, RATE)
        jumps = student.consistency(phase, share(BATCH))
        first, last = phase.adversarial
        weight = first + (last - first) * step / phase.steps
        fooled = torch.zeros_like(jumps.difference)
        if last:
            # Least squares: the judge says 1 to targets and 0 to students, who want to hear 1 (arXiv:1611.04076).
            t, text = jumps.end.clamp(min=0), teacher.texts[jumps.caption]
            real, fake = (judge(teacher.unet, x, t, text) for x in (jumps.target, jumps.arrived.detach()))
            judge_loss = ((real - 1).square() + fake.square()).mean()
            descend(judge_loss, judge_optimizer)
            fooled = (judge(teacher.unet, jumps.arrived, t, text) - 1).square().mean()
        student.learn(jumps.difference + weight * fooled)
        stage.log(difference=jumps.difference, fooled=fooled)
    once(student.average.save, lora_path(out, phase.name), f"Hyper-SD15-{phase.name}-tiny")
