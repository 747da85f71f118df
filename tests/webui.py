"""The one double of a WebUI: its ``modules`` as far as ``lib_hypersd.webui`` uses them, for tests without a host.

It behaves as the real ones were seen to (order of the hooks, options, eta, noise, skipped guidance, strength) and
shares no line with them. Its ``kind`` is "a1111", "reforge" (patched network, a second CFG), "forge" (predictors and
FLUX besides, hooks that fire twice), "neo" (its successor: folders in lists, fewer flags and options) or "classic"
(patched network, no schedules). Gradio, k-diffusion and torch are real; ``tests/live`` runs the same on real hosts.

Each kind has the names that its host has, as far as the adapter or the double itself needs them, with the same
parameters: ``tests/contract`` says which. What no host has begins with an underscore.
"""

import base64
import contextlib
import copy
import functools
import importlib.util
import inspect
import io
import json
import sys
from collections import namedtuple
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import k_diffusion.sampling
import torch
from fastapi import FastAPI, HTTPException
from k_diffusion.external import CompVisDenoiser
from PIL import Image

from lib_hypersd.files.layers import count_layers
from lib_hypersd.plan.tags import strip_comments
from tests.accordion import InputAccordion
from tests.loras import layers, write
from tests.networks import FlowDenoiser, Network

ROOT = Path(__file__).parent.parent
SHAPE = (4, 8, 8)
TABLES = "packages_3rdparty.comfyui_lora_collection.utils"
KINDS = ("a1111", "forge", "neo", "reforge", "classic")
PATCHES = {"forge": "lora_patches", "neo": "patches", "reforge": "patches", "classic": "patches"}
WITH_PREDICTORS = ("forge", "neo")


@contextlib.contextmanager
def running(tmp_path, kind, *loras):
    """A host of this kind with these LoRAs, whose modules can be imported."""
    host = Host(tmp_path, kind)
    host.install_loras(*loras)
    with host.as_modules():
        yield host


def module(name, **content):
    made = ModuleType(name)
    vars(made).update(content)
    return made


class OptionInfo:
    def __init__(
        self, default=None, label="", component=None, component_args=None, onchange=None, section=None, refresh=None,
        comment_before="", comment_after="", infotext=None, restrict_api=False, category_id=None,
    ):  # fmt: skip
        self.default, self.infotext = default, infotext

    def info(self, info):
        return self


class Options:
    """Saved values in ``data``; an attribute of the object itself comes first, as for any Python object."""

    def __init__(self, **data):
        self.data, self.data_labels = data, {key: OptionInfo(value) for key, value in data.items()}

    def __getattr__(self, name):
        if name in self.__dict__.get("data", {}):
            return self.data[name]
        raise AttributeError(name)

    def add_option(self, key, info):
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)


@dataclass
class Scheduler:
    name: str
    label: str
    function: object
    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list | None = None


SamplerTuple = namedtuple("SamplerData", ["name", "constructor", "aliases", "options"])


class SamplerData(SamplerTuple):
    pass


def simple(n, sigma_min, sigma_max, inner_model, device):
    return torch.cat([inner_model.sigmas.flip(0)[:: len(inner_model.sigmas) // n][:n], torch.zeros(1)]).to(device)


class Rng:
    """Noise for each image of a batch from its own seed."""

    def __init__(self, seeds):
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def next(self):
        return torch.stack([torch.randn(SHAPE, generator=g) for g in self._generators])


class HijackedTorch:
    """k-diffusion's ``torch``, whose randn_like draws from the request's generators."""

    def __init__(self, rng):
        self.rng = rng

    def __getattr__(self, name):
        return getattr(torch, name)

    def randn_like(self, x):
        return self.rng.next()


class Conds(SimpleNamespace):
    """Positive prompts: for each image its parts with their weights."""


class Denoiser(torch.nn.Module):
    """Classifier-free guidance around the denoiser: positive and negative rows in one evaluation."""

    def __init__(self, sd_model, inner_model):
        super().__init__()
        self._host, self._is_inpainting, self.inner_model = sd_model._host, sd_model._is_inpainting, inner_model
        self.step, self.total_steps, self.p, self.image_cfg_scale = 0, 1, None, None
        if self._host.kind != "classic":
            self.need_last_noise_uncond = False
        if self._host.kind in ("a1111", "reforge"):
            self.cond_scale_miltiplier = 1.0

    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        opts = self._host.shared.opts
        if self.p.refiner_checkpoint_info is not None and self.step == int(self.total_steps * self._host.switch_at):
            self.p.extra_generation_params["Refiner"] = "refiner"
            self._host.networks.loaded_networks.clear()  # as does a host that loads another checkpoint
            self.p.setup_conds()
        self._host.loras_seen.append([network.network_on_disk.name for network in self._host.networks.loaded_networks])
        for callback in self._host.script_callbacks.callback_map["callbacks_cfg_denoiser"]:
            callback.callback(SimpleNamespace(denoiser=self, sampling_step=self.step))
        skip = opts.skip_early_cond != 0 and self.step / self.total_steps <= opts.skip_early_cond
        if self._host.kind == "a1111" and skip and opts.batch_cond_uncond and self._is_inpainting:
            raise RuntimeError("Sizes of tensors must match")
        skip = skip or (self._host.kind != "a1111" and cond_scale == 1)
        if self._host.failure:
            raise self._host.failure
        if skip:
            if opts.skip_early_cond:
                self.p.extra_generation_params["Skip Early CFG"] = opts.skip_early_cond
            denoised = self.inner_model(x, sigma, cond=cond)
        else:
            both = self.inner_model(torch.cat([x, x]), torch.cat([sigma, sigma]), cond=cond)
            positive, negative = both.chunk(2)
            denoised = negative + (positive - negative) * cond_scale
        self.step += 1
        return denoised


class DenoiserWithMore(Denoiser):
    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond, **kwargs):
        return super().forward(x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond)


class Sampler:
    pass


class KDiffusionSampler(Sampler):
    """The host's sampler: options and request become arguments of a k-diffusion function, by its signature."""

    def __init__(self, funcname, sd_model, options=None):
        self._host, network = sd_model._host, sd_model._network
        self.func = funcname if callable(funcname) else getattr(k_diffusion.sampling, funcname)
        self.model_wrap = FlowDenoiser(network).float() if sd_model._is_flow else CompVisDenoiser(network)
        denoiser = DenoiserWithMore if self._host.kind in ("reforge", "neo") else Denoiser
        self.model_wrap_cfg = denoiser(sd_model, self.model_wrap)
        self.config = self.eta = None
        self.eta_option_field, self.eta_infotext_field, self.eta_default = "eta_ancestral", "Eta", 1.0

    def get_sigmas(self, p, steps):
        discard = self._host.shared.opts.always_discard_next_to_last_sigma
        scheduler = None
        if self._host.kind != "classic":
            name = (p.hr_scheduler if p.is_hr_pass else p.scheduler) or "Automatic"
            name = name if name != "Automatic" else self.config.options.get("scheduler")
            scheduler = self._host.sd_schedulers.schedulers_map.get(name)
        if (scheduler is None or scheduler.function is None) and self.model_wrap.sigmas[-1] < 1.001:
            sigmas = simple(steps + discard, 0, 1, self.model_wrap, "cpu")
        elif scheduler is None or scheduler.function is None:
            sigmas = self.model_wrap.get_sigmas(steps + discard)
        else:
            key = "Hires schedule type" if p.is_hr_pass else "Schedule type"
            p.extra_generation_params[key] = scheduler.label
            levels = {"sigma_min": self.model_wrap.sigmas[0].item(), "sigma_max": self.model_wrap.sigmas[-1].item()}
            sigmas = scheduler.function(n=steps + discard, **levels, inner_model=self.model_wrap, device="cpu")
        return torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        sigmas = self.get_sigmas(p, steps or p.steps)
        x = x * (
            torch.sqrt(1 + sigmas[0] ** 2)
            if getattr(self._host.shared.opts, "sgm_noise_multiplier", False)
            else sigmas[0]
        )
        return self._run(p, x, sigmas, conditioning, unconditional_conditioning)

    def sample_img2img(
        self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None
    ):
        strength = min(p.denoising_strength, 0.999)
        if self._host.shared.opts.img2img_fix_steps or steps is not None:
            wanted = steps or p.steps
            total, last = (int(wanted / strength) if strength else 0), wanted - 1
        else:
            total, last = p.steps, int(strength * p.steps)
        sigmas = self.get_sigmas(p, total)[total - last - 1 :]
        start = x + noise * sigmas[0] if self.model_wrap.sigmas[-1] > 1.001 else x * (1 - sigmas[0]) + noise * sigmas[0]
        return self._run(p, start, sigmas, conditioning, unconditional_conditioning)

    def _run(self, p, x, sigmas, conditioning, unconditional_conditioning):
        opts = self._host.shared.opts
        self._started_from = x
        self.model_wrap_cfg.p, self.model_wrap_cfg.total_steps = p, len(sigmas) - 1
        if self._host.kind != "reforge":  # which has its own copy of k-diffusion
            k_diffusion.sampling.torch = HijackedTorch(p.rng)
        arguments = {}
        if "eta" in inspect.signature(self.func).parameters:
            self.eta = p.eta if p.eta is not None else getattr(opts, self.eta_option_field, 0.0)
            if self.eta != self.eta_default:
                p.extra_generation_params[self.eta_infotext_field] = self.eta
            arguments["eta"] = self.eta
        extra = {
            "cond": conditioning,
            "uncond": unconditional_conditioning,
            "cond_scale": p.hr_cfg if p.is_hr_pass and hasattr(p, "hr_cfg") else p.cfg_scale,
            "s_min_uncond": 0,
            "image_cond": None,
        }
        try:
            return self.func(self.model_wrap_cfg, x, sigmas=sigmas, extra_args=extra, disable=True, **arguments)
        finally:
            k_diffusion.sampling.torch = torch


def write_lora(path):
    """A LoRA of one layer, which sees the prompt of the family that the file's name says."""
    width = next((width for family, width in (("SDXL", 2048), ("SD15", 768)) if family in path.name.upper()), None)
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{module}.lora_down.weight": [4, width], f"{module}.lora_up.weight": [640, 4]}
    write(path, layers({"some": (8, 8)}, "kohya", 4) if width is None else shapes)


class DynamicArgs(type):
    """The class of what Neo has in the place of a dict: a class whose attributes are read as entries too."""

    def get(cls, key, default=None):
        return getattr(cls, key, default)

    def __getitem__(cls, key):
        return getattr(cls, key)

    def __contains__(cls, key):
        return hasattr(cls, key)


class Script:
    tabname, section, create_group, infotext_fields = "txt2img", None, True, None

    def title(self): ...

    def show(self, is_img2img): ...

    def ui(self, is_img2img): ...

    def after_component(self, component, **kwargs): ...

    def process(self, p, *args): ...

    def before_process_batch(self, p, *args, **kwargs): ...

    def process_batch(self, p, *args, **kwargs): ...

    def process_before_every_sampling(self, p, *args, **kwargs): ...

    def postprocess_batch(self, p, *args, **kwargs): ...


class AxisOption:
    def __init__(
        self, label, type, apply, format_value=None, confirm=None, cost=0.0, choices=None, prepare=None
    ):  # fmt: skip
        self.label, self.type, self.apply, self.choices = label, type, apply, choices


def do_nothing(*args, **kwargs): ...


def set_field(name):
    return lambda p, x, xs: setattr(p, name, x)


def input_accordion(value=None, **kwargs):
    """What Forge has in the place of the class."""
    return InputAccordion(value, **kwargs)


class PasteField(tuple):
    def __new__(cls, component, target, *, api=None):
        return super().__new__(cls, (component, target))


class Processing:
    """A txt2img request, or one of img2img (which has its sampler before its prompts are parsed).

    ``parts`` are the weights of each image's prompt parts.
    """

    def __init__(self, host, prompt="a cat", *, img2img=False, parts=((1.0,),), **given):
        self._host, self._img2img, self._parts = host, img2img, parts
        fields = {
            "prompt": prompt, "steps": 20, "cfg_scale": 7.0, "sampler_name": "Euler", "eta": None, "seed": 1, "batch_size": 1,
            "denoising_strength": 0.75, "refiner_checkpoint_info": None, "disable_extra_networks": False, "sampler": None,
            "is_hr_pass": False, "extra_generation_params": {}, "comments": {},
        }  # fmt: skip
        if not img2img:
            fields |= {
                "enable_hr": False,
                "hr_prompt": None,
                "hr_second_pass_steps": 0,
                "hr_sampler_name": None,
                "hr_checkpoint_name": None,
            }
        if host.kind != "classic":
            fields |= {"scheduler": "Automatic"} | ({} if img2img else {"hr_scheduler": None})
        if host.kind in ("forge", "neo", "reforge") and not img2img:
            fields |= {"hr_cfg": 7.0}
        if host.kind in WITH_PREDICTORS:
            fields |= {"distilled_cfg_scale": 3.5}
            if host.kind == "forge" or not img2img:
                fields |= {"hr_distilled_cfg": 3.5}
        unknown = given.keys() - fields.keys()
        assert not unknown, f"such a request has no {unknown}"
        vars(self).update(fields | given)

    @property
    def sd_model(self):
        return self._host.model

    def comment(self, text):
        self.comments[text] = 1

    def setup_conds(self):
        """What the denoiser calls again when a refiner has taken over."""


class Host:
    """The modules, and a request run through a script's hooks in the host's order."""

    def __init__(self, tmp_path, kind="a1111"):
        self.kind = kind
        self.switch_at = 0.5  # the part of the steps behind which a refiner takes over
        self.failure = None  # raised inside the next evaluation of the network
        self.folder = tmp_path
        self.shared = SimpleNamespace(
            OptionInfo=OptionInfo,
            cmd_opts=SimpleNamespace(
                no_hashing=False, lora_dir=str(tmp_path / "Lora"),
                **({"ckpt_dirs": [], "lora_dirs": []} if kind == "neo" else {"ckpt_dir": None}),
            ),
            opts=Options(
                eta_ancestral=1.0, eta_ddim=0.0, skip_early_cond=0.0, sgm_noise_multiplier=False,
                always_discard_next_to_last_sigma=False, sd_lora="None", extra_networks_default_multiplier=0.8,
                img2img_fix_steps=False, sd_model_checkpoint="tiny-sd15",
            ),
        )  # fmt: skip
        if kind not in ("classic", "neo"):
            self.shared.opts.data["batch_cond_uncond"] = True
        if kind == "neo":
            self.shared.opts.data |= {
                "forge_model_mode": "local",
                "hide_schedulers": [],
                "refiner_lora_replacement": "high_noise=low_noise",
            }
        if kind != "reforge":  # which always takes comments out
            self.shared.opts.data["enable_prompt_comments"] = True
        self.sd_schedulers = SimpleNamespace(Scheduler=Scheduler, schedulers=[
            Scheduler("automatic", "Automatic", None), Scheduler("simple", "Simple", simple, need_inner_model=True),
        ])  # fmt: skip
        self.sd_schedulers.schedulers_map = {n: s for s in self.sd_schedulers.schedulers for n in (s.name, s.label)}
        self.sd_samplers = SimpleNamespace(all_samplers=[
            SamplerData("Euler", lambda model: KDiffusionSampler("sample_euler", model), [], {}),
            SamplerData("Euler a", lambda model: KDiffusionSampler("sample_euler_ancestral", model), [], {}),
            SamplerData("DPM++ 2M", lambda model: KDiffusionSampler("sample_dpmpp_2m", model), [], {"scheduler": "karras"}),
        ])  # fmt: skip
        self.sd_samplers.all_samplers_map = {s.name: s for s in self.sd_samplers.all_samplers}
        self.sd_samplers.set_samplers = lambda: None
        if kind != "classic":
            self.sd_samplers.get_sampler_and_scheduler = functools.cache(lambda *names: names)
        self.sd_samplers.create_sampler = self.create_sampler
        if kind == "reforge":
            self.sd_samplers.create_sampler = lambda name, model, scheduler=None: self.create_sampler(name, model)
        self.networks = module(
            "networks", available_networks={}, loaded_networks=[], list_available_networks=self.list_networks
        )
        if kind != "a1111":
            self.networks.load_lora_for_models = (
                self.load_online if kind in WITH_PREDICTORS else self.load_lora_for_models
            )
        self.xyz = module("xyz_grid", AxisOption=AxisOption, axis_options=[
            AxisOption("Nothing", str, do_nothing if kind == "neo" else lambda p, x, xs: None), AxisOption("Steps", int, set_field("steps")),
            AxisOption("CFG Scale", float, set_field("cfg_scale")), AxisOption("Sampler", str, set_field("sampler_name")),
            AxisOption("Sampler", str, set_field("sampler_name")), AxisOption("Schedule type", str, set_field("scheduler")),
            AxisOption("Eta", float, set_field("eta")),
        ])  # fmt: skip
        if kind == "classic":
            callback = namedtuple("ScriptCallback", ["script", "callback"])
        else:
            callback = make_dataclass("ScriptCallback", ["script", "callback", ("name", str, "unnamed")])
        callbacks = {"callbacks_app_started": [], "callbacks_cfg_denoiser": [], "callbacks_cfg_denoised": []}
        self.script_callbacks = SimpleNamespace(ScriptCallback=callback, callback_map=callbacks)
        self.scripts = SimpleNamespace(Script=Script, AlwaysVisible=object(), scripts_data=[])
        self.script_callbacks.add_callback = self.add_callback if kind == "classic" else self.add_callback_by_name
        self.loras_seen = []  # at each evaluation
        self.in_folder, self.checkpoints, self.known_hashes = [], {}, {}
        self.placed = {}  # how many of its layers find a place, for LoRAs that do not fit
        self.load("tiny-sd15", is_sd1=True)

    def load(self, name, parameterization="eps", is_flow=False, is_inpainting=False, **flags):
        """Make a checkpoint the loaded one; ``network`` is the one in it, whatever the host keeps around it."""
        self.network = Network(torch.float32)
        info = SimpleNamespace(name_for_extra=name, filename=str(self.folder / f"{name}.safetensors"), sha256=None)
        self.checkpoints[name] = info
        self.model = model = SimpleNamespace(
            _host=self, _network=self.network, _is_flow=is_flow, _is_inpainting=is_inpainting, sd_checkpoint_info=info,
            is_sd1=False, is_sd2=False, is_sdxl=False,
        )  # fmt: skip
        if self.kind == "neo":
            del model.is_sd2
        elif self.kind != "classic":
            model.is_sd3 = False
        if self.kind in ("a1111", "reforge"):
            model.is_ssd = False
        if self.kind != "a1111":
            inner = SimpleNamespace(diffusion_model=SimpleNamespace())
            unet = SimpleNamespace(model=inner, **{PATCHES[self.kind]: {}})
            model.forge_objects, model.current_lora_hash = SimpleNamespace(unet=unet), "[]"
        if self.kind in WITH_PREDICTORS:
            told = "const" if is_flow else {"eps": "epsilon", "v": "v_prediction"}[parameterization]
            inner.predictor, inner.storage_dtype = SimpleNamespace(prediction_type=told), torch.float32
            inner.diffusion_model.config, model.model_config = {}, SimpleNamespace(huggingface_repo="x/other")
        else:
            model.parameterization = parameterization
        vars(model).update(flags)
        self.shared.opts.data["sd_model_checkpoint"] = name
        self.sd_models = SimpleNamespace(
            model_data=SimpleNamespace(sd_model=model),
            get_closet_checkpoint_match=lambda search_string: self.checkpoints.get(search_string),
            model_path=str(self.folder / "Stable-diffusion"),
            list_models=lambda: None,
        )
        if "modules" in sys.modules:
            sys.modules["modules.sd_models"].model_data = self.sd_models.model_data
        return model

    def install_loras(self, *names, **hashes):
        self.in_folder += [(name, hashes.get(name, "")) for name in names]
        self.list_networks()

    def list_networks(self):
        for name, _ in self.in_folder:
            if not self.lora(name).exists():
                write_lora(self.lora(name))
        self.networks.available_networks.clear()
        self.networks.available_networks.update(
            {
                name: SimpleNamespace(name=name, alias=f"{name}-alias", hash=hash, filename=str(self.lora(name)))
                for name, hash in self.in_folder
            }
        )

    def add_callback_by_name(self, callbacks, fun, *, name=None, category="unknown", filename=None):
        assert filename is not None, "the real one would inspect the stack"
        named = f"{Path(filename).name}/{category}"
        callbacks.append(self.script_callbacks.ScriptCallback(filename, fun, named))

    def add_callback(self, callbacks, fun):
        raise AssertionError("the real one would inspect the stack")

    def lora(self, name):
        return self.folder / "Lora" / f"{name}.safetensors"

    def sha256_from_cache(self, filename, title, use_addnet_hash=False):
        return self.known_hashes.get((title, use_addnet_hash))

    def create_sampler(self, name, model):
        sampler = self.sd_samplers.all_samplers_map[name].constructor(model)
        sampler.config = self.sd_samplers.all_samplers_map[name]
        return sampler

    @contextlib.contextmanager
    def as_modules(self):
        """Make ``modules`` and ``networks`` importable, and ``lib_hypersd.webui`` import them afresh."""
        names = {
            "shared": vars(self.shared), "sd_models": vars(self.sd_models), "sd_samplers": vars(self.sd_samplers),
            "sd_samplers_kdiffusion": {"KDiffusionSampler": KDiffusionSampler}, "sd_samplers_common": {"SamplerData": SamplerData},
            "sd_schedulers": vars(self.sd_schedulers), "scripts": vars(self.scripts), "script_callbacks": vars(self.script_callbacks),
            "paths": {"data_path": str(self.folder), "models_path": str(self.folder / "models")},
            "extra_networks": {"activate": lambda p, extra_network_data: self.activate(extra_network_data)},
            "infotext_utils": {"PasteField": PasteField},
            "ui_components": {"InputAccordion": input_accordion if self.kind in WITH_PREDICTORS else InputAccordion},
            "hashes": {"sha256_from_cache": self.sha256_from_cache},
            "processing": {"StableDiffusionProcessing": type("StableDiffusionProcessing", (), {})},
        }  # fmt: skip
        if self.kind == "classic":
            del names["sd_schedulers"]
        fresh = {"modules": ModuleType("modules"), "networks": self.networks}
        if self.kind in WITH_PREDICTORS:
            names["processing"]["StableDiffusionProcessing"].distilled_cfg_scale = 3.5
            choices = {"online_lora": False}
            fresh["backend.args"] = module(
                "backend.args",
                dynamic_args=choices
                if self.kind == "forge"
                else DynamicArgs("dynamic_args", (), {**choices, "kontext": False}),
            )
            # Their LoRAs know a network's layers by name.
            self.networks.model_lora_keys_unet = lambda model, key_map={}: {
                "lora_unet_out": "diffusion_model.out.weight"
            }
        if self.kind == "forge":
            # SD3's names in diffusers stand in a table that nothing asks.
            fresh[TABLES] = module(TABLES, mmdit_to_diffusers=lambda mmdit_config, output_prefix="": {
                f"blocks.{i}.to_q.weight": (f"{output_prefix}joint_blocks.{i}.qkv.weight", (0, 0, 64 * mmdit_config["depth"]))
                for i in range(mmdit_config["depth"])
            })  # fmt: skip
        for name, content in names.items():
            fresh[f"modules.{name}"] = module(f"modules.{name}", **content)
            setattr(fresh["modules"], name, fresh[f"modules.{name}"])
        kept = {
            name: module
            for name, module in sys.modules.items()
            if name in fresh or name.startswith("lib_hypersd.webui")
        }
        for name in kept:
            del sys.modules[name]
        sys.modules.update(fresh)
        try:
            yield self
        finally:
            for name in [n for n in sys.modules if n in fresh or n.startswith("lib_hypersd.webui")]:
                del sys.modules[name]
            sys.modules.update(kept)

    def load_script(self):
        """Execute scripts/hypersd.py as the host does, after its own X/Y/Z script; returns an instance."""
        comments = module("comments", strip_comments=strip_comments)
        self.scripts.scripts_data[:] = [
            SimpleNamespace(path="scripts/xyz_grid.py", module=self.xyz),
            SimpleNamespace(path="modules/processing_scripts/comments.py", module=comments),
        ]
        spec = importlib.util.spec_from_file_location("hypersd.py", ROOT / "scripts" / "hypersd.py")
        hooks = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(hooks)
        return hooks.HyperSD()

    def cell(self, p, *axes):
        """A cell of an X/Y/Z plot: a shallow copy of the request with each (label, value) applied."""
        p = copy.copy(p)
        for label, value in axes:
            for option in [o for o in self.xyz.axis_options if o.label == label][:1]:
                option.apply(p, value, [value])
        return p

    def process_images(self, p, script, args=(False,), between=lambda p: None):
        """Run the request; ``between`` stands for another extension's ``process``, after ours. Returns the latents."""
        prompts = p.prompt if isinstance(p.prompt, list) else [p.prompt] * p.batch_size
        p.all_prompts, p.main_prompt = list(prompts), prompts[0]
        if not p._img2img:
            p.all_hr_prompts = [p.hr_prompt or prompt for prompt in prompts] if p.hr_prompt is not None else None
        self.hook(script.process, p, *args)
        between(p)
        if p._img2img:
            p.sampler = self.create_sampler(p.sampler_name, p.sd_model)
        p.prompts = p.all_prompts[: p.batch_size]
        p.rng = Rng([p.seed + i for i in range(p.batch_size)])
        self.hook(script.before_process_batch, p, *args, batch_number=0, prompts=p.prompts)
        from lib_hypersd.plan.tags import find, remove_all

        tags = [] if p.disable_extra_networks else find(p.prompts[0])
        p.extra_network_data = {"lora": [tag.name for tag in tags]}
        if not p._img2img:
            p.hr_extra_network_data = p.extra_network_data
        self.activate(p.extra_network_data)
        p.prompts = [remove_all(prompt) for prompt in p.prompts]
        self.hook(script.process_batch, p, *args, batch_number=0, prompts=p.prompts)
        if not p._img2img:
            p.sampler = self.create_sampler(p.sampler_name, p.sd_model)
        noise = p.rng.next()
        conds = Conds(
            batch=[[SimpleNamespace(weight=w) for w in p._parts[i % len(p._parts)]] for i in range(p.batch_size)]
        )
        self.network.timesteps.clear()

        def before_sampling(x, times=1):
            for _ in range(times):
                self.hook(script.process_before_every_sampling, p, *args, x=x, noise=noise, c=conds, uc=None)

        p.setup_conds()
        if p._img2img:
            image = self.image(p)
            before_sampling(image)
            samples = p.sampler.sample_img2img(p, image, noise, conds, None)
            self.hook(script.postprocess_batch, p, *args, images=samples, batch_number=0)
            return samples
        before_sampling(noise)
        samples = p.sampler.sample(p, noise, conds, None)
        if p.enable_hr:
            p.is_hr_pass = True
            if self.kind != "classic":
                p.hr_scheduler = p.hr_scheduler or p.scheduler
            p.sampler = self.create_sampler(p.hr_sampler_name or p.sampler_name, p.sd_model)
            noise = p.rng.next()
            before_sampling(samples, times=2 if self.kind == "forge" else 1)
            samples = p.sampler.sample_img2img(p, samples, noise, conds, None, steps=p.hr_second_pass_steps or p.steps)
            p.is_hr_pass = False
        self.hook(script.postprocess_batch, p, *args, images=samples, batch_number=0)
        return samples

    @staticmethod
    def image(p):
        """The latents that img2img starts from."""
        return torch.randn((p.batch_size, *SHAPE), generator=torch.Generator().manual_seed(99))

    def strip_comments(self, p):
        """The host's own script for comments, which runs after ours."""
        if getattr(self.shared.opts, "enable_prompt_comments", True):
            p.all_prompts = [strip_comments(prompt) for prompt in p.all_prompts]
            p.main_prompt = strip_comments(p.main_prompt)

    def activate(self, extra_network_data):
        """Load LoRAs: here and on Neo all that are found, elsewhere none if one is missing."""
        found = [self.networks.available_networks.get(name) for name in extra_network_data["lora"]]
        self.networks.loaded_networks.clear()
        if self.kind not in ("a1111", "neo") and None in found:
            return
        found = [disk for disk in found if disk]
        for disk in found:
            layers = range(self.layers_placed(disk.filename) if self.kind == "a1111" else 0)
            modules = {} if self.kind == "neo" else {"modules": {f"diffusion_model_{i}": 1 for i in layers}}
            self.networks.loaded_networks.append(SimpleNamespace(network_on_disk=disk, **modules))
        if self.kind != "a1111":
            self.model.current_lora_hash = str([[disk.filename, 1.0, 1.0] for disk in found])
            unet = SimpleNamespace(model=self.model.forge_objects.unet.model, **{PATCHES[self.kind]: {}})
            for disk in found:
                unet, _ = self.networks.load_lora_for_models(unet, None, {}, 1.0, 1.0, filename=disk.filename)
            self.model.forge_objects.unet = unet

    def layers_placed(self, filename):
        """How many layers of a LoRA find a place: all that it has, unless ``placed`` says otherwise."""
        return self.placed.get(Path(filename).stem, count_layers(filename) or 0)

    def load_lora_for_models(self, model, clip, lora, strength_model, strength_clip, filename="default"):
        """The network with a LoRA's patches; one of which no layer fits is dropped."""
        patches = dict(getattr(model, PATCHES[self.kind]))
        layers = [f"layer {i}" for i in range(self.layers_placed(filename))]
        if self.kind == "forge":
            patches[filename, strength_model, 1.0, False] = {layer: [filename] for layer in layers}
        else:
            patches |= {layer: [*patches.get(layer, []), strength_model] for layer in layers}
        return SimpleNamespace(model=model.model, **{PATCHES[self.kind]: patches}), clip

    def load_online(
        self, model, clip, lora, strength_model, strength_clip, filename="default", online_mode=False
    ):  # fmt: skip
        return self.load_lora_for_models(model, clip, lora, strength_model, strength_clip, filename)

    def app(self, script):
        """The host's API after its start: its two routes that make images, and what was registered beside them."""
        app = FastAPI()

        @app.post("/sdapi/v1/txt2img")
        def txt2img(payload: dict):
            return self.answer(script, payload, img2img=False)

        @app.post("/sdapi/v1/img2img")
        def img2img(payload: dict):
            return self.answer(script, payload, img2img=True)

        for callback in self.script_callbacks.callback_map["callbacks_app_started"]:
            callback.callback(None, app)
        return app

    def answer(self, script, payload, img2img):
        """A request that came through the API, and what is sent back."""
        if img2img and not payload.get("init_images"):
            raise HTTPException(404, "Init image not found")
        p = Processing(self, img2img=img2img)
        vars(p).update((name, value) for name, value in payload.items() if name in vars(p))
        scripts = {title.lower(): given["args"] for title, given in payload.get("alwayson_scripts", {}).items()}
        latents = self.process_images(p, script, scripts.get(script.title().lower(), [False]))
        file = io.BytesIO()
        Image.fromarray((latents[0, :3].permute(1, 2, 0).clamp(-1, 1) * 127 + 128).byte().numpy()).save(file, "PNG")
        info = {"prompt": p.all_prompts[0], "extra_generation_params": p.extra_generation_params}
        return {"images": [base64.b64encode(file.getvalue()).decode()], "parameters": payload, "info": json.dumps(info)}

    @staticmethod
    def hook(function, *args, **kwargs):
        """The real host logs what a hook raises and goes on; here it fails the test."""
        function(*args, **kwargs)
