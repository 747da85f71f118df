"""One request: its plan, made by ``plan.make_plan``, is carried out over a diffusers pipeline."""

import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from PIL import Image, ImageOps

from ..errors import HyperSDError
from ..plan import Model, NoPlan, Plan, Request, make_plan
from ..plan.tags import find, remove_all
from ..recipes import settings as panel
from ..recipes.catalog import Catalog
from ..sampling.samplers import alpha, sample_ddim, sample_tcd, start_noise_scale
from ..sampling.schedules import TIMESTEPS, is_flow, levels
from ..wording import shown
from .denoiser import Denoiser
from .errors import RefusedJob
from .files import open_image
from .job import Job
from .models import LATENT_SIDE, Loaded, Loras
from .networks import encode, network_of, tokens_of, truncated

__all__ = ["Interrupted", "Picture", "Playground"]

# Euler is DDIM without fresh noise, and LCM is TCD with nothing but fresh noise. Each with the eta of its own, if any,
# and the infotext key under which the hosts write the eta that was used.
SAMPLERS = {
    "TCD": (sample_tcd, None, "Eta TCD"),
    "DDIM-Trailing": (sample_ddim, None, "Eta DDIM"),
    "Euler": (sample_ddim, 0.0, None),
    "LCM": (sample_tcd, 1.0, None),
}


class Interrupted(HyperSDError):
    """Somebody has asked to stop; there is no picture."""


@dataclass(frozen=True)
class Picture:
    """What was made, how (as the WebUI writes it into images), by which plan, and in how many seconds."""

    image: Image.Image
    infotext: str
    plan: Plan
    seconds: float


class Playground:
    """A model, its LoRAs and the recipes; makes one picture at a time, whichever thread asks."""

    def __init__(self, loaded: Loaded, loras: Loras, catalog: Catalog):
        self.loaded, self.loras, self.catalog, self.lock = loaded, loras, catalog, threading.Lock()

    def plan(self, job: Job) -> Plan | NoPlan:
        """What will be done for a job, or why nothing will be."""
        if not job.settings.enabled:
            own, family = job.own, self.loaded.model.family
            sentence = (
                f"{own.steps} steps without Hyper-SD: {own.sampler} on the schedule {own.schedule}, CFG {own.cfg:g}."
            )
            values = asdict(own) | {"distilled_cfg": own.distilled_cfg if family == "flux" else None}
            return Plan(family=family, **values, sentence=sentence)
        return make_plan(self.request(job.settings, self.loaded.model, self.catalog, job.prompt), self.catalog)

    def request(self, settings: panel.Settings, model: Model, catalog: Catalog, prompt: str) -> Request:
        """The request that a picture with these settings and this prompt is; no comments are stripped here."""
        files = self.loras.files(catalog, model)
        others = self.loras.by_name().keys() - {file.name for file in files}
        return Request(settings, model, files, (prompt,), others=others, strip=None)

    def run(
        self,
        job: Job,
        progress: Callable[[int, int], None] = lambda step, steps: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Picture:
        """Make a job's picture.

        Args:
            progress: told after each evaluation of the network how many of how many are done.
            interrupted: asked before each; once it says so there is no picture.

        Raises:
            RefusedJob: it cannot be made. Unloadable, UnreadableImage: nor with this LoRA, from this image.
            Interrupted: asked to stop.
        """
        with self.lock:
            start = time.perf_counter()
            plan = self.plan(job)
            if plan.problem is not None:
                raise RefusedJob(plan.problem)
            try:
                with torch.inference_mode():
                    image = decode(self.loaded, self.latents(job, plan, progress, interrupted))
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise RefusedJob(f"The memory of {self.loaded.device} is too small for this picture.") from error
            return Picture(image, self.infotext(job, plan), plan, time.perf_counter() - start)

    def latents(self, job: Job, plan: Plan, progress: Callable, interrupted: Callable) -> torch.Tensor:
        """The latents of a job's picture, ``[1, C, H/8, W/8]``; arguments as in :meth:`run`."""
        loaded, (width, height) = self.loaded, self.size(job)
        if plan.sampler not in SAMPLERS:
            raise RefusedJob(f"The playground has no sampler “{plan.sampler}”; it has {', '.join(SAMPLERS)}.")
        sampler, own_eta, _ = SAMPLERS[plan.sampler]
        strength = 1.0 if job.init is None else job.strength
        sigmas = levels(plan.schedule, plan.steps, strength, loaded.sigmas, tokens_of(width, height))
        if sigmas is None:
            raise RefusedJob(f"The playground has no schedule “{plan.schedule}” for this model; {schedules(loaded)}.")

        loaded.put_on(self.weights(plan.edit(job.prompt)))
        prompts = [encode(loaded, without_tags(job.prompt), width, height)]
        if plan.cfg != 1:  # at 1 the negative prompt cancels out
            prompts.insert(0, encode(loaded, without_tags(job.negative), width, height, is_negative=True))

        def go_on():
            if interrupted():
                raise Interrupted

        network = network_of(loaded, plan, prompts)
        denoiser = Denoiser(network, loaded.sigmas, loaded.model.prediction, plan.cfg, before_each=go_on)
        # Drawn on the CPU, so that a seed means the same noise on every device.
        generator = torch.Generator().manual_seed(job.seed)
        shape = (1, loaded.pipe.vae.config.latent_channels, height // LATENT_SIDE, width // LATENT_SIDE)

        def noise(*_):
            return torch.randn(shape, generator=generator).to(loaded.device)

        flow, start = is_flow(loaded.sigmas), sigmas[0].item()
        if job.init is None:
            x = noise() * start_noise_scale(start, flow)
        else:
            x = encode_image(loaded, open_image(job.init), width, height) * alpha(start, flow) + noise() * start
        x = sampler(
            denoiser, x, sigmas.to(loaded.device), disable=True, eta=(plan.eta or 0.0) if own_eta is None else own_eta,
            callback=lambda step: progress(step["i"] + 1, len(sigmas) - 1), noise_sampler=noise,
        )  # fmt: skip
        go_on()
        return x

    def size(self, job: Job) -> tuple[int, int]:
        width, height = self.loaded.size
        return job.width or width, job.height or height

    def weights(self, prompt: str) -> dict[str, float]:
        """The LoRAs that a prompt names: the weight of each by the path of its file.

        Raises:
            RefusedJob: one is not at hand; few steps without a LoRA that was asked for are not made.
        """
        by_name, weights = self.loras.by_name(), {}
        for tag in find(prompt):
            if tag.name not in by_name:
                raise RefusedJob(
                    f"There is no LoRA called {shown(tag.name)}; its file is to be given beside the model."
                )
            if math.isnan(tag.weight):
                raise RefusedJob(f"The weight in {tag} is no number.")
            weights[by_name[tag.name]] = tag.weight
        return weights

    def warnings(self, job: Job, plan: Plan) -> list[str]:
        """What a user should know of the plan, and of what the text encoder leaves out."""
        long = truncated(self.loaded, without_tags(job.prompt))
        return [*plan.warnings, *(["The end of the prompt is not read: it is too long for this model."] * long)]

    def infotext(self, job: Job, plan: Plan) -> str:
        """How the picture was made, as AUTOMATIC1111 writes it (modules/processing.py, ``create_infotext``)."""
        width, height = self.size(job)
        values: dict[str | None, Any] = {
            "Steps": plan.steps, "Sampler": plan.sampler, "Schedule type": plan.schedule,
            "CFG scale": f"{plan.cfg:g}", "Distilled CFG Scale": plan.distilled_cfg, "Seed": job.seed,
            "Size": f"{width}x{height}", "Model": self.loaded.model.name,
            "Denoising strength": job.strength if job.init is not None else None,
            SAMPLERS[plan.sampler][2]: plan.eta,
        }  # fmt: skip
        values.update(panel.infotext(job.settings, plan.recipe))
        line = ", ".join(f"{key}: {quoted(value)}" for key, value in values.items() if None not in (key, value))
        negative = [f"Negative prompt: {job.negative}"] if job.negative else []
        return "\n".join([plan.edit(job.prompt), *negative, line])


def schedules(loaded: Loaded) -> str:
    names = [*TIMESTEPS, *(("Simple",) if is_flow(loaded.sigmas) else ())]
    return "it has " + ", ".join(names)


def without_tags(prompt: str) -> str:
    return remove_all(prompt).strip()


def quoted(value) -> str:
    """As the hosts write a value, so that they can read it back (modules/infotext_utils.py, ``quote``)."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(",\n:") else text


def encode_image(loaded: Loaded, image: Image.Image, width: int, height: int) -> torch.Tensor:
    """The latents of an image, cut to the size."""
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    pixels = loaded.pipe.image_processor.preprocess(fitted).to(loaded.device, torch.float32)
    config = loaded.pipe.vae.config
    latents = loaded.pipe.vae.encode(pixels).latent_dist.mode()
    return (latents - (config.shift_factor or 0.0)) * config.scaling_factor


def decode(loaded: Loaded, latents: torch.Tensor) -> Image.Image:
    config = loaded.pipe.vae.config
    pixels = loaded.pipe.vae.decode(latents / config.scaling_factor + (config.shift_factor or 0.0)).sample
    return loaded.pipe.image_processor.postprocess(pixels)[0]
