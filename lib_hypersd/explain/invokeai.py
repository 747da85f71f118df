"""The JSON that InvokeAI writes into its images."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from ..wording import fill
from .names import name_invokeai
from .record import Record, find_number, find_text, find_whole, write_tag

__all__ = ["is_invokeai", "read_invokeai"]

FAMILIES = {"sd-1": "sd15", "sdxl": "sdxl", "sd-3": "sd3", "flux": "flux"}  # by the names of its bases
MARKS = ("positive_prompt", "generation_mode", "model_weights")


def is_invokeai(content: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(content, dict) and any(mark in content for mark in MARKS)


def read_invokeai(content: Mapping[str, Any]) -> Record:
    """The record of its metadata, since version 3; of version 2's, as far as they are alike."""
    inner = content.get("image")
    image = inner if isinstance(inner, dict) else content
    model = content.get("model")
    base = find_in(model, "base", "base_model")
    sampler, schedule = name_invokeai(find_text(image.get("scheduler") or image.get("sampler")))
    return Record(
        source=fill("InvokeAI's metadata"),
        prompt=prompt_of(content, image) + "".join(list_loras(content)),
        negative=find_text(content.get("negative_prompt")) or "",
        checkpoint=find_text(find_in(model, "name", "model_name") or content.get("model_weights")) or "",
        family=FAMILIES.get(str(base)),
        width=find_whole(image.get("width")),
        height=find_whole(image.get("height")),
        steps=find_whole(image.get("steps")) or None,
        cfg=find_number(image.get("cfg_scale")),
        sampler=sampler,
        schedule=schedule,
        distilled_cfg=find_number(content.get("guidance")),
    )


def find_in(value: Any, *names: str) -> Any:
    """The first of these entries that a dict has."""
    found = [value[name] for name in names if name in value] if isinstance(value, dict) else []
    return next(iter(found), None)


def prompt_of(content: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    prompt = content.get("positive_prompt", image.get("prompt"))
    if isinstance(prompt, list):  # version 2: parts with weights
        prompt = ", ".join(str(find_in(part, "prompt") or "") for part in prompt)
    return find_text(prompt) or ""


def list_loras(content: Mapping[str, Any]) -> list[str]:
    loras = content.get("loras")
    tags = []
    for one in loras if isinstance(loras, list) else ():
        name = find_in(find_in(one, "model", "lora"), "name", "model_name")
        if isinstance(name, str):
            tags.append(" " + write_tag(name, find_number(find_in(one, "weight"))))
    return tags
