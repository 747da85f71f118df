"""The student in training: its optimizers, one step of them, and all of it that a kill must not lose."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.optimization import get_cosine_schedule_with_warmup
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from .base import Base
from .chance import Chance
from .data import Data
from .discriminator import Discriminator
from .feedback import Reward
from .network import AVERAGE, BEFORE, FAKE, STUDENT, Network
from .objectives import OneStepObjective, SegmentObjective, Setup, choose_objective
from .options import Options
from .score import fake_error
from .stages import Stage
from .trajectory import Prediction

__all__ = ["Student", "make_setup", "prepare_adapters"]

LONGEST = 1.0  # gradient, as in diffusers' LCM script
DISCRIMINATOR_BETAS = (0.0, 0.999)  # of PCM's discriminator (``train_pcm_lora_sd15_adv.py``)
ALL = (STUDENT, AVERAGE, FAKE, BEFORE)
State = dict[str, Any]
Adapter = Mapping[str, torch.Tensor]


def prepare_adapters(
    network: Network, options: Options, stage: Stage, start: Adapter | None, before: Adapter | None
) -> None:
    """The adapters that a stage needs, the student's with the weights that the stage starts from.

    Args:
        start: the average of the stage that this one starts from, if it does not start anew.
        before: that of the stage that leads this one, if one does.
    """
    needed = [STUDENT, AVERAGE, *([FAKE] if has_fake(options, stage) else []), *([BEFORE] if stage.before else [])]
    for name in needed:
        if not network.has(name):
            network.add(name, options.rank, options.seed + ALL.index(name))
    network.load(STUDENT, start or network.state(STUDENT))
    network.load(AVERAGE, network.state(STUDENT))
    if before:
        network.load(BEFORE, before)


def has_fake(options: Options, stage: Stage) -> bool:
    """Whether a stage has score distillation."""
    return options.score and stage.before is not None


def make_optimizer(parameters: Iterable[torch.nn.Parameter], rate: float, device: torch.device, **named):
    """AdamW, in 8 bits where bitsandbytes is installed and there is a GPU that it serves."""
    if device.type == "cuda":
        try:
            from bitsandbytes.optim import AdamW8bit

            return AdamW8bit(parameters, lr=rate, weight_decay=0.0, **named)
        except ImportError:
            pass
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0, fused=device.type == "cuda" or None, **named)


class Student:
    """One stage's training."""

    def __init__(self, setup: Setup, accelerator: Accelerator):
        options, network, device = setup.options, setup.network, accelerator.device
        self.setup, self.accelerator, self.network = setup, accelerator, network
        self.optimizers = {STUDENT: make_optimizer(network.parameters(STUDENT), options.learning_rate, device)}
        if setup.discriminator is not None:
            self.optimizers["discriminator"] = make_optimizer(
                setup.discriminator.parameters(), options.learning_rate, device, betas=DISCRIMINATOR_BETAS
            )
        if has_fake(options, setup.stage):
            self.optimizers[FAKE] = make_optimizer(network.parameters(FAKE), options.learning_rate, device)
        self.rate = get_cosine_schedule_with_warmup(self.optimizers[STUDENT], options.warmup, options.iterations)

    def learn(self, step: int, chance: Chance) -> dict[str, float]:
        """One step of training; the losses of this process by their names."""
        network, options, discriminator = self.network, self.setup.options, self.setup.discriminator
        objective = choose_objective(self.setup, chance, step / options.iterations)
        predicted = network.predict(objective.x, objective.t, objective.text, STUDENT)
        if isinstance(objective, SegmentObjective) and discriminator is not None:
            loss = objective.discriminator_loss(Prediction(*map(torch.detach, predicted)))
            self.descend("discriminator", discriminator.parameters(), loss)
        fixed = Prediction(*(part.detach().requires_grad_() for part in predicted))
        losses = objective.losses(fixed)
        # The teacher's part of the gradient first, down to what the student has predicted; then the student's: each
        # with its own adapter in force, and without the memory of the other.
        gradients = torch.autograd.grad(sum(losses.values()), fixed, allow_unused=True)
        network.use(STUDENT)
        pairs = zip(predicted, gradients, strict=True)
        handed_on = [(part * gradient).sum() for part, gradient in pairs if gradient is not None]
        self.descend(STUDENT, network.parameters(STUDENT), sum(handed_on))
        self.rate.step()
        network.follow(options.decay)
        if isinstance(objective, OneStepObjective) and FAKE in self.optimizers:
            losses["fake"] = fake_error(network, fixed.x0[: objective.count].detach(), objective.first_text, chance)
            self.descend(FAKE, network.parameters(FAKE), losses["fake"])
        numbers = torch.stack([loss.detach() for loss in losses.values()]).tolist()  # waits for the device once
        return dict(zip(losses, numbers, strict=True))

    def descend(self, name: str, parameters: Iterable[torch.nn.Parameter], loss: torch.Tensor) -> None:
        """One step of an optimizer down the mean loss of all processes.

        DistributedDataParallel expects every parameter of a module in every gradient, and this module has several
        adapters, of which one learns at a time; so gradients are brought together by accelerate's ``reduce``.
        """
        optimizer, parameters = self.optimizers[name], list(parameters)
        optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.accelerator.num_processes > 1:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            vector_to_parameters(self.accelerator.reduce(parameters_to_vector(gradients), "mean"), gradients)
        torch.nn.utils.clip_grad_norm_(parameters, LONGEST)
        optimizer.step()

    def state(self) -> State:
        """Everything that the next step depends on."""
        adapters = {name: self.network.state(name) for name in self.adapters}
        optimizers = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        state = {"adapters": adapters, "optimizers": optimizers, "rate": self.rate.state_dict()}
        if self.setup.discriminator is not None:
            state["discriminator"] = self.setup.discriminator.state_dict()
        return state

    def load(self, state: State) -> None:
        for name in self.adapters:
            self.network.load(name, state["adapters"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        if self.setup.discriminator is not None:
            self.setup.discriminator.load_state_dict(state["discriminator"])
        self.rate.load_state_dict(state["rate"])

    @property
    def adapters(self) -> tuple[str, ...]:
        return (STUDENT, AVERAGE, *([FAKE] if FAKE in self.optimizers else []))


def make_setup(options: Options, stage: Stage, base: Base, data: Data, reward: Reward | None) -> Setup:
    """What a stage's objectives have in common, with a new discriminator where the stage has one."""
    discriminator = None
    if options.adversarial and stage.before is None and not stage.keeps_guidance:
        torch.manual_seed(options.seed)
        unet = base.network.unet
        discriminator = Discriminator(list(unet.config.block_out_channels)).to(unet.device)
    return Setup(options, stage, base, data, discriminator, reward)
