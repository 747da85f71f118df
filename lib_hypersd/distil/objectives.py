"""What one step of training asks of the student, and what its answer costs.

An objective draws all that is random in it, asks teacher and moving average for the targets, and then has ``x``, ``t``
and ``text`` for the student; ``losses`` of the student's prediction come by their names, weighted.
"""

from dataclasses import dataclass

import torch

from .base import Base
from .chance import Chance
from .data import TEACHER_STEPS, Data
from .discriminator import Discriminator, perturbed, weights
from .feedback import Reward, shortfall
from .network import AVERAGE, BEFORE, STUDENT, TEACHER, Network, Text
from .options import Options
from .sampling import draw
from .score import direction
from .stages import UNCONDITIONAL, Stage
from .trajectory import (
    Prediction,
    add_noise,
    end_of_segment,
    image_error,
    image_weight,
    jump,
    sample_end,
    segment_target,
    stride_down,
)

__all__ = ["Objective", "OneStepObjective", "SegmentObjective", "Setup", "choose_objective"]

LEAST_FURTHER = 0.1  # that an error of the image counts in steps after the first
FIRST_FURTHER = 0.9  # of all timesteps; every step but the first begins below it, whatever their number
Losses = dict[str, torch.Tensor]


@dataclass
class Setup:
    """What the objectives of a stage have in common; no discriminator where there is no adversarial loss."""

    options: Options
    stage: Stage
    base: Base
    data: Data
    discriminator: Discriminator | None
    reward: Reward | None

    @property
    def network(self) -> Network:
        return self.base.network

    @property
    def guidance(self) -> float:
        """The teacher's; where the student is to keep guidance to the user, none."""
        return 1.0 if self.stage.keeps_guidance else self.options.guidance

    def items(self, chance: Chance) -> tuple[torch.Tensor, Text]:
        """The numbers of items to learn from, ``[B]``, and the conditioning of each, some of them empty."""
        items = self.data.training[chance.places(len(self.data.training))]
        text, is_empty = self.data.text(items), chance.uniform() < UNCONDITIONAL
        if not self.stage.keeps_guidance:
            return items, text
        empty = self.network.empty
        shape = {name: [-1, *[1] * (value.ndim - 1)] for name, value in text.items()}
        return items, {name: torch.where(is_empty.view(shape[name]), empty[name], text[name]) for name in text}

    def missed(self, x0: torch.Tensor, items: torch.Tensor) -> Losses:
        """What the reward misses in the first images."""
        if self.reward is None:
            return {}
        count = self.options.reward_images
        captions = [self.data.captions[i] for i in items[:count].tolist()]
        missing = shortfall(self.reward, self.base.decode(x0[:count]), captions, self.options.reward_goal)
        return {"reward": self.options.reward_weight * missing}


class SegmentObjective:
    """Jumps from random places of the trajectory, within their segments (section 3.1)."""

    def __init__(self, setup: Setup, chance: Chance, share: float):
        options, network, segments = setup.options, setup.network, setup.stage.segments
        self.setup, self.chance, self.share = setup, chance, share
        self.items, self.text = setup.items(chance)
        x0 = setup.data.latents(self.items)
        t = chance.below(network.timesteps)
        firsts = end_of_segment(t, segments, network.timesteps) + network.timesteps // segments
        self.t = torch.where(chance.uniform() < options.start_share, firsts, t)
        uniform = chance.uniform() * options.sampled_ends
        self.to = sample_end(self.t, segments, options.stride, uniform, network.timesteps)
        between = stride_down(self.t, end_of_segment(self.t, segments, network.timesteps), options.stride)
        self.x = add_noise(x0, chance.normal(x0.shape[1:]), self.t, network.alphas)
        average = AVERAGE if options.average_targets else STUDENT
        with torch.no_grad():
            self.target = segment_target(
                lambda x, t: network.guided(x, t, self.text, setup.guidance),
                lambda x, t: network.predict(x, t, self.text, average),
                self.x, self.t, self.to, between, network.alphas,
            )  # fmt: skip

    def losses(self, predicted: Prediction) -> Losses:
        setup, options, alphas = self.setup, self.setup.options, self.setup.network.alphas
        progress = setup.stage.progress(self.share) if options.changing_weights else 0.5
        mse, adversarial = weights(progress, options.adversarial_weight, options.least_mse)
        arrived = jump(predicted, self.to, alphas)
        error = image_error(arrived, self.target, self.t, self.to, alphas)
        losses = {"mse": (1.0 if setup.discriminator is None else mse) * (image_weight(alphas[self.t]) * error).mean()}
        if setup.discriminator is not None:
            (fake,), t = self.shown(arrived)
            losses["adversarial"] = adversarial * setup.discriminator.caught(setup.network, fake, t, self.text)
        return losses | setup.missed(predicted.x0, self.items)

    def discriminator_loss(self, predicted: Prediction) -> torch.Tensor:
        """What the discriminator is to learn from this objective."""
        network, discriminator = self.setup.network, self.setup.discriminator
        assert discriminator is not None
        (real, fake), t = self.shown(self.target, jump(predicted, self.to, network.alphas))
        return discriminator.loss(network, real, fake, t, self.text)

    def shown(self, *xs: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """What the discriminator sees, and at which timesteps."""
        if not self.setup.options.perturbation:
            return list(xs), self.to.clamp(min=0)
        return perturbed(self.setup.network, xs, self.to, self.setup.stage.segments, self.chance)


class OneStepObjective:
    """One jump from noise to the image; in a unified LoRA also later steps (section 3.3).

    One LoRA for all numbers of steps pays for its long jumps with its short ones, unless it is led in these by the LoRA
    of more steps: docs/distil.md.
    """

    def __init__(self, setup: Setup, chance: Chance, share: float):
        network, stage = setup.network, setup.stage
        self.setup, self.chance = setup, chance
        self.items, text = setup.items(chance)
        x0, last = setup.data.latents(self.items), network.timesteps - 1
        noise = chance.normal(x0.shape[1:])
        self.count, self.first_text = len(noise), text
        if not setup.options.consistency:
            self.goal = None
        elif stage.before:
            self.goal = draw(network, noise, text, stage.before_steps, adapter=BEFORE)
        else:
            self.goal = draw(network, noise, text, TEACHER_STEPS, setup.guidance, TEACHER)
        self.x, self.t, self.text = noise, torch.full((self.count,), last, device=noise.device), text
        if stage.kind == "unified":
            self.further_t = chance.below(int(FIRST_FURTHER * network.timesteps))
            further = add_noise(x0, chance.normal(x0.shape[1:]), self.further_t, network.alphas)
            with torch.no_grad():
                self.further_goal = network.predict(further, self.further_t, text, BEFORE).x0
            self.x, self.t = torch.cat([noise, further]), torch.cat([self.t, self.further_t])
            self.text = {name: torch.cat([value, value]) for name, value in text.items()}

    def losses(self, predicted: Prediction) -> Losses:
        setup, options, network = self.setup, self.setup.options, self.setup.network
        image = predicted.x0[: self.count]
        losses = {} if self.goal is None else {"mse": (image - self.goal).square().mean()}
        if options.score:
            fixed = image.detach()
            goal = fixed + direction(network, fixed, self.first_text, setup.guidance, self.chance)
            losses["score"] = options.score_weight * 0.5 * (image - goal).square().mean()
        if setup.stage.kind == "unified":
            error = (predicted.x0[self.count :] - self.further_goal).square().mean((1, 2, 3))
            weight = image_weight(network.alphas[self.further_t], LEAST_FURTHER)
            losses["further"] = options.further_weight * (weight * error).mean()
        return losses | setup.missed(image, self.items)


Objective = SegmentObjective | OneStepObjective


def choose_objective(setup: Setup, chance: Chance, share: float) -> Objective:
    """The objective of a step when this share of its stage is over."""
    kind = SegmentObjective if setup.stage.before is None else OneStepObjective
    return kind(setup, chance, share)
