"""What the adapter's source does not say: which of its names stand for what of the host.

A use of the host has a path: a word for something of it (``modules``, ``p``, ``sampler``, …), then the attributes and
entries that are taken of that, as in ``sampler.config.options["scheduler"]``; ``[]`` is any entry.
"""

OURS = "hypersd"  # is in every name that we put on an object of the host
REQUESTS = ("txt2img", "img2img")  # the two kinds of request that the word ``p`` stands for

# Words for modules.
MODULES = {
    "modules": "modules",
    "modules_forge": "modules_forge",
    "k_diffusion": "k_diffusion",
    "networks": "networks",
    "lora_names": "packages_3rdparty.comfyui_lora_collection.utils",
    "backend_args": "backend.args",
}
# Words for what a host has under a path. What the others stand for (``txt2img``, ``img2img``, ``cond``) only a request
# knows.
HOLDERS = {
    "sampler": "txt2img.sampler",
    "denoiser": "sampler.model_wrap_cfg",
    "model_wrap": "sampler.model_wrap",
    "sd_model": "txt2img.sd_model",
    "checkpoint": "sd_model.sd_checkpoint_info",
    "unet": "sd_model.forge_objects.unet",
    "disk": "networks.available_networks[]",
    "network": "networks.loaded_networks[]",
    "scheduler": "modules.sd_schedulers.schedulers[]",
    "script": "modules.scripts.scripts_data[]",
    "xyz": "script.module",
    "axis": "xyz.axis_options[]",
    "option_info": "modules.shared.opts.data_labels[]",
}
# Other ways to the same; ``()`` is what a call gives.
SAME = {
    **{path: word for word, path in HOLDERS.items()},
    "p.sampler": "sampler",
    "p.sd_model": "sd_model",
    "modules.sd_models.model_data.sd_model": "sd_model",
    "modules.sd_samplers_kdiffusion.KDiffusionSampler()": "sampler",
    "modules.sd_schedulers.Scheduler()": "scheduler",
    "modules.sd_samplers.all_samplers[]": "sampler.config",
    "modules.shared.OptionInfo()": "option_info",
    "network.network_on_disk": "disk",
    "denoiser.sigmas": "model_wrap.sigmas",
    "denoiser.p": "p",
}
# What parameters, loop variables and functions of ours hold: everywhere, or in one file.
VARIABLES = {
    "p": "p",
    "sampler": "sampler",
    "denoiser": "denoiser",
    "inner_model": "model_wrap",
    "sd_model": "sd_model",
    "info": "checkpoint",
    "cond": "cond",
    "disk": "disk",
    "webui/axes.py: module": "xyz",
    "webui/axes.py: apply": "axis.apply",
    "webui/loading.py: find_networks()": "networks",
    "webui/loading.py: network": "network",
    "webui/loading.py: patcher": "unet",
    "webui/loading.py: model": "unet.model",
    "webui/loading.py: load": "networks.load_lora_for_models",
    "webui/loading.py: layers": "networks.model_lora_keys_unet",
    "webui/loras.py: find_networks()": "networks",
    "webui/inner_passes.py: outer": "p",
    "webui/inner_passes.py: inner": "p",
    "webui/scripts.py: runner": "modules.scripts.scripts_txt2img",
    "webui/live_pictures.py: runner": "modules.scripts.scripts_txt2img",
    "webui/live_watch.py: runner": "modules.scripts.scripts_txt2img",
    "webui/model.py: find_choices()": "backend_args.dynamic_args",
    "webui/model.py: model": "sd_model",
    "webui/model.py: network": "unet.model",
    "webui/schedules.py: other": "scheduler",
    "webui/strength.py: sample_img2img": "sampler.sample_img2img",
    "panel/controls.py: accordion": "modules.ui_components.InputAccordion",
    "sampling/schedules.py: wrapper": "denoiser",
}
# Names that are computed: the file's constants that hold them, or what else they may be of the host's.
COMPUTED = {
    "webui/planning.py: p": ("all_prompts", "all_hr_prompts"),
    "webui/request.py: p": ("ATTRIBUTES", "PROMPTS", "prompts"),
    "webui/second_pass.py: p": ("SWITCHES", "PROMPTS", "all_prompts", "all_negative_prompts"),
    "webui/model.py: sd_model": ("FAMILY_FLAGS",),
    "webui/options.py: modules.shared.opts": (),
    "webui/options.py: modules.shared.cmd_opts": (),
    "webui/downloads.py: modules.shared.opts": (),
    "webui/live.py: modules.shared.opts": (),
    "webui/live_pictures.py: modules.shared.opts": ("outdir_txt2img_samples", "outdir_img2img_samples"),
    "webui/memory.py: modules.shared.opts": (),
    "webui/samplers.py: modules.shared.opts": ("eta_ddim",),
    "webui/strength.py: modules.shared.opts": (),
}
# Functions of ours that ask the host for what it may lack.
DOORS = {"get_option": "modules.shared.opts", "get_switch": "modules.shared.cmd_opts"}
# Functions of ours whose keywords are names of the host's.
KEYWORDS = {"shadowed": "modules.shared.opts", "switched": "modules.shared.cmd_opts"}
# What a class of ours has beside what it takes from its base.
OWN = {"modules.scripts.Script.prompt"}
# What is only taken where another name is there, or where it is not.
WITH = {
    "img2img.hr_second_pass_steps": "img2img.enable_hr",
    "img2img.hr_sampler_name": "img2img.enable_hr",
    "img2img.hr_scale": "img2img.enable_hr",
    "img2img.hr_upscaler": "img2img.enable_hr",
    "img2img.hr_extra_network_data": "img2img.enable_hr",
    "img2img.sample_hr_pass": "img2img.enable_hr",
    "sd_model.current_lora_hash": "unet.patches",
    "modules.shared.cmd_opts.no_prompt_history": "modules.sd_schedulers",  # the host without either keeps the last prompt in any case
    "unet.model.diffusion_model.config": "unet.model.diffusion_model.joint_blocks",
}
WITHOUT = {
    "denoiser.cond_scale_miltiplier": "sd_model.forge_objects",
    "denoiser.need_last_noise_uncond": "sd_model.forge_objects",
    "modules.shared.opts.batch_cond_uncond": "sd_model.forge_objects",
    "network.modules": "sd_model.forge_objects",
    "unet.patches": "unet.lora_patches",
}

# What the double has beside that, to behave as a host; nothing else, and a real host has it too.
DOUBLE = (
    *(f"{kind}.{name}" for kind in REQUESTS for name in ("prompt", "seed", "batch_size", "comments", "close")),
    "txt2img.hr_prompt",
    *(f"sampler.{name}" for name in ("func", "eta")),
    *(f"sampler.config.{name}" for name in ("name", "constructor", "aliases")),
    *(f"denoiser.{name}" for name in ("step", "total_steps")),
    *(f"scheduler.{name}" for name in ("function", "default_rho", "need_inner_model", "aliases")),
    *(f"axis.{name}" for name in ("type", "choices")),
    *(f"option_info.{name}" for name in ("default", "infotext")),
    *(f"modules.shared.opts.{name}" for name in ("data", "data_labels", "eta_ancestral", "img2img_fix_steps")),
)
