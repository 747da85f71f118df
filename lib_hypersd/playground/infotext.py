"""How a picture was made, as AUTOMATIC1111 writes it (modules/processing.py, ``create_infotext``)."""

import json
from typing import Any

from ..plan import Plan
from ..recipes import settings
from .job import Job

__all__ = ["write_infotext"]

ETA_KEYS = {"TCD": "Eta TCD", "DDIM-Trailing": "Eta DDIM"}  # by the sampler, where it has an eta to choose


def write_infotext(job: Job, plan: Plan, model: str, size: tuple[int, int], control: str | None = None) -> str:
    """The infotext of a picture; ``model`` is the checkpoint's name, ``size`` width and height in pixels.

    ``size`` is the first pass' of two. ``control`` is the name of the ControlNet, if one was used; its key is that of
    sd-webui-controlnet.
    """
    values: dict[str | None, Any] = {
        "Steps": plan.steps, "Sampler": plan.sampler, "Schedule type": plan.schedule,
        "CFG scale": f"{plan.cfg:g}", "Distilled CFG Scale": plan.distilled_cfg, "Seed": job.seed,
        "Size": "x".join(map(str, size)), "Model": model,
        "Denoising strength": job.strength if job.init is not None else plan.hires_strength,
        ETA_KEYS.get(plan.sampler): plan.eta,
        "Hires upscale": plan.hires_scale, "Hires steps": plan.hires_steps or None,
        "Hires upscaler": plan.hires_upscaler,
        "ControlNet 0": f"Module: none, Model: {control}, Weight: {job.control_weight:g}" if control else None,
    }  # fmt: skip
    values.update(settings.make_infotext(job.settings, plan.recipe))
    line = ", ".join(f"{key}: {quoted(value)}" for key, value in values.items() if None not in (key, value))
    negative = [f"Negative prompt: {job.negative}"] if job.negative else []
    return "\n".join([plan.edit(job.prompt), *negative, line])


def quoted(value: object) -> str:
    """As the hosts write a value, so that they can read it back (modules/infotext_utils.py, ``quote``)."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(",\n:") else text
