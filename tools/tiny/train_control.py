"""Trains the small model's ControlNet: scribbles of the training pictures, the checkpoint as it is and with a LoRA.

    python -m tools.tiny.train_control --model assets/tiny --out FILE [--resume FILE] [--minutes 4] [--device cuda]

Most steps go through the unified LoRA, for what a control image must lead to in one step is no small noise but the
whole picture; most of such a step's pictures begin with nothing but noise, and are compared as pixels as well.
A few minutes on a GPU; two cores would take most of a day.
"""

import argparse
import copy
import math
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lib_hypersd.distil.trajectory import with_image

from . import model
from .control import Controlled, begin_control, load_control, save_control, to_images
from .graph import Graph, own_stream
from .pictures import Scene, in_turn, paint, place_shapes, split, training_caption
from .quality import UNIFIED
from .sampling import Studio
from .scribbles import scribble
from .stage import descend
from .train import UNCONDITIONAL, add_noise, alphas_cumprod, image_weight
from .trajectory import jump

STEPS, BATCH, RATE, WARMUP, DECAY = 8000, 256, 5e-4, 100, 0.998
WITHOUT = 4  # one step of so many has no LoRA
BLIND = 0.75  # the share of a LoRA's pictures that begin with nothing but noise
PICTURES, SCRIBBLES = 26_000, 4  # pictures, and scribbles of each
SEED = 40
BLANK = 0.05  # the share of control images without a line, which leave everything to the caption
# The share of captions that tell another scene of the same colours, as people do who draw one thing and ask for
# another. What is drawn is where and what the shapes are then; otherwise much would be left to the caption.
MISLED = 0.15
LEAST = 0.5  # that an error of the image counts
PIXELS = 2.0  # the weight of the pixels' error beside that of the latents
TOP = 999  # the timestep of nothing but noise
READ = 20  # steps from one look at the clock to the next, before which the GPU must have done what it was given


def draw_lesson(scene: Scene, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of the scene, uint8 ``[64, 64, 3]``, and scribbles of it, ``[SCRIBBLES, 64, 64]``."""
    rng = np.random.default_rng((SEED, seed))
    shapes = place_shapes(scene, rng)
    return paint(scene.background, shapes), np.stack([scribble(shapes, rng) for _ in range(SCRIBBLES)])


def caption_pairs(scenes: list[Scene]) -> list[tuple[str, str]]:
    """For each scene its caption, and that of another one which has its colours."""
    rng, alike = np.random.default_rng(SEED), {}
    for scene in dict.fromkeys(scenes):
        alike.setdefault((scene.colour, scene.background), []).append(scene)
    pairs = []
    for scene in scenes:
        others = alike[scene.colour, scene.background]
        pairs.append((training_caption(scene, rng), training_caption(others[rng.integers(len(others))], rng)))
    return pairs


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
        captions: the numbers of each picture's two captions, ``[N, 2]`` (see :func:`caption_pairs`).
    """

    def __init__(self, folder: Path, device: str, count: int):
        scenes = in_turn(split()[0], count)
        drawn = draw_lessons(scenes)  # before a GPU is in use, which other processes must not inherit
        self.studio = studio = Studio(folder, device)
        self.pictures, self.scribbles = (part.to(device) for part in drawn)
        self.latents = model.encode(studio.networks["vae"], self.pictures, 256)
        pairs = caption_pairs(scenes)
        number = {caption: i for i, caption in enumerate(["", *sorted({text for pair in pairs for text in pair})])}
        self.texts = studio.encode(list(number))
        self.captions = torch.tensor([[number[text] for text in pair] for pair in pairs]).to(device)

    def batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """Numbers of pictures, their control images and their captions' encoding."""
        device = self.latents.device
        chosen = torch.randint(len(self.latents), (size,), device=device)
        images = to_images(self.scribbles[chosen, torch.randint(SCRIBBLES, (size,), device=device)])
        chance, blank = torch.rand(size, device=device), torch.rand(size, device=device) < BLANK
        misled = (chance > 1 - MISLED) & ~blank
        numbers = self.captions[chosen, misled.long()]
        texts = self.texts[numbers.moptions_fill(chance < UNCONDITIONAL, 0)]
        return chosen, images * ~blank[:, None, None, None], texts


class Trainer:
    """A ControlNet in training over the frozen networks of the lessons' studio, and its moving average.

    Args:
        control: what to go on from; None begins with the UNet's weights.
    """

    def __init__(self, lessons: Lessons, size: int, control: ControlNetModel | None = None):
        studio = lessons.studio
        self.lessons, self.vae = lessons, studio.networks["vae"]
        self.unets = [studio.networks["unet"], studio.with_lora(UNIFIED, 1.0)]
        self.alphas = with_image(alphas_cumprod(studio.device))
        self.control = (control or begin_control(self.unets[0])).to(studio.device).train().requires_grad_(True)
        self.average = copy.deepcopy(self.control).requires_grad_(False)
        self.follow = partial(get_ema_multi_avg_fn(DECAY), [*self.average.parameters()])
        self.rate = torch.zeros((), device=studio.device)
        settings = {"weight_decay": 0.01, "fused": True, "capturable": self.rate.is_cuda}
        self.optimizer = torch.optim.AdamW(self.control.parameters(), self.rate, **settings)
        self.steps = [Graph(partial(self.step, few, size), studio.device) for few in (False, True)]

    def loss(self, few: bool, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch, with the few-step LoRA or without, and the error of its images."""
        chosen, images, text = self.lessons.batch(size)
        x0 = self.lessons.latents[chosen]
        t = torch.randint(TOP + 1, (size,), device=x0.device)
        top = round(BLIND * size) if few else 0
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

    def step(self, few: bool, size: int) -> torch.Tensor:
        """One step of training at the present rate; returns the error of the images before it."""
        loss, error = self.loss(few, size)
        descend(loss, self.optimizer, longest=1.0)
        self.follow([*self.control.parameters()], None)
        return error.detach()

    def learn(self, few: bool, rate: float) -> torch.Tensor:
        """A step at this rate."""
        self.rate.fill_(rate)
        return self.steps[few]()


def rate_at(step: int, done: float) -> float:
    """The learning rate where the share ``done`` of the training is over: a warm-up, then half a cosine."""
    return RATE * min(1, (step + 1) / WARMUP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def train_control(trainer: Trainer, steps: int, minutes: float) -> None:
    """Train for so many steps, or minutes where they are over first."""
    start, step, done, errors = time.monotonic(), 0, 0.0, {}
    while done < 1:
        few = step % WITHOUT > 0
        errors["unified LoRA" if few else "no LoRA"] = trainer.learn(few, rate_at(step, done))
        step += 1
        if step % READ == 0 or step == steps:
            values = ", ".join(f"{kind} {error.item():.4f}" for kind, error in errors.items())
            seconds = time.monotonic() - start
            done = max(step / steps, seconds / 60 / minutes)
            if step % (10 * READ) == 0 or done >= 1:
                print(f"{seconds:.0f} s, step {step}, error: {values}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny.train_control", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="the folder of tiny-sd15.safetensors and its LoRAs")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--resume", type=Path, help="a ControlNet to go on from, as --out writes it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=math.inf, help="of training at most")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")  # which matters on a GPU alone
    control = load_control(options.resume) if options.resume else None
    trainer = Trainer(Lessons(options.model, options.device, options.pictures), options.batch, control)
    with own_stream(options.device):
        train_control(trainer, options.steps, options.minutes)
    save_control(trainer.average, options.out)


if __name__ == "__main__":
    main()
