"""What a plan is made from on this host: the recipes, the host's request as the planner reads it, and what the host
cannot do at all."""

from collections.abc import Sequence
from pathlib import Path

from modules import paths

from ..plan import Model, Plan, Request, SecondPass
from ..recipes.catalog import Catalog, load_catalog
from ..recipes.settings import Settings
from . import loading, loras, model, samplers
from .options import comment_stripper, option


def load_recipes() -> Catalog:
    """The published recipes with the user's, from the folder where the host keeps its own settings."""
    return load_catalog(Path(paths.data_path) / "hypersd-recipes.json")


def build_request(
    settings: Settings,
    checkpoint: Model,
    catalog: Catalog,
    prompts: Sequence[str],
    second_pass: SecondPass | None = None,
    refiner: Model | None = None,
    eta: float | None = None,
) -> Request:
    """The planner's request: what is given, and what the host has around it."""
    at_hand, standing = loras.at_hand(catalog, checkpoint), loras.standing_tag()
    return Request(
        settings=settings,
        model=checkpoint,
        files=at_hand.files,
        others=at_hand.others,
        prompts=[prompt + standing for prompt in prompts],
        second_pass=second_pass,
        refiner=refiner,
        eta=eta,
        strip=comment_stripper(),
        reads_schedules=loras.reads_schedules(),
    )


def read_processing(p, settings: Settings, checkpoint: Model, catalog: Catalog, eta: float | None) -> Request:
    """The planner's request for a request that the host is about to run."""
    prompts = [prompt for name in ("all_prompts", "all_hr_prompts") for prompt in getattr(p, name, None) or []]
    refiner = refiner_of(p)
    return build_request(
        settings, checkpoint, catalog, prompts, second_pass_of(p), model.read_file(refiner) if refiner else None, eta
    )


def refiner_of(p):
    """What the host has listed of the checkpoint that takes over in the middle, None without one."""
    return getattr(p, "refiner_checkpoint_info", None)


def second_pass_of(p) -> SecondPass | None:
    """What the request says of its second pass, where it has one."""
    if not getattr(p, "enable_hr", False):
        return None
    checkpoint = model.find_named(getattr(p, "hr_checkpoint_name", None))
    return SecondPass(p.hr_second_pass_steps, p.hr_sampler_name, getattr(p, "hr_scheduler", None), checkpoint)


def find_obstacle() -> str | None:
    """Why the host would run none of our hooks, as a sentence; a pack of Neo has such a mode (N:processing.py:878)."""
    if option("forge_model_mode") == "api":
        return "The WebUI is set to have its images made by a service, for which it runs no extension."
    return None


def find_obstacle_to(plan: Plan, p) -> str | None:
    """What keeps this host or this request from carrying the plan out, as a sentence."""
    if plan.file and p.disable_extra_networks:
        return "The request switches LoRAs off (disable_extra_networks)."
    if plan.file and refiner_of(p):
        name = loading.name_for_refiner(plan.file)
        if name not in loras.names():
            return f"For the refiner, the option “Lora Replacements” asks for {name}, and the WebUI has no such LoRA."
    return samplers.find_unknown(plan.sampler, plan.schedule)
