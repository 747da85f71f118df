"""Our nodes, in the form that every ComfyUI loads."""

from typing import Any

from ..sampling.names import BY_IMAGE_SIZE
from ..sampling.schedules import TIMESTEPS
from . import host
from .samplers import ddim, tcd
from .schedules import sigmas_by_name, table_of, tokens_of

SAMPLING = "sampling/custom_sampling"
MODEL = ("MODEL",)
STEPS = ("INT", {"default": 4, "min": 1, "max": 150, "tooltip": "How often the network is asked."})
DENOISE = ("FLOAT", {
    "default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01,
    "tooltip": "1 for an image from noise. Below 1 for img2img: all the steps lie within this strength.",
})  # fmt: skip
LATENT = ("LATENT", {"tooltip": f"The image's latent. Only its size counts, for the schedule “{BY_IMAGE_SIZE}”."})
RECOMMENDED = "Recommended"


def open_field(tooltip: str) -> tuple:
    """A number that may be left to the recipe: a text, since a number's widget cannot say so."""
    return ("STRING", {"default": RECOMMENDED, "tooltip": f"{tooltip} “{RECOMMENDED}” leaves it to the recipe."})


def eta_input(default: float) -> tuple:
    tooltip = "The share of fresh noise in each step: 0 for most detail, 1 for none of the noise before."
    return ("FLOAT", {"default": default, "min": 0.0, "max": 1.0, "step": 0.01, "tooltip": tooltip})


class HyperSD:
    """Hyper-SD, planned: which LoRA goes on the model, and what it is sampled with."""

    DESCRIPTION = (
        "Puts the few-step LoRA that fits on the model, and gives sampler, sigmas, CFG and distilled guidance as its "
        "recipe has them. What cannot be done whole stops the queue with a sentence that says why."
    )
    CATEGORY = SAMPLING
    FUNCTION = "carry_out"
    RETURN_TYPES = ("MODEL", "CLIP", "SAMPLER", "SIGMAS", "FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("model", "clip", "sampler", "sigmas", "cfg", "guidance", "plan")
    OUTPUT_TOOLTIPS = (
        "The model with the LoRA on it.", "The text encoder with the LoRA on it.", "For SamplerCustom.",
        "For SamplerCustom.", "For SamplerCustom's cfg.", "For FluxGuidance; 0 where the model takes none.",
        "What is done and why, in one sentence, and what is worth knowing.",
    )  # fmt: skip

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        from ..recipes.settings import VARIANTS  # with the planner, which ComfyUI starts without

        variants = [RECOMMENDED, *VARIANTS.values()]
        return {
            "required": {"model": ("MODEL", {"tooltip": "The model, without any few-step LoRA on it."})},
            "optional": {
                "variant": (variants, {"tooltip": "Which kind of LoRA; the recommended one suits most images."}),
                "steps": open_field("How often the network is asked; the LoRA has to fit it."),
                "weight": open_field("How strongly the LoRA acts."),
                "cfg": open_field("The guidance scale."),
                "eta": open_field("TCD's share of fresh noise, 0 to 1."),
                "file": (
                    [RECOMMENDED, *host.listed_loras()],
                    {"tooltip": "The LoRA's file; the recommended one is chosen by the model and the steps."},
                ),
                "denoise": DENOISE,
                "clip": ("CLIP", {"tooltip": "Not needed: few-step LoRAs leave the text encoder as it is."}),
                "latent": LATENT,
                "schedule": (
                    [RECOMMENDED, *TIMESTEPS, BY_IMAGE_SIZE],
                    {"tooltip": f"Which timesteps are visited. “{BY_IMAGE_SIZE}” is for FLUX and needs “latent”."},
                ),
            },
            "hidden": {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"},
        }

    def carry_out(self, model, denoise=1.0, clip=None, latent=None, prompt=None, unique_id=None, **inputs):
        from .carry_out import carry_out

        tokens = tokens_of(latent["samples"]) if latent else None
        return carry_out(inputs, model, clip, denoise, tokens, prompt or {}, str(unique_id))


class TCDSampler:
    """TCD with eta."""

    DESCRIPTION = "Strategic stochastic sampling (TCD), for the unified LoRAs. Use it on the schedule “TCD”."
    CATEGORY = f"{SAMPLING}/samplers"
    FUNCTION = "build"
    RETURN_TYPES = ("SAMPLER",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"eta": eta_input(0.3)}}

    def build(self, eta: float) -> tuple[Any]:
        return (host.sampler(tcd, eta=eta),)


class DDIMTrailingSampler(TCDSampler):
    """DDIM with eta."""

    DESCRIPTION = "DDIM, for the LoRAs of one number of steps. Use it on the schedule “Trailing” or “Start at 800”."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"eta": eta_input(0.0)}}

    def build(self, eta: float) -> tuple[Any]:
        return (host.sampler(ddim, eta=eta),)


class FewStepSchedule:
    """The timesteps that few-step models were distilled on."""

    DESCRIPTION = "The noise levels of the timesteps that a few-step model was distilled on, by the model's own table."
    CATEGORY = f"{SAMPLING}/schedulers"
    FUNCTION = "build"
    RETURN_TYPES = ("SIGMAS",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        schedules = [*TIMESTEPS, BY_IMAGE_SIZE]
        return {
            "required": {"model": MODEL, "schedule": (schedules,), "steps": STEPS, "denoise": DENOISE},
            "optional": {"latent": LATENT},
        }

    def build(self, model, schedule: str, steps: int, denoise: float, latent=None) -> tuple[Any]:
        table = table_of(host.model_sampling(model))
        tokens = tokens_of(latent["samples"]) if latent else None
        return (sigmas_by_name(schedule, steps, denoise, table, tokens),)


NODE_CLASS_MAPPINGS: dict[str, type] = {
    "HyperSD": HyperSD,
    "HyperSDTCDSampler": TCDSampler,
    "HyperSDDDIMTrailingSampler": DDIMTrailingSampler,
    "HyperSDFewStepSchedule": FewStepSchedule,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "HyperSD": "Hyper-SD",
    "HyperSDTCDSampler": "TCD sampler",
    "HyperSDDDIMTrailingSampler": "DDIM-Trailing sampler",
    "HyperSDFewStepSchedule": "Few-step schedule",
}
