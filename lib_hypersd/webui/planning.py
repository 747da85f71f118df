"""What a plan is made from on this host: the recipes, the host's request as the planner reads it, and what the host
cannot do at all."""

from pathlib import Path

from modules import paths

from ..plan import Model, Plan, Request, SecondPass
from ..recipes.catalog import Catalog, load_catalog
from ..recipes.settings import Settings
from ..wording import fill
from . import controlnet, decoder, loading, loras, model, samplers
from .options import find_comment_stripper, get_option


def load_recipes() -> Catalog:
    """The published recipes with the user's, from the folder where the host keeps its own settings."""
    return load_catalog(Path(paths.data_path) / "hypersd-recipes.json")


def complete(request: Request, catalog: Catalog) -> Request:
    """The planner's request from its own part, with what the host has around it."""
    at_hand, standing = loras.find_at_hand(catalog, request.model), loras.find_standing_tag()
    return request._replace(
        files=at_hand.files,
        others=at_hand.others,
        prompts=[prompt + standing for prompt in request.prompts],
        strip=find_comment_stripper(),
        reads_schedules=loras.reads_schedules(),
        no_fast_decoder=decoder.find_obstacle(request.model.family),
    )


def read_processing(p, settings: Settings, checkpoint: Model, catalog: Catalog, eta: float | None) -> Request:
    """The planner's request for a request that the host is about to run."""
    prompts = [prompt for name in ("all_prompts", "all_hr_prompts") for prompt in getattr(p, name, None) or []]
    second_pass, refiner = find_second_pass(p), find_refiner(p)
    refining = model.read_file(refiner) if refiner else None
    own = Request(
        settings, checkpoint, (), prompts, second_pass=second_pass, refiner=refining, eta=eta,
        control_weights=controlnet.find_weights(p),
    )  # fmt: skip
    return complete(own, catalog)


def find_refiner(p):
    """What the host has listed of the checkpoint that takes over in the middle, None without one."""
    return getattr(p, "refiner_checkpoint_info", None)


def find_second_pass(p) -> SecondPass | None:
    """What the request says of its second pass, where it has one."""
    if not getattr(p, "enable_hr", False):
        return None
    checkpoint = model.find_named(getattr(p, "hr_checkpoint_name", None))
    return SecondPass(
        p.hr_second_pass_steps, p.hr_sampler_name, getattr(p, "hr_scheduler", None), checkpoint,
        p.hr_scale, p.denoising_strength, p.hr_upscaler,
    )  # fmt: skip


def find_obstacle() -> str | None:
    """Why the host would run none of our hooks, as a sentence; a pack of Neo has such a mode (N:processing.py:878)."""
    if get_option("forge_model_mode") == "api":
        return fill("The WebUI is set to have its images made by a service, for which it runs no extension.")
    return None


def find_obstacle_to(plan: Plan, p) -> str | None:
    """What keeps this host or this request from carrying the plan out, as a sentence."""
    if plan.file and p.disable_extra_networks:
        return fill("The request switches LoRAs off (disable_extra_networks).")
    if plan.file and find_refiner(p):
        name = loading.name_for_refiner(plan.file)
        if name not in loras.list_names():
            no_such = "For the refiner, the option “Lora Replacements” asks for {name}, and the WebUI has no such LoRA."
            return fill(no_such, name=name)
    if plan.adds_second_pass and not hasattr(p, "enable_hr"):
        return fill("Two passes are for txt2img: img2img is a second pass itself.")
    return samplers.find_unknown(plan.sampler, plan.schedule)
