"""Score distillation for one step (Hyper-SD, section 3.3, after distribution matching distillation, arXiv:2311.18828).

What the student makes of noise is moved along the difference of two scores: the teacher's, which knows how pictures
should be distributed, and that of a second LoRA, which learns at the same time how the student's are.
"""

from pathlib import Path

import torch

from .distil import BATCH, GUIDANCE, RATE, Phase, Student, Teacher, lora_path
from .labels import labels_of
from .lora import Lora, predict
from .reward import from_noise, train_reward, whole_captions
from .stage import Stage
from .train import add_noise
from .trajectory import jump

STEPS = 400
SCORE, REWARD = 0.25, 0.005  # weights beside the consistency loss
UNIFIED = Phase("1step", 1, "feedback", (0.0, 0.0))


def direction(teacher: Teacher, fake: Lora, made: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """By how much samples ``made``, ``[B, 4, 8, 8]``, should change (arXiv:2311.18828, equations 7 and 8)."""
    t = torch.randint(20, 980, (len(made),), device=made.device)
    x = add_noise(made, torch.randn(made.shape).to(made.device), teacher.alphas[t])
    image = torch.full_like(t, -1)
    with torch.no_grad():
        real = jump(x, teacher.noise(x, t, text, GUIDANCE), t, image, teacher.alphas)
        seen = jump(x, predict(teacher.unet, x, t, text, fake), t, image, teacher.alphas)
    size = (made - real).abs().mean((1, 2, 3), keepdim=True)
    return (real - seen) / size.clamp(min=1e-3)


def one_step(out: Path, device: str) -> None:
    """Make the unified LoRA, ``out/lora-1step.safetensors``, from the one that had feedback."""
    if lora_path(out, UNIFIED.name).exists():
        return
    torch.manual_seed(30)
    teacher = Teacher(out, device)
    reward, labels = train_reward(out, teacher.data, device), labels_of(teacher.data.scenes).to(device)
    student, fake = Student(teacher, lora_path(out, UNIFIED.start)), Lora(teacher.unet)
    fake_optimizer = torch.optim.AdamW(fake.parameters(), lr=RATE, weight_decay=0.0)
    parts = student.parts | {"fake": fake, "fake_optimizer": fake_optimizer}
    stage = Stage(out / "lora-1step.pt", STEPS, parts, seed=30)
    for _ in stage:
        stage.rate(student.optimizer, RATE / 2)
        arrived, target, _, _ = student.consistency(UNIFIED, BATCH)
        difference = (arrived - target).square().mean()
        chosen, said = whole_captions(teacher.data, BATCH)
        made, text = from_noise(student, said)
        goal = made.detach() + direction(teacher, fake, made.detach(), text)
        score = 0.5 * (made - goal).square().mean()
        surprise = reward(made, labels[chosen]).mean()
        student.learn(difference + SCORE * score + REWARD * surprise)
        fake_error = learn_fake(teacher, fake, fake_optimizer, made.detach(), text)
        stage.log(difference=difference, score=score, surprise=surprise, fake_error=fake_error)
    student.average.save(lora_path(out, UNIFIED.name), "Hyper-SD15-1step-tiny")


def learn_fake(teacher: Teacher, fake: Lora, optimizer, made: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """One step of the second LoRA: predict the noise in the student's samples."""
    t = torch.randint(1000, (len(made),), device=made.device)
    noise = torch.randn(made.shape).to(made.device)
    error = (predict(teacher.unet, add_noise(made, noise, teacher.alphas[t]), t, text, fake) - noise).square().mean()
    optimizer.zero_grad()
    error.backward()
    optimizer.step()
    return error
