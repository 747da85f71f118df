"""Score distillation for one step (Hyper-SD, section 3.3, after distribution matching distillation, arXiv:2311.18828).

What the student makes of noise is moved along the difference of two scores: the teacher's, which knows how pictures
should be distributed, and that of a second LoRA, which learns at the same time how the student's are. It is also
compared with what the two-step LoRA makes of the same noise (there, the teacher in many steps), and does in later steps
what that one does.
"""

from itertools import pairwise
from pathlib import Path

import torch

from lib_hypersd.sampling.schedules import trailing_timesteps

from .distil import BATCH, GUIDANCE, Jumps, Student, Teacher, lora_path
from .lora import Lora, predict
from .reward import train_reward
from .stage import Stage, descend, once, share
from .train import add_noise
from .trajectory import jump

STEPS, RATE = 1300, 2e-3
PAIRS, SCORE, REWARD, LATE = 0.8, 0.08, 0.03, 10.0  # weights of the losses
FURTHER = 900  # all steps but the first begin below this timestep, whatever their number
LEAST = 0.1  # that an error of the image counts in later steps
NAME, START = "1step", "feedback"


def direction(teacher: Teacher, fake: Lora, predicted: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """By how much samples ``predicted``, ``[B, 4, 8, 8]``, should change (arXiv:2311.18828, equations 7 and 8)."""
    t = torch.randint(20, 980, (len(predicted),), device=predicted.device)
    x = add_noise(predicted, torch.randn(predicted.shape).to(predicted.device), teacher.alphas[t])
    image = torch.full_like(t, -1)
    with torch.no_grad():
        real = jump(x, teacher.noise(x, t, text, GUIDANCE), t, image, teacher.alphas)
        imitated = jump(x, predict(teacher.unet, x, t, text, fake), t, image, teacher.alphas)
    size = (predicted - real).abs().mean((1, 2, 3), keepdim=True)
    return (real - imitated) / size.clamp(min=1e-3)


@torch.no_grad()
def in_two_steps(teacher: Teacher, lora: Lora, noise: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """What the two-step LoRA makes of the same noise, ``[B, 4, 8, 8]``."""
    x = noise
    for step in pairwise([*trailing_timesteps(2), -1]):
        t, end = (torch.full((len(x),), timestep, device=x.device) for timestep in step)
        x = jump(x, predict(teacher.unet, x, t, text, lora), t, end, teacher.alphas)
    return x


def further_steps(student: Student, two_steps: Lora, size: int) -> Jumps:
    """Where steps after the first lead, and where they do by the two-step LoRA.

    One LoRA for all numbers of steps has paid for its long jumps with its short ones: with the two-step LoRA from the
    second step on, 89 % of the pictures in 8 steps of TCD were right, with the one-segment LoRA alone 79 %.
    """
    teacher = student.teacher
    x0, caption = teacher.data.batch(size)
    t, text = torch.randint(FURTHER, (size,)).to(teacher.device), teacher.texts[caption]
    image = torch.full_like(t, -1)

    def target(x):
        return jump(x, predict(teacher.unet, x, t, text, two_steps), t, image, teacher.alphas)

    return student.jumps(x0, caption, t, image, target, LEAST)


def one_step(out: Path, device: str) -> None:
    """Make the unified LoRA, ``out/lora-1step.safetensors``, from the one that had feedback."""
    if lora_path(out, NAME).exists():
        return
    torch.manual_seed(30)
    teacher = Teacher(out, device)
    reward = train_reward(out, teacher.data, device)
    student, fake = Student(teacher, lora_path(out, START)), Lora(teacher.unet)
    two_steps = Lora.load(lora_path(out, "2steps"), teacher.unet)
    fake_optimizer = torch.optim.AdamW(fake.parameters(), lr=RATE, weight_decay=0.0)
    parts = student.parts | {"fake": fake, "fake_optimizer": fake_optimizer}
    stage = Stage(out / "lora-1step.pt", STEPS, parts, seed=30)
    for _ in stage:
        stage.rate(student.optimizer, RATE)
        further = further_steps(student, two_steps, share(BATCH // 2))
        x0, caption = teacher.data.batch(share(BATCH))
        text, noise = teacher.texts[caption], torch.randn(x0.shape).to(device)
        first = torch.full((len(x0),), 999, device=device)
        predicted = student.arrive(noise, first, torch.full_like(first, -1), text)
        apart = (predicted - in_two_steps(teacher, two_steps, noise, text)).square().mean()
        goal = predicted.detach() + direction(teacher, fake, predicted.detach(), text)
        score = 0.5 * (predicted - goal).square().mean()
        drawn, captions = torch.cat([predicted, further.arrived]), torch.cat([caption, further.caption])
        missed = reward(drawn, teacher.data.labels[captions]).mean()
        student.learn(PAIRS * apart + SCORE * score + REWARD * missed + LATE * further.difference)
        fake_error = learn_fake(teacher, fake, fake_optimizer, predicted.detach(), text)
        stage.log(further=further.difference, apart=apart, score=score, missed=missed, fake_error=fake_error)
    once(student.average.save, lora_path(out, NAME), "Hyper-SD15-1step-tiny")


def learn_fake(teacher: Teacher, fake: Lora, optimizer, predicted: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """One step of the second LoRA: predict the noise in the student's samples."""
    t = torch.randint(1000, (len(predicted),), device=predicted.device)
    noise = torch.randn(predicted.shape).to(predicted.device)
    error = (
        (predict(teacher.unet, add_noise(predicted, noise, teacher.alphas[t]), t, text, fake) - noise).square().mean()
    )
    descend(error, optimizer)
    return error
