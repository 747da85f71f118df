"""For the live tests and the benchmarks: what a host loads and encodes, where the time of its images goes, and weights
for its small decoder."""

import sys
import time
from collections import Counter
from functools import wraps
from pathlib import Path

import torch
from modules import extra_networks, images, paths, processing, script_callbacks, sd_vae_taesd, shared

# The host's modules outlive a reload of the UI, this file does not.
counts = vars(shared).setdefault("hypersd_probe_counts", Counter())
spent = vars(shared).setdefault("hypersd_probe_spent", Counter())
TEXT_ENCODER = "CLIPTextModel"
# What each host calls when a LoRA is not in its model yet.
LOADERS = ("load_network", "load_lora_for_models", "load_lora_state_dict")
# Whose function the time of each part is spent in.
PARTS = {
    "picture": (processing, "process_images_inner"),
    "text": (processing.StableDiffusionProcessingTxt2Img, "setup_conds"),
    "LoRA": (extra_networks, "activate"),
    "network": (processing.StableDiffusionProcessingTxt2Img, "sample"),
    "decoder": (processing, "decode_latent_batch"),
    "saving": (images, "save_image"),
}


def replace(owner, name, wrap):
    """Wrap a function of the host's, once however often the UI reloads."""
    function = getattr(owner, name, None)
    if function is not None and not hasattr(function, "hypersd_probe"):
        wrapper = wraps(function)(wrap(function))
        wrapper.hypersd_probe = True
        setattr(owner, name, wrapper)


def counted(what):
    def wrap(function):
        def call(*args, **kwargs):
            counts[what] += 1
            return function(*args, **kwargs)

        return call

    return wrap


def timed(part):
    def wrap(function):
        def call(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[part] += (time.perf_counter() - start) * 1000

        return call

    return wrap


def count_texts(module, args):
    counts["texts"] += type(module).__name__ == TEXT_ENCODER


def begin(demo, app):
    # Where a host clears what it has read from the disk, the wrapped function keeps the means to it.
    for name in LOADERS:
        replace(sys.modules.get("networks"), name, counted("loras"))
    for part, (owner, name) in PARTS.items():
        replace(owner, name, timed(part))
    handles = []

    @app.post("/hypersd-probe/counts")
    def take_counts(payload: dict):
        """How many LoRAs were loaded and texts encoded since the last time that this was switched on; and on or off."""
        while handles:
            handles.pop().remove()
        if payload["on"]:
            handles.append(torch.nn.modules.module.register_module_forward_pre_hook(count_texts))
        taken = {what: counts[what] for what in ("loras", "texts")}
        counts.clear()
        return taken

    @app.get("/hypersd-probe/spent")
    def take_spent():
        """Milliseconds by the part of an image that they went into, since the last look."""
        taken = {part: spent[part] for part in PARTS}
        spent.clear()
        return taken

    @app.post("/hypersd-probe/decoder")
    def put_decoder(payload: dict):
        """Have random weights for SD1.5's small decoder in the host's folder, or none."""
        file = Path(paths.models_path, "VAE-taesd", "taesd_decoder.pth")
        file.unlink(missing_ok=True)
        if payload["there"]:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(0)
            network = sd_vae_taesd.decoder()
            network[-1].weight.data *= 10  # else its images are nearly grey, whatever the latents
            # In the old form: A1111 reads none of the new one that a newer torch writes (A:safe.py:68).
            torch.save(network.state_dict(), file, _use_new_zipfile_serialization=False)


script_callbacks.on_app_started(begin)
