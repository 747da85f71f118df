"""The host as modules that can be imported."""

import contextlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from lib_hypersd.plan.tags import strip_comments
from tests.accordion import InputAccordion

from .live import ParamBinding
from .parts import WITH_PREDICTORS, DynamicArgs, PasteField, SamplerData, input_accordion, module
from .sampling import KDiffusionSampler

ROOT = Path(__file__).parents[2]
TABLES = "packages_3rdparty.comfyui_lora_collection.utils"


class Modules:
    """The part of a host that is imported, and that loads a script."""

    @contextlib.contextmanager
    def as_modules(self):
        """Make ``modules`` and ``networks`` importable, and ``lib_hypersd.webui`` import them afresh."""
        fresh = self.fresh_modules()
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

    def fresh_modules(self):
        base = type("StableDiffusionProcessing", (), {})
        names = {
            "shared": vars(self.shared), "sd_models": vars(self.sd_models), "sd_samplers": vars(self.sd_samplers),
            "sd_samplers_kdiffusion": {"KDiffusionSampler": KDiffusionSampler}, "sd_samplers_common": {"SamplerData": SamplerData},
            "sd_schedulers": vars(self.sd_schedulers), "scripts": vars(self.scripts), "script_callbacks": vars(self.script_callbacks),
            "paths": {"data_path": str(self.folder), "models_path": str(self.folder / "models")},
            "extra_networks": {"activate": lambda p, extra_network_data: self.activate(extra_network_data)},
            "infotext_utils": {
                "PasteField": PasteField, "ParamBinding": ParamBinding, "image_from_url_text": self.image_from_url_text,
                "register_paste_params_button": self.register_paste_params_button,
            },
            "call_queue": vars(self.call_queue), "images": {"save_image": self.save_image},
            "ui_components": {"InputAccordion": input_accordion if self.kind in WITH_PREDICTORS else InputAccordion},
            "hashes": {"sha256_from_cache": self.sha256_from_cache},
            "processing": {
                "StableDiffusionProcessing": base, "process_images": lambda p: self.run(p),
                "decode_latent_batch": self.decode_latent_batch,
            },
        }  # fmt: skip
        if self.kind == "classic":
            del names["sd_schedulers"]
        fresh = {"modules": ModuleType("modules"), "networks": self.networks}
        for img2img in (False, True):
            kind = self.request_class(base, img2img)
            names["processing"][kind.__name__] = kind
        if self.kind != "a1111":
            thread = module("modules_forge.main_thread", run_and_wait_result=self.run_and_wait_result)
            fresh |= {"modules_forge": module("modules_forge", main_thread=thread), thread.__name__: thread}
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
        return fresh

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
        script = hooks.HyperSD()
        for runner in (self.scripts.scripts_txt2img, self.scripts.scripts_img2img):
            runner._load(script)
        return script
