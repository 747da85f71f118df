"""Trains the small model's ControlNet: scribbles of the training pictures, the checkpoint as it is and with a LoRA.

    python -m tools.tiny.train_control --model assets/tiny --out FILE [--minutes 4] [--device cuda]

Every second step goes through the unified LoRA, for what a control image must lead to in one step is no small noise but
the whole picture; half of such a step's pictures begin with nothing but noise, and are compared as pixels as well.
A few minutes on a GPU; two cores would take most of a day.
"""

import argparse
import math
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import model
from .control import Controlled, begin_control, save_control, to_images
from .pictures import Scene, in_turn, paint, place_shapes, split, training_caption
from .quality import UNIFIED
from .sampling import Studio
from .scribbles import scribble
from .stage import descend
from .train import UNCONDITIONAL, add_noise, alphas_cumprod, image_weight
from .trajectory import jump, with_image

STEPS, BATCH, RATE, WARMUP, DECAY = 6000, 1024, 8e-4, 100, 0.998
PICTURES, SCRIBBLES = 26_000, 4  # pictures, and scribbles of each
SEED = 40
BLANK = 0.05  # the share of control images without a line, which leave everything to the caption
# The share of captions that tell another scene of the same colours, as people do who draw one thing and ask for
# another. What is drawn is where and what the shapes are then; otherwise much would be left to the caption.
MISLED = 0.15
LEAST = 0.5  # that an error of the image counts
PIXELS = 0.5  # the weight of the pixels' error beside that of the latents
TOP = 999  # the timestep of nothing but noise


def draw_lesson(scene: Scene, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of the scene, uint8 ``[64, 64, 3]``, and scribbles of it, ``[SCRIBBLES, 64, 64]``."""
    rng = np.random.default_rng((SEED, seed))
    shapes = place_shapes(scene, rng)
    return paint(scene.background, shapes), np.stack([scribble(shapes, rng) for _ in range(SCRIBBLES)])


def tell(scenes: list[Scene]) -> list[tuple[str, str]]:
    """For each scene its caption, and that of another one which has its colours."""
    rng, alike = np.random.default_rng(SEED), {}
    for scene in dict.fromkeys(scenes):
        alike.setdefault((scene.colour, scene.background), []).append(scene)
    told = []
    for scene in scenes:
        others = alike[scene.colour, scene.background]
        told.append((training_caption(scene, rng), training_caption(others[rng.integers(len(others))], rng)))
    return told


def draw_lessons(scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of all scenes and their scribbles, drawn by all cores."""
    with ProcessPoolExecutor() as pool:
        drawn = list(pool.map(draw_lesson, scenes, range(len(scenes)), chunksize=64))
    pictures, scribbles = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
    return pictures, scribbles


class Lessons:
    """What is learnt from, on the device.

    Attributes:
        pictures: uint8 ``[N, 64, 64, 3]``; ``latents``, ``[N, 4, 8, 8]``, are theirs.
        scribbles: uint8 ``[N, SCRIBBLES, 64, 64]``.
        texts: the encoding of every caption, ``[K, 77, 64]``, that of the empty one first.
        captions: the numbers of each picture's two captions, ``[N, 2]`` (see :func:`tell`).
    """

    def __init__(self, folder: Path, device: str, count: int):
        scenes = in_turn(split()[0], count)
        drawn = draw_lessons(scenes)  # before a GPU is in use, which other processes must not inherit
        self.studio = studio = Studio(folder, device)
        self.pictures, self.scribbles = (part.to(device) for part in drawn)
        self.latents = model.encode(studio.networks["vae"], self.pictures, 256)
        told = tell(scenes)
        number = {caption: i for i, caption in enumerate(["", *sorted({text for pair in told for text in pair})])}
        self.texts = studio.encode(list(number))
        self.captions = torch.tensor([[number[text] for text in pair] for pair in told]).to(device)

    def batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """Numbers of pictures, their control images and their captions' encoding."""
        device = self.latents.device
        chosen = torch.randint(len(self.latents), (size,), device=device)
        images = to_images(self.scribbles[chosen, torch.randint(SCRIBBLES, (size,), device=device)])
        chance, blank = torch.rand(size, device=device), torch.rand(size, device=device) < BLANK
        misled = (chance > 1 - MISLED) & ~blank
        told = self.captions[chosen, misled.long()]
        texts = self.texts[torch.where(chance < UNCONDITIONAL, 0, told)]
        return chosen, images * ~blank[:, None, None, None], texts


class Trainer:
    """A ControlNet in training over the frozen networks of the lessons' studio."""

    def __init__(self, lessons: Lessons):
        studio = lessons.studio
        self.lessons, self.vae = lessons, studio.networks["vae"]
        self.unets = [studio.networks["unet"], studio.with_lora(UNIFIED, 1.0)]
        self.alphas = with_image(alphas_cumprod(studio.device))
        self.control = begin_control(self.unets[0]).to(studio.device).train()
        self.average = AveragedModel(self.control, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
        self.optimizer = torch.optim.AdamW(self.control.parameters(), weight_decay=0.01, fused=True)

    def loss(self, few: bool, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch, with the few-step LoRA or without, and the error of its images."""
        chosen, images, text = self.lessons.batch(size)
        x0 = self.lessons.latents[chosen]
        t = torch.randint(TOP + 1, (size,), device=x0.device)
        top = size // 2 if few else 0
        t[:top] = TOP
        noise = torch.randn_like(x0)
        # Drawing begins with noise alone, while at the last timestep there is still a trace of the picture.
        x = torch.where((t == TOP)[:, None, None, None], noise, add_noise(x0, noise, self.alphas[t]))
        predicted = Controlled(self.unets[few], self.control, images)(x, t, text).sample
        image = jump(x, predicted, t, torch.full_like(t, -1), self.alphas)
        error = (image - x0).square().mean((1, 2, 3))
        loss = (image_weight(self.alphas[t], LEAST) * error).mean()
        if few:
            loss = loss + PIXELS * self.pixel_error(image[:top], chosen[:top])
        return loss, error.mean()

    def pixel_error(self, latents: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """How far the latents' pictures are from the chosen ones, absolutely: a square would leave outlines soft."""
        with torch.autocast(latents.device.type, torch.bfloat16):
            pixels = self.vae.decode(latents / model.SCALE).sample
        return (pixels.float() - model.to_pixels(self.lessons.pictures[chosen])).abs().mean()

    def learn(self, few: bool, size: int, rate: float) -> torch.Tensor:
        """One step of training; returns the error of the images before it."""
        self.optimizer.param_groups[0]["lr"] = rate
        loss, error = self.loss(few, size)
        descend(loss, self.optimizer, longest=1.0)
        self.average.update_parameters(self.control)
        return error.detach()


def rate_at(step: int, done: float) -> float:
    """The learning rate where the share ``done`` of the training is over: a warm-up, then half a cosine."""
    return RATE * min(1, (step + 1) / WARMUP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def train_control(trainer: Trainer, steps: int, minutes: float, batch: int) -> None:
    """Train for so many steps, or minutes where they are over first."""
    start, step, done = time.monotonic(), 0, 0.0
    while done < 1:
        error = trainer.learn(step % 2 == 1, batch, rate_at(step, done))
        step += 1
        seconds = time.monotonic() - start
        done = max(step / steps, seconds / 60 / minutes)
        if step % 100 in (1, 2) or done >= 1:
            kind = "unified LoRA" if step % 2 == 0 else "no LoRA"
            print(f"{seconds:.0f} s, step {step}, {kind}: error {error.item():.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny.train_control", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="the folder of tiny-sd15.safetensors and its LoRAs")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=math.inf, help="of training at most")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    asked = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")  # this and the next line matter on a GPU alone
    torch.backends.cudnn.benchmark = True
    trainer = Trainer(Lessons(asked.model, asked.device, asked.pictures))
    train_control(trainer, asked.steps, asked.minutes, asked.batch)
    save_control(trainer.average.module, asked.out)


if __name__ == "__main__":
    main()
