"""The nodes as ComfyUI finds them, with modules in the place of its own that record what is asked of them.

Whether the real ones answer so is what the live suite and the contract say.
"""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

import lib_hypersd.comfyui
from lib_hypersd.errors import HyperSDError
from lib_hypersd.sampling.schedules import flow_sigmas

ROOT = Path(__file__).parents[2]
OWN = ("host", "nodes", "card", "pack", "carry_out")


def module(name, **names):
    part = ModuleType(name)
    vars(part).update(names)
    return part


@pytest.fixture
def comfyui(monkeypatch, tmp_path):
    """What ComfyUI has of what we use."""
    samplers = module(
        "comfy.samplers",
        KSAMPLER=lambda function, options: (function, options),
        sampler_object=lambda name: name,
        calculate_sigmas=lambda sampling, name, steps: torch.linspace(9, 0, steps + 1),
        KSAMPLER_NAMES=["euler"], SAMPLER_NAMES=["euler", "ddim"], SCHEDULER_NAMES=["karras", "sgm_uniform"],
        SCHEDULER_HANDLERS={"karras": 1, "sgm_uniform": 2}, SchedulerHandler=lambda function: function,
    )  # fmt: skip
    sampling = module("comfy.k_diffusion.sampling")
    k_diffusion = module("comfy.k_diffusion", sampling=sampling)
    paths = module(
        "folder_paths", get_user_directory=lambda: str(tmp_path), get_filename_list=lambda kind: ["a/b.safetensors"],
        get_full_path=lambda kind, name: str(tmp_path / kind / name) if kind != "checkpoints" else None,
    )  # fmt: skip
    modules = {
        "comfy.samplers": samplers, "comfy.k_diffusion": k_diffusion, "comfy.k_diffusion.sampling": sampling,
        "comfy.sd": module("comfy.sd"), "comfy.utils": module("comfy.utils"), "folder_paths": paths,
        "nodes": module("nodes", NODE_CLASS_MAPPINGS={}),
    }  # fmt: skip
    modules["comfy"] = module(
        "comfy", samplers=samplers, k_diffusion=k_diffusion, sd=modules["comfy.sd"], utils=modules["comfy.utils"]
    )
    for name, part in modules.items():
        monkeypatch.setitem(sys.modules, name, part)
    forget()
    yield SimpleNamespace(**{name.replace(".", "_"): part for name, part in modules.items()})
    forget()


def forget():
    """Have the modules that bind ComfyUI's imported anew."""
    for name in OWN:
        sys.modules.pop(f"lib_hypersd.comfyui.{name}", None)
        vars(lib_hypersd.comfyui).pop(name, None)


class Patcher:
    """A MODEL."""

    def __init__(self, sigmas):
        self.sigmas = sigmas

    def get_model_object(self, name):
        assert name == "model_sampling"
        return SimpleNamespace(sigmas=self.sigmas)


def load():
    from lib_hypersd.comfyui.pack import load

    return load()


def test_what_is_in_the_pack(comfyui):
    nodes, names = load()
    assert list(nodes) == [
        "HyperSD", "HyperSDTCDSampler", "HyperSDDDIMTrailingSampler", "HyperSDFewStepSchedule",
        "TCDModelSamplingDiscrete", "HyperSDXL1StepUnetScheduler",
    ]  # fmt: skip
    assert names.keys() == nodes.keys()


def test_inputs_stand_where_saved_workflows_have_them(comfyui):
    """Workflows keep a node's values by place: an input may be added at the end and nowhere else."""
    nodes, _ = load()
    order = {
        "HyperSD": [
            "model",
            "variant",
            "steps",
            "weight",
            "cfg",
            "eta",
            "file",
            "denoise",
            "clip",
            "latent",
            "schedule",
        ],
        "HyperSDTCDSampler": ["eta"],
        "HyperSDDDIMTrailingSampler": ["eta"],
        "HyperSDFewStepSchedule": ["model", "schedule", "steps", "denoise", "latent"],
        "TCDModelSamplingDiscrete": ["model", "steps", "scheduler", "denoise", "eta"],
        "HyperSDXL1StepUnetScheduler": ["model", "steps"],
    }
    for name, node in nodes.items():
        inputs = node.INPUT_TYPES()
        assert [*inputs["required"], *inputs.get("optional", {})][: len(order[name])] == order[name]
        assert node.DESCRIPTION.endswith(".") and hasattr(node, node.FUNCTION)


@pytest.mark.parametrize("file", sorted((ROOT / "locales").glob("*/nodeDefs.json")), ids=lambda file: file.parent.name)
def test_a_language_has_every_text_of_the_nodes_and_no_other(comfyui, file):
    nodes, _ = load()
    assert json.loads(file.read_text(encoding="utf-8")).keys() == nodes.keys()
    for name, texts in json.loads(file.read_text(encoding="utf-8")).items():
        node, inputs = nodes[name], nodes[name].INPUT_TYPES()
        own = {**inputs["required"], **inputs.get("optional", {})}
        tooltips = {entry: "tooltip" in (options[0] if options else {}) for entry, (_, *options) in own.items()}
        assert {entry: "tooltip" in text for entry, text in texts["inputs"].items()} == tooltips
        has_tooltip = hasattr(node, "OUTPUT_TOOLTIPS")
        assert list(texts["outputs"]) == [str(slot) for slot in range(len(node.RETURN_TYPES))]
        assert all(("tooltip" in text) == has_tooltip for text in texts["outputs"].values())
        assert texts["display_name"] and all(text["name"] for text in texts["inputs"].values())
        assert texts["description"] != node.DESCRIPTION


def test_the_cards_nodes_are_left_to_the_pack_that_has_them(comfyui):
    comfyui.nodes.NODE_CLASS_MAPPINGS["TCDModelSamplingDiscrete"] = object
    nodes, names = load()
    assert "TCDModelSamplingDiscrete" not in nodes and "TCDModelSamplingDiscrete" not in names


def test_samplers_and_schedules_are_in_the_hosts_lists_once(comfyui):
    load(), load()
    samplers = comfyui.comfy_samplers
    assert samplers.KSAMPLER_NAMES == ["euler", "hypersd_tcd", "hypersd_ddim"]
    assert samplers.SAMPLER_NAMES[2:] == ["hypersd_tcd", "hypersd_ddim"]
    assert samplers.SCHEDULER_NAMES[2:] == ["hypersd_trailing", "hypersd_tcd", "hypersd_800"]
    table = torch.linspace(0.03, 14.6, 1000)
    sigmas = samplers.SCHEDULER_HANDLERS["hypersd_trailing"](SimpleNamespace(sigmas=table), 4)
    assert sigmas.tolist() == [*table[[999, 749, 499, 249]].tolist(), 0]
    assert (
        comfyui.comfy_k_diffusion_sampling.sample_hypersd_tcd
        is not comfyui.comfy_k_diffusion_sampling.sample_hypersd_ddim
    )


def test_nodes_give_samplers_and_sigmas(comfyui):
    nodes, _ = load()
    model = Patcher(torch.linspace(0.03, 14.6, 1000))
    (sigmas,) = nodes["HyperSDFewStepSchedule"]().build(model, "Start at 800", 2, 1.0)
    assert sigmas.tolist() == [*model.sigmas[[800, 400]].tolist(), 0]
    for name in ("HyperSDTCDSampler", "HyperSDDDIMTrailingSampler"):
        ((function, options),) = nodes[name]().build(0.5)
        assert options == {"eta": 0.5} and callable(function)
    same, (_, options), sigmas = nodes["TCDModelSamplingDiscrete"]().build(model, 2, "simple", 1.0, 0.4)
    assert same is model and options == {"eta": 0.4} and sigmas.tolist() == [*model.sigmas[[999, 499]].tolist(), 0]
    assert len(nodes["TCDModelSamplingDiscrete"]().build(model, 2, "sgm_uniform", 0.5)[2]) == 3
    assert nodes["HyperSDXL1StepUnetScheduler"]().build(model, 1)[0].tolist() == [model.sigmas[800].item(), 0]


def test_by_image_size_takes_the_size_of_the_latent(comfyui):
    nodes, _ = load()
    model = Patcher(flow_sigmas(1000, 1.0, 3.0).flip(0)[1:])
    latent = {"samples": torch.zeros(1, 16, 128, 128)}
    (sigmas,) = nodes["HyperSDFewStepSchedule"]().build(model, "By image size", 8, 1.0, latent)
    assert sigmas[1].item() == pytest.approx(0.9567, abs=1e-4)


class Lora:
    """A MODEL of which a LoRA has changed that many layers."""

    def __init__(self, layers):
        self.patches = {"a": [1] * layers}


def test_a_lora_that_did_not_load_is_refused(comfyui, monkeypatch):
    load()
    from lib_hypersd.comfyui import carry_out

    comfyui.comfy_utils.load_torch_file = lambda path, safe_load: {}
    comfyui.comfy_sd.load_lora_for_models = lambda model, clip, tensors, *weights: (Lora(9), clip)
    monkeypatch.setattr(carry_out, "count_layers", lambda path: 10)
    with pytest.raises(carry_out.Refusal, match="could load only 9 of 10 layers of some"):
        carry_out.with_lora(Lora(0), None, "", "some", 1.0)
    monkeypatch.setattr(carry_out, "count_layers", lambda path: 9)
    assert carry_out.with_lora(Lora(0), "clip", "", "some", 1.0)[1] == "clip"


@pytest.mark.parametrize(
    ("sampler", "eta", "given"),
    [("TCD", 0.3, {"eta": 0.3}), ("TCD", None, {}), ("LCM", None, {"eta": 1.0}), ("Euler", None, {"eta": 0.0})],
)
def test_samplers_by_the_names_of_recipes(comfyui, sampler, eta, given):
    load()
    from lib_hypersd.comfyui.carry_out import sampler_of

    assert sampler_of(SimpleNamespace(sampler=sampler, eta=eta))[1] == given


def test_samplers_of_the_hosts_own(comfyui):
    load()
    from lib_hypersd.comfyui.carry_out import Refusal, sampler_of

    assert sampler_of(SimpleNamespace(sampler="DPM++ SDE", eta=None)) == "dpmpp_sde"
    with pytest.raises(Refusal, match="ComfyUI has no sampler “UniPC”"):
        sampler_of(SimpleNamespace(sampler="UniPC", eta=None))


def test_schedules_of_a_plan(comfyui):
    load()
    from lib_hypersd.comfyui.carry_out import sigmas_of

    def plan(schedule, shift=None, value=None):
        recipe = SimpleNamespace(shift=shift)
        return SimpleNamespace(schedule=schedule, steps=4, recipe=recipe, distilled_cfg=value)

    model = Patcher(torch.linspace(0.03, 14.6, 1000))
    assert len(sigmas_of(plan("Karras"), 0.5, model.sigmas, None, model)) == 5
    assert sigmas_of(plan("Karras"), 0.0, model.sigmas, None, model).tolist() == [0]
    assert sigmas_of(plan("Simple", 3.0, 5.0), 1.0, model.sigmas, None, model).equal(flow_sigmas(4, 1.0, 5.0))
    with pytest.raises(HyperSDError, match="ComfyUI has no schedule “Flux2”"):
        sigmas_of(plan("Flux2"), 1.0, model.sigmas, None, model)
