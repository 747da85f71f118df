"""Pictures: their plan, made by ``plan.make_plan``, is carried out over a diffusers pipeline.

The network sees all pictures of a batch at once; a single picture is a batch of one.
"""

import math
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from ..clock import Clock
from ..errors import HyperSDError
from ..plan import Model, NoPlan, Plan, Request, make_plan
from ..plan.tags import find, remove_all
from ..recipes.catalog import Catalog
from ..recipes.settings import Settings
from ..recipes.values import SIDE
from ..sampling.samplers import LOOPS, alpha, start_noise_scale
from ..sampling.schedules import TIMESTEPS, is_flow, levels
from ..wording import shown
from .control import Control, ControlNet
from .denoiser import Denoiser
from .errors import OutOfMemory, RefusedJob
from .files import open_image
from .infotext import write_infotext
from .job import Job
from .loras import Loras
from .networks import NETWORKS, Network, is_truncated, patches_in
from .pipeline import LATENT_SIDE, LoadedPipeline

__all__ = ["SILENT", "Interrupted", "Picture", "Playground", "Progress"]

Progress = Callable[[int, int], None]
SILENT: Progress = lambda step, steps: None  # noqa: E731
NEVER = lambda: False  # noqa: E731
NO_TAESD = "TAESD is not used: the playground decodes with the checkpoint's own decoder."
LANCZOS = "None"  # as the hosts call the upscaler that is none but Lanczos


class Interrupted(HyperSDError):
    """Somebody has interrupted; there is no picture."""


@dataclass(frozen=True)
class Picture:
    """An image, its infotext as the WebUI writes it, the plan that was carried out, and where the milliseconds went.

    A GPU is not waited for between the parts, so that what it still does for the network counts with the decoder. Of
    the time of a batch every picture has an equal share.
    """

    image: Image.Image
    infotext: str
    plan: Plan
    times: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.times.values()) / 1000


class Playground:
    """A pipeline, LoRAs, recipes and maybe a ControlNet; makes one batch at a time, in whichever thread."""

    def __init__(self, pipeline: LoadedPipeline, loras: Loras, catalog: Catalog, controlnet: Path | None = None):
        self.pipeline, self.loras, self.catalog = pipeline, loras, catalog
        self.lock, self.clock = threading.Lock(), Clock()
        self.controlnet = ControlNet(controlnet, pipeline) if controlnet else None

    def plan(self, job: Job) -> Plan | NoPlan:
        """What will be done for a job, or why nothing will be."""
        model = self.pipeline.model
        if not job.settings.enabled:
            own = job.own
            sentence = (
                f"{own.steps} steps without Hyper-SD: {own.sampler} on the schedule {own.schedule}, CFG {own.cfg:g}."
            )
            values = asdict(own) | {"distilled_cfg": own.distilled_cfg if model.family == "flux" else None}
            return Plan(family=model.family, **values, sentence=sentence)
        request = self.request(job.settings, model, self.catalog, job.prompt)
        return make_plan(request._replace(control_weights=job.control_weights), self.catalog)

    def request(self, settings: Settings, model: Model, catalog: Catalog, prompt: str) -> Request:
        """What a plan is made from; no comments are stripped from prompts here."""
        files = self.loras.files(catalog, model)
        others = self.loras.by_name().keys() - {file.name for file in files}
        return Request(settings, model, files, (prompt,), others=others, strip=None, no_fast_decoder=NO_TAESD)

    def run(self, job: Job, progress: Progress = SILENT, is_interrupted: Callable[[], bool] = NEVER) -> Picture:
        """Make a job's picture; as :meth:`run_batch`."""
        (picture,) = self.run_batch([job], progress, is_interrupted)
        return picture

    def run_batch(
        self, jobs: Sequence[Job], progress: Progress = SILENT, is_interrupted: Callable[[], bool] = NEVER
    ) -> list[Picture]:
        """Make the pictures of jobs that have one :meth:`batch_key`.

        Args:
            progress: called after each evaluation of the network with how many of how many are done.
            is_interrupted: called before each; once it is true there is no picture.

        Raises:
            RefusedJob: one cannot be made. Unloadable, UnreadableImage: nor with this LoRA or ControlNet, nor from this
                image.
            OutOfMemory: the memory of the device is too small.
            Interrupted: it was interrupted.
        """
        with self.lock:
            self.clock = Clock()
            plans = [self.require_plan(job) for job in jobs]
            self.clock.stop("plan")
            try:
                with torch.inference_mode():
                    images = self.draw(jobs, plans[0], progress, is_interrupted)
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise OutOfMemory(f"The memory of {self.pipeline.device} is too small for this picture.") from error
            texts = [self.infotext(job, plan) for job, plan in zip(jobs, plans, strict=True)]
            shares = {part: spent / len(jobs) for part, spent in self.clock.times("playground").items()}
            return [Picture(*parts, shares) for parts in zip(images, texts, plans, strict=True)]

    def require_plan(self, job: Job) -> Plan:
        """The plan of a job; raises RefusedJob where there is none."""
        plan = self.plan(job)
        if plan.problem is not None:
            raise RefusedJob(plan.problem)
        return plan

    def batch_key(self, job: Job) -> Hashable:
        """What jobs have in common that can be made in one batch; raises RefusedJob where one cannot be made."""
        plan = self.require_plan(job)
        weights = sorted(self.weights(plan.edit(job.prompt)).items())
        strength = None if job.init is None else job.strength
        drawn = replace(plan, rename={}, warnings=(), offers=(), sentence="")
        return drawn, tuple(weights), self.size(job), strength, job.control_weights

    def infotext(self, job: Job, plan: Plan) -> str:
        control = self.controlnet.name if self.controlnet and job.is_controlled else None
        return write_infotext(job, plan, self.pipeline.model.name, self.size(job), control)

    def draw(
        self, jobs: Sequence[Job], plan: Plan, progress: Progress, is_interrupted: Callable[[], bool]
    ) -> list[Image.Image]:
        """The images of a batch, with a second pass where the plan adds one; arguments as in :meth:`run_batch`."""
        scale, strength = plan.hires_scale, plan.hires_strength
        if scale is None or strength is None:
            return self.decode(self.latents(jobs, plan, progress, is_interrupted))
        width, height = self.second_size(jobs[0], scale, plan.hires_upscaler)
        second = replace(plan, steps=plan.hires_steps or plan.steps)
        total = plan.steps + second.steps
        images = self.decode(self.latents(jobs, plan, lambda step, _: progress(step, total), is_interrupted))
        enlarged = [image.resize((width, height), Image.Resampling.LANCZOS) for image in images]
        again = [
            replace(job, init=image, strength=strength, width=width, height=height)
            for job, image in zip(jobs, enlarged, strict=True)
        ]
        latents = self.latents(again, second, lambda step, _: progress(plan.steps + step, total), is_interrupted)
        return self.decode(latents)

    def decode(self, latents: torch.Tensor) -> list[Image.Image]:
        """The images of latents, one after the other: the decoder takes more memory than all before it."""
        images = [self.pipeline.decode(one) for one in latents.split(1)]
        self.clock.stop("decoder")
        return images

    def second_size(self, job: Job, scale: float, upscaler: str | None) -> tuple[int, int]:
        """Width and height of a second pass' picture; raises RefusedJob where there can be none."""
        if job.init is not None:
            raise RefusedJob("Two passes are for pictures from noise: to start from an image is a second pass itself.")
        if upscaler != LANCZOS:
            raise RefusedJob(f"The playground has no upscaler “{upscaler}”; it has {LANCZOS}, which is Lanczos.")
        width, height = (SIDE * round(side * scale / SIDE) for side in self.size(job))
        return width, height

    def latents(
        self, jobs: Sequence[Job], plan: Plan, progress: Progress, is_interrupted: Callable[[], bool]
    ) -> torch.Tensor:
        """The latents of a batch, ``[B, C, H/8, W/8]``; arguments as in :meth:`run_batch`."""
        if plan.sampler not in LOOPS:
            raise RefusedJob(f"The playground has no sampler “{plan.sampler}”; it has {', '.join(LOOPS)}.")
        loop, pipeline = LOOPS[plan.sampler], self.pipeline
        sigmas = self.sigmas(jobs[0], plan)
        pipeline.set_adapters(self.weights(plan.edit(jobs[0].prompt)))
        self.clock.stop("LoRA")

        def check() -> None:
            if is_interrupted():
                raise Interrupted

        network = self.network(jobs, plan)
        self.clock.stop("text")
        denoiser = Denoiser(network, pipeline.sigmas, pipeline.model.prediction, plan.cfg, before_each=check)
        noise = self.noise(jobs)
        x = self.start(jobs, sigmas[0].item(), noise)
        self.clock.stop("start image")
        x = loop.sample(
            denoiser, x, sigmas.to(pipeline.device), disable=True,
            eta=(plan.eta or 0.0) if loop.eta is None else loop.eta, noise_sampler=lambda *_: noise(),
            callback=lambda step: progress(step["i"] + 1, len(sigmas) - 1),
        )  # fmt: skip
        check()
        self.clock.stop("network")
        return x

    def sigmas(self, job: Job, plan: Plan) -> torch.Tensor:
        """The noise levels that are visited, from noise to 0; raises RefusedJob where the schedule is unknown."""
        table = self.pipeline.sigmas
        strength = 1.0 if job.init is None else job.strength
        sigmas = levels(plan.schedule, plan.steps, strength, table, patches_in(*self.size(job)))
        if sigmas is None:
            names = ", ".join([*TIMESTEPS, *(["Simple"] if is_flow(table) else [])])
            raise RefusedJob(f"The playground has no schedule “{plan.schedule}” for this model; it has {names}.")
        return sigmas

    def network(self, jobs: Sequence[Job], plan: Plan) -> Network:
        prompts = [without_tags(job.prompt) for job in jobs]
        negatives = None if plan.cfg == 1 else [without_tags(job.negative) for job in jobs]  # at 1 it cancels out
        kind = NETWORKS[self.pipeline.model.family or ""]
        size = self.size(jobs[0])
        return kind(self.pipeline, prompts, negatives, size, plan.distilled_cfg, self.control(jobs, size))

    def control(self, jobs: Sequence[Job], size: tuple[int, int]) -> Control | None:
        """What pictures of this size follow; None where nothing would come of it."""
        if not jobs[0].is_controlled:
            return None
        if self.controlnet is None:
            raise RefusedJob("There is no ControlNet to follow the control image with; give one with --controlnet.")
        return self.controlnet.control([open_image(job.control) for job in jobs], jobs[0].control_weight, size)

    def noise(self, jobs: Sequence[Job]) -> Callable[[], torch.Tensor]:
        """Draws noise, of each picture by its own seed; on the CPU, so that a seed means the same on every device."""
        generators = [torch.Generator().manual_seed(job.seed) for job in jobs]
        sides = [side // LATENT_SIDE for side in reversed(self.size(jobs[0]))]
        shape = (len(jobs), self.pipeline.pipe.vae.config.latent_channels, *sides)
        device = self.pipeline.device
        pinned = device.type == "cuda"  # which is sent there without waiting for it

        def draw() -> torch.Tensor:
            noise = torch.empty(shape, pin_memory=pinned)
            for one, generator in zip(noise, generators, strict=True):
                one.normal_(generator=generator)
            return noise.to(device, non_blocking=pinned)

        return draw

    def start(self, jobs: Sequence[Job], sigma: float, noise: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What the first evaluation starts from: noise, or the jobs' images with noise of this level."""
        flow = is_flow(self.pipeline.sigmas)
        if jobs[0].init is None:
            return noise() * start_noise_scale(sigma, flow)
        images = [self.pipeline.encode_image(open_image(job.init), *self.size(job)) for job in jobs]
        return torch.cat(images) * alpha(sigma, flow) + noise() * sigma

    def size(self, job: Job) -> tuple[int, int]:
        width, height = self.pipeline.size
        return job.width or width, job.height or height

    def weights(self, prompt: str) -> dict[str, float]:
        """The LoRAs that a prompt names: the weight of each by the path of its file.

        Raises:
            RefusedJob: one is not available; few steps without their LoRA make no picture.
        """
        paths, weights = self.loras.by_name(), {}
        for tag in find(prompt):
            if tag.name not in paths:
                raise RefusedJob(
                    f"There is no LoRA called {shown(tag.name)}; its file is to be given beside the model."
                )
            if math.isnan(tag.weight):
                raise RefusedJob(f"The weight in {tag} is no number.")
            weights[paths[tag.name]] = tag.weight
        return weights

    def warnings(self, job: Job, plan: Plan) -> list[str]:
        """What a user should know of the plan, of a prompt that is too long, and of memory that is too short."""
        found = list(plan.warnings)
        if is_truncated(self.pipeline, without_tags(job.prompt)):
            found.append("The end of the prompt is not read: it is too long for this model.")
        if not self.pipeline.are_merged:
            found.append("LoRAs stay beside the weights, which is slower: memory is too short to merge them.")
        return found


def without_tags(prompt: str) -> str:
    return remove_all(prompt).strip()
