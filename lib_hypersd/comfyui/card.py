"""The nodes that the model card's workflows name, so that those open and run where no other pack has them."""

from typing import Any

from . import host
from .nodes import DENOISE, MODEL, SAMPLING, eta_input
from .samplers import tcd
from .schedules import sigmas_by_name, table_of


class TCDModelSamplingDiscrete:
    """ComfyUI-TCD's node: the model as it is, TCD, and its schedule."""

    DESCRIPTION = "The node that published workflows name for TCD: a sampler with eta and its sigmas."
    CATEGORY = "advanced/model"
    FUNCTION = "build"
    RETURN_TYPES = ("MODEL", "SAMPLER", "SIGMAS")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": MODEL,
                "steps": ("INT", {"default": 4, "min": 1, "max": 50}),
                "scheduler": (["simple", "sgm_uniform"], {"tooltip": "simple is the one that TCD was distilled on."}),
                "denoise": DENOISE,
            },
            "optional": {"eta": eta_input(0.3)},
        }

    def build(self, model, steps: int, scheduler: str, denoise: float, eta: float = 0.3) -> tuple[Any, ...]:
        table = table_of(host.model_sampling(model))
        if scheduler == "simple" or denoise <= 0:
            sigmas = sigmas_by_name("TCD", steps, denoise, table)
        else:
            sigmas = host.own_sigmas(scheduler, steps, denoise, model)
        return model, host.sampler(tcd, eta=eta), sigmas


class HyperSDXL1StepUnetScheduler:
    """The schedule of the one-step SDXL UNet."""

    DESCRIPTION = "The noise levels from timestep 800, at which the one-step SDXL UNet starts."
    CATEGORY = f"{SAMPLING}/schedulers"
    FUNCTION = "build"
    RETURN_TYPES = ("SIGMAS",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"model": MODEL, "steps": ("INT", {"default": 1, "min": 1, "max": 10})}}

    def build(self, model, steps: int) -> tuple[Any]:
        return (sigmas_by_name("Start at 800", steps, 1.0, table_of(host.model_sampling(model))),)


NODE_CLASS_MAPPINGS: dict[str, type] = {
    "TCDModelSamplingDiscrete": TCDModelSamplingDiscrete,
    "HyperSDXL1StepUnetScheduler": HyperSDXL1StepUnetScheduler,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "TCDModelSamplingDiscrete": "TCD model sampling (Hyper-SD's)",
    "HyperSDXL1StepUnetScheduler": "One-step SDXL UNet schedule",
}
