"""The node Hyper-SD at work: a plan for its model, carried out whole or not at all."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from ..files.header import read_checkpoint
from ..files.layers import Fit, count_layers
from ..files.library import Library
from ..plan import Plan
from ..plan.outcome import Refusal
from ..recipes.catalog import Catalog, load_catalog
from ..sampling.schedules import flow_sigmas
from . import host
from .arguments import file_name, settings_of
from .graph import Origin, origin_of
from .model import describe_model, prediction_of
from .planning import Loras, Network, make_whole_plan
from .samplers import OURS
from .schedules import sigmas_by_name, table_of

__all__ = ["carry_out"]

# Samplers of ComfyUI that recipes name, by the names that WebUIs show.
HOSTS_SAMPLERS = {"Euler a": "euler_ancestral", "Heun": "heun", "DPM++ SDE": "dpmpp_sde"}


def carry_out(
    inputs: Mapping[str, Any],
    model: Any,
    clip: Any,
    denoise: float,
    tokens: int | None,
    graph: Mapping[str, Any],
    node: str,
) -> tuple[Any, Any, Any, torch.Tensor, float, float, str]:
    """The node's outputs: MODEL, CLIP, SAMPLER, SIGMAS, CFG, distilled guidance, and what is done in words.

    Args:
        inputs: what the user has fixed, by the names of ``recipes.settings.FIELDS``.
        tokens: of the image, where its size is known.
        graph: the workflow in API form, and ``node`` the node's id in it.

    Raises:
        HyperSDError: a sentence that says why it cannot be done whole.
    """
    table = table_of(host.model_sampling(model))
    origin, loras, catalog = origin_of(graph, node), loras_at_hand(), recipes()
    network = network_of(model, origin)
    plan = make_whole_plan(settings_of(inputs), network, loras, [*map(file_name, origin.loras)], catalog)
    sampler, sigmas = sampler_of(plan), sigmas_of(plan, denoise, table, tokens, model)
    if plan.file is not None and plan.weight is not None:
        model, clip = with_lora(model, clip, loras.paths[plan.file], plan.file, plan.weight)
    words = " ".join((plan.sentence, *plan.warnings, *catalog.problems))
    return model, clip, sampler, sigmas, float(plan.cfg), guidance_of(plan), words


def recipes() -> Catalog:
    """The published recipes with the user's own."""
    return load_catalog(host.user_folder() / "hypersd-recipes.json")


@cache
def library() -> Library:
    """What the library has found out of files, kept beside the user's settings."""
    return Library(host.user_folder() / "hypersd-files.json")


def loras_at_hand() -> Loras:
    paths = {file_name(listed): host.lora_path(listed) for listed in host.listed_loras()}
    return Loras({name: path for name, path in paths.items() if path}, library())


def network_of(model: Any, origin: Origin) -> Network:
    """The network of a MODEL, by its own tensors; and the titles of its checkpoint, where its file is to be found."""
    shapes, classes = host.shapes_of(model), type(host.model_sampling(model)).__mro__
    path = host.checkpoint_path(origin.checkpoint) if origin.checkpoint else None
    metadata = read_checkpoint(path).metadata if path else {}
    prediction = prediction_of(kind.__name__ for kind in classes)
    return Network(describe_model(shapes, prediction, host.kind_of(model), origin.checkpoint, metadata), shapes)


def sampler_of(plan: Plan) -> Any:
    """The SAMPLER that a plan names."""
    if plan.sampler in OURS:
        function, own_eta = OURS[plan.sampler]
        eta = plan.eta if own_eta is None else own_eta
        return host.sampler(function) if eta is None else host.sampler(function, eta=eta)
    if plan.sampler in HOSTS_SAMPLERS:
        return host.own_sampler(HOSTS_SAMPLERS[plan.sampler])
    raise Refusal(f"ComfyUI has no sampler “{plan.sampler}”.")


def sigmas_of(plan: Plan, denoise: float, table: torch.Tensor, tokens: int | None, model: Any) -> torch.Tensor:
    """The plan's schedule, of ours or of ComfyUI's, as SIGMAS."""
    if denoise <= 0:
        return torch.zeros(1)
    if plan.recipe is not None and plan.recipe.shift is not None and plan.distilled_cfg is not None:
        # The shift moves the levels and nothing else: a flow model is asked at the level itself.
        return flow_sigmas(plan.steps, denoise, plan.distilled_cfg)
    sigmas = sigmas_by_name(plan.schedule, plan.steps, denoise, table, tokens)
    return host.own_sigmas(plan.schedule, plan.steps, denoise, model) if sigmas is None else sigmas


def with_lora(model: Any, clip: Any, path: str, name: str, weight: float) -> tuple[Any, Any]:
    """The MODEL and the CLIP with a LoRA, or a refusal where ComfyUI could not load it: never few steps without it."""
    changed, changed_clip, placed = host.add_lora(model, clip, path, weight)
    layers = count_layers(path) or 1
    if not Fit(layers, placed).is_enough:
        raise Refusal(f"ComfyUI could load only {placed} of {layers} layers of {name}; its console says why.")
    return changed, changed_clip


def guidance_of(plan: Plan) -> float:
    """The distilled guidance that a plan gives to the network, 0 where it takes none."""
    takes_one = plan.recipe is not None and plan.recipe.distilled_cfg is not None
    return float(plan.distilled_cfg or 0) if takes_one else 0.0
