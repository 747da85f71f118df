"""Hyper-SD as nodes of ComfyUI: the same plan, samplers and schedules; only ``host`` imports ComfyUI."""
