"""Lets a host load models smaller than any published one, where its sizes are constants that no file can change."""

from functools import partial
from pathlib import Path

from modules import paths


def shrink_sd3():
    """AUTOMATIC1111: SD3's text encoders and its image decoder."""
    from modules.models.sd3 import sd3_cond, sd3_impls

    small = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 3}
    sd3_cond.CLIPL_CONFIG.update(small)
    sd3_cond.CLIPG_CONFIG.update(small)
    sd3_impls.VAEEncoder = partial(sd3_impls.VAEEncoder, ch=32)
    sd3_impls.VAEDecoder = partial(sd3_impls.VAEDecoder, ch=32)


def shrink_flux():
    """Forge: the number of FLUX's blocks, counted in its file, and of T5's."""
    from backend import loader
    from huggingface_guess import detection

    detect, read_config = detection.detect_unet_config, loader.read_arbitrary_config

    def detect_counting(state_dict, key_prefix):
        config = detect(state_dict, key_prefix)
        if config and config.get("image_model") == "flux":
            for name, blocks in (("depth", "double_blocks"), ("depth_single_blocks", "single_blocks")):
                config[name] = detection.count_blocks(list(state_dict), f"{key_prefix}{blocks}.{{}}.")
        return config

    def read_short_t5(directory):
        config = read_config(directory)
        return {**config, "num_layers": 2} if config.get("model_type") == "t5" else config

    detection.detect_unet_config, loader.read_arbitrary_config = detect_counting, read_short_t5


if not getattr(paths, "hypersd_small_models", False):  # once, however often the UI reloads
    paths.hypersd_small_models = True
    if Path(paths.script_path, "backend").is_dir():
        shrink_flux()
    elif not Path(paths.script_path, "modules_forge").is_dir():
        shrink_sd3()
