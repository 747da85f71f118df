"""A host of each kind: what its modules hold, and the checkpoint that is loaded."""

import contextlib
import functools
import sys
from collections import namedtuple
from dataclasses import make_dataclass
from pathlib import Path
from types import SimpleNamespace

import torch

from tests.networks import Network

from .imports import Modules
from .live import OwnRequests
from .networks import PATCHES, Loras
from .parts import (
    WITH_PREDICTORS,
    AxisOption,
    OptionInfo,
    Options,
    SamplerData,
    Scheduler,
    Script,
    do_nothing,
    module,
    set_field,
)
from .requests import Requests
from .sampling import KDiffusionSampler, simple

KINDS = ("a1111", "forge", "neo", "reforge", "classic")


@contextlib.contextmanager
def running(tmp_path, kind, *loras):
    """A host of this kind with these LoRAs, whose modules can be imported."""
    host = Host(tmp_path, kind)
    host.install_loras(*loras)
    with host.as_modules():
        yield host


class Host(Loras, Modules, OwnRequests, Requests):
    """The modules, the LoRAs, and requests that are run."""

    def __init__(self, tmp_path, kind="a1111"):
        self.kind = kind
        self.switch_at = 0.5  # the part of the steps behind which a refiner takes over
        self.failure = None  # raised inside the next evaluation of the network
        self.folder = tmp_path
        self.loras_used = []  # at each evaluation
        self.decoders = []  # the method of each decoding
        self.in_folder, self.checkpoints, self.hashes = [], {}, {}
        self.placed = {}  # how many of its layers find a place, for LoRAs that do not fit
        self.have_options(kind)
        self.have_samplers(kind)
        self.have_scripts(kind)
        self.have_queue()
        self.networks = module(
            "networks", available_networks={}, loaded_networks=[], list_available_networks=self.list_networks
        )
        if kind != "a1111":
            self.networks.load_lora_for_models = (
                self.load_online if kind in WITH_PREDICTORS else self.load_lora_for_models
            )
        self.load("tiny-sd15", is_sd1=True)

    def have_options(self, kind):
        self.shared = SimpleNamespace(
            OptionInfo=OptionInfo,
            cmd_opts=SimpleNamespace(
                no_hashing=False, lora_dir=str(self.folder / "Lora"),
                **({} if kind == "classic" else {"no_prompt_history": False}),
                **({"ckpt_dirs": [], "lora_dirs": []} if kind == "neo" else {"ckpt_dir": None}),
            ),
            opts=Options(
                eta_ancestral=1.0, eta_ddim=0.0, skip_early_cond=0.0, sgm_noise_multiplier=False,
                always_discard_next_to_last_sigma=False, sd_lora="None", extra_networks_default_multiplier=0.8,
                img2img_fix_steps=False, sd_model_checkpoint="tiny-sd15", live_previews_enable=True, multiple_tqdm=True,
                outdir_samples="", outdir_txt2img_samples="txt2img", outdir_img2img_samples="img2img", samples_format="png",
                sd_vae_decode_method="Full", localization="None",
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

    def have_samplers(self, kind):
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

    def have_scripts(self, kind):
        self.xyz = module("xyz_grid", AxisOption=AxisOption, axis_options=[
            AxisOption("Nothing", str, do_nothing if kind == "neo" else lambda p, x, xs: None), AxisOption("Steps", int, set_field("steps")),
            AxisOption("CFG Scale", float, set_field("cfg_scale")), AxisOption("Sampler", str, set_field("sampler_name")),
            AxisOption("Sampler", str, set_field("sampler_name")), AxisOption("Schedule type", str, set_field("scheduler")),
            AxisOption("Eta", float, set_field("eta")), AxisOption("Denoising", float, set_field("denoising_strength")),
            AxisOption("Hires upscaler", str, set_field("hr_upscaler")),
        ])  # fmt: skip
        if kind == "classic":
            callback = namedtuple("ScriptCallback", ["script", "callback"])
        else:
            callback = make_dataclass("ScriptCallback", ["script", "callback", ("name", str, "unnamed")])
        names = ("app_started", "cfg_denoiser", "cfg_denoised", "ui_tabs")
        callbacks = {f"callbacks_{name}": [] for name in names}
        self.script_callbacks = SimpleNamespace(ScriptCallback=callback, callback_map=callbacks)
        self.scripts = SimpleNamespace(Script=Script, AlwaysVisible=object(), scripts_data=[])
        self.script_callbacks.add_callback = self.add_callback if kind == "classic" else self.add_callback_by_name

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
            prediction = "const" if is_flow else {"eps": "epsilon", "v": "v_prediction"}[parameterization]
            inner.predictor, inner.storage_dtype = SimpleNamespace(prediction_type=prediction), torch.float32
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

    def add_callback_by_name(self, callbacks, fun, *, name=None, category="unknown", filename=None):
        assert filename is not None, "the real one would inspect the stack"
        named = f"{Path(filename).name}/{category}"
        callbacks.append(self.script_callbacks.ScriptCallback(filename, fun, named))

    def add_callback(self, callbacks, fun):
        raise AssertionError("the real one would inspect the stack")

    def sha256_from_cache(self, filename, title, use_addnet_hash=False):
        return self.hashes.get((title, use_addnet_hash))

    def create_sampler(self, name, model):
        sampler = self.sd_samplers.all_samplers_map[name].constructor(model)
        sampler.config = self.sd_samplers.all_samplers_map[name]
        return sampler
