"""In ComfyUI this repository is a pack of nodes; anywhere else this file does nothing."""

import sys

if hasattr(sys.modules.get("nodes"), "NODE_CLASS_MAPPINGS"):
    from .lib_hypersd.comfyui.pack import load

    NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = load()
    WEB_DIRECTORY = "./lib_hypersd/comfyui/web"
