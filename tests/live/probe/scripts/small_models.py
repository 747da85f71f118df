"""Lets a host load models smaller than any published one, where its sizes are constants that no file can change."""

import sys
from functools import partial
from pathlib import Path

import torch
from modules import paths, script_callbacks


def shrink_sd3():
    """AUTOMATIC1111: SD3's text encoders and its image decoder."""
    from modules.models.sd3 import sd3_cond, sd3_impls

    small = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 3}
    sd3_cond.CLIPL_CONFIG.update(small)
    sd3_cond.CLIPG_CONFIG.update(small)
    sd3_impls.VAEEncoder = partial(sd3_impls.VAEEncoder, ch=32)
    sd3_impls.VAEDecoder = partial(sd3_impls.VAEDecoder, ch=32)


def shrink_animation(demo, app):
    """AnimateDiff, where it is: a tenth of the published widths, as in the checkpoints."""
    motion = sys.modules.get("motion_module")
    if motion:
        module = motion.MotionModule
        motion.MotionModule = lambda width, **sizes: module(width // 10, **sizes)


def shrink_flow():
    """Forge: the number of FLUX's blocks, counted in its file, and of T5's; blocks that a file of SD3 leaves out."""
    from backend import loader
    from huggingface_guess import detection

    absent = leave_out_sd3s_blocks()

    detect, read_config = detection.detect_unet_config, loader.read_arbitrary_config

    def detect_counting(state_dict, key_prefix):
        config = detect(state_dict, key_prefix)
        if config and config.get("image_model") == "flux":
            for name, blocks in (("depth", "double_blocks"), ("depth_single_blocks", "single_blocks")):
                config[name] = detection.count_blocks(list(state_dict), f"{key_prefix}{blocks}.{{}}.")
        absent[:] = (
            [f"{key_prefix}joint_blocks.{i}.x_block.attn.qkv.weight" not in state_dict for i in range(config["depth"])]
            if config and "context_embedder_config" in config
            else []
        )
        return config

    def read_short_t5(directory):
        config = read_config(directory)
        return {**config, "num_layers": 2} if config.get("model_type") == "t5" else config

    detection.detect_unet_config, loader.read_arbitrary_config = detect_counting, read_short_t5
    leave_prompts_short()
    keep_nf4_on_the_cpu()


def keep_nf4_on_the_cpu():
    """Forge moves weights of 4 bits to CUDA to read and to write them; bitsandbytes does both on the CPU as well."""
    try:
        from backend.operations_bnb import ForgeParams4bit
    except ImportError:  # Forge Neo, or a host without bitsandbytes
        return
    if not torch.cuda.is_available():
        ForgeParams4bit.cuda = lambda weight: weight if weight.bnb_quantized else weight._quantize(weight.device)


def leave_prompts_short():
    """T5 fills every prompt up to 256 tokens, which take five times as long as all the rest of a small image."""
    from backend.text_processing.t5_engine import T5TextProcessingEngine as Engine

    init = Engine.__init__
    Engine.__init__ = lambda self, *args, **kwargs: init(self, *args, **{**kwargs, "min_length": 32})


def leave_out_sd3s_blocks():
    """A list that says of each block, in order, whether the next network of SD3 goes without it."""
    absent = []
    try:
        from backend.nn import mmditx
    except ImportError:  # Forge Neo
        return absent
    block = mmditx.JointBlock

    class Nothing(torch.nn.Module):
        def forward(self, context, x, c):
            return context, x

    mmditx.JointBlock = lambda *args, **kwargs: Nothing() if absent.pop(0) else block(*args, **kwargs)
    return absent


if not getattr(paths, "hypersd_small_models", False):  # once, however often the UI reloads
    paths.hypersd_small_models = True
    if Path(paths.script_path, "backend").is_dir():
        shrink_flow()
    elif not Path(paths.script_path, "modules_forge").is_dir():
        shrink_sd3()
        script_callbacks.on_app_started(shrink_animation)
