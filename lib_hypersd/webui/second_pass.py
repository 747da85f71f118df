"""The second pass (hires fix) that a plan adds to a request of txt2img which has none."""

from typing import Any

# A size that is fixed would come before the factor, and Forge looks at the modules (F:processing.py:1405).
SWITCHES = {"enable_hr": True, "hr_resize_x": 0, "hr_resize_y": 0, "hr_additional_modules": ["Use same choices"]}
# The host has prepared no prompts for it: those of the first pass.
PROMPTS = {"all_hr_prompts": "all_prompts", "all_hr_negative_prompts": "all_negative_prompts"}
INFOTEXTS = ("Denoising strength", "Hires ")  # how the host's keys for it begin

__all__ = ["is_infotext", "list_values"]


def list_values(p) -> dict[str, Any]:
    """What switches it on, beside the values that the plan has for it; by the request's attributes."""
    switches = {name: value for name, value in SWITCHES.items() if hasattr(p, name)}
    return switches | {name: list(getattr(p, source)) for name, source in PROMPTS.items()}


def is_infotext(key: str) -> bool:
    """Whether the host writes this key for a second pass."""
    return key.startswith(INFOTEXTS)
