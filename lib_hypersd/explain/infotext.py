"""The text that AUTOMATIC1111, Forge and its kin, SD.Next and Civitai write: prompts, then a line of values."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..plan.tags import find
from ..wording import fill
from .names import name_sdnext, split_sampler
from .record import Record, find_number, find_text, find_whole, write_tag

__all__ = ["is_infotext", "read_infotext"]

NEGATIVE = "Negative prompt:"
VALUES = re.compile(r"^(?:.*,)? *Steps: *\d", re.MULTILINE)  # how the line of values is known
KEY = re.compile(r" *([A-Za-z][\w /+.()-]*?): *")
PIPELINES = {  # SD.Next's, by diffusers' names
    "StableDiffusionPipeline": "sd15", "StableDiffusionImg2ImgPipeline": "sd15",
    "StableDiffusionXLPipeline": "sdxl", "StableDiffusionXLImg2ImgPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3", "FluxPipeline": "flux",
}  # fmt: skip
OWN_SCHEDULE = ("TCD", "DDIM-Trailing")  # at “Automatic”


def is_infotext(text: str) -> bool:
    return VALUES.search(text) is not None


def read_infotext(text: str) -> Record:
    """The record of a text that has a line of values."""
    lines = text.strip().splitlines()
    last = max(i for i, line in enumerate(lines) if VALUES.match(line))
    values = dict(read_values(lines[last]))
    prompt, negative = split_prompts(lines[:last])
    sampler, schedule = name_sampler(values)
    width, _, height = str(values.get("size", "")).partition("x")
    family = PIPELINES.get(str(values.get("pipeline")))
    cfg, distilled_cfg = values.get("cfg scale"), values.get("distilled cfg scale", values.get("shift"))
    if family == "flux":  # SD.Next gives it to FLUX as its guidance
        cfg, distilled_cfg = None, cfg
    return Record(
        source=fill("SD.Next's infotext") if values.get("app") == "SD.Next" else fill("the infotext"),
        prompt=f"{prompt}{''.join(list_untagged(values, prompt))}",
        negative=negative,
        checkpoint=name_checkpoint(values),
        family=family,
        width=find_whole(width),
        height=find_whole(height),
        steps=find_whole(values.get("steps")) or None,
        cfg=find_number(cfg),
        sampler=sampler,
        schedule=schedule,
        eta=find_eta(values, sampler),
        distilled_cfg=find_number(distilled_cfg),
        hashes=read_hashes(values),
    )


def read_values(line: str) -> Iterator[tuple[str, Any]]:
    """Each key of the line, in small letters, with its value: a text, or what its JSON holds."""
    place = 0
    while match := KEY.match(line, place):
        value, place = read_value(line, match.end())
        yield match[1].lower(), value
        place = line.find(",", place) + 1
        if not place:
            return


def read_value(line: str, start: int) -> tuple[Any, int]:
    """A value and where it ends: JSON where it begins as such, else up to the next comma."""
    if line[start : start + 1] in tuple('"[{'):
        try:
            return json.JSONDecoder().raw_decode(line, start)
        except ValueError:
            pass
    end = line.find(",", start)
    end = len(line) if end < 0 else end
    return line[start:end].strip(), end


def split_prompts(lines: list[str]) -> tuple[str, str]:
    """The prompt and the negative prompt, each of any number of lines."""
    start = next((i for i, line in enumerate(lines) if line.startswith(NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).removeprefix(NEGATIVE)
    return "\n".join(lines[:start]).strip(), negative.strip()


def name_sampler(values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    name = values.get("sampler")
    if not isinstance(name, str) or not name:
        return None, None
    sampler, schedule = split_sampler(name)
    spaced = name_sdnext(find_text(values.get("sampler sigma")), find_text(values.get("sampler spacing")))
    schedule = values.get("schedule type") or schedule or spaced
    if sampler in OWN_SCHEDULE and schedule == "Automatic":
        schedule = None
    return sampler, schedule if isinstance(schedule, str) else None


def find_eta(values: Mapping[str, Any], sampler: str | None) -> float | None:
    """The eta of samplers that have one to choose: others are written with whatever the host's own option says."""
    if sampler == "TCD":
        return find_number(values.get("eta tcd", values.get("eta")))
    return find_number(values.get("eta ddim")) if sampler == "DDIM-Trailing" else None


def list_resources(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What Civitai says that it used."""
    resources = values.get("civitai resources")
    return [one for one in resources if isinstance(one, dict)] if isinstance(resources, list) else []


def name_resource(resource: Mapping[str, Any]) -> str:
    names = ("modelName", "modelVersionName", "versionName")
    return " ".join(str(resource[key]) for key in names if resource.get(key))


def type_of(resource: Mapping[str, Any]) -> str:
    """“checkpoint”, “lora” or another; of images that were uploaded it stands in ``urn:air:sdxl:lora:…``."""
    parts = str(resource.get("air", "")).split(":")
    return str(resource.get("type") or (parts[3] if len(parts) > 3 else ""))


def name_checkpoint(values: Mapping[str, Any]) -> str:
    named = [name_resource(one) for one in list_resources(values) if type_of(one) == "checkpoint"]
    return str(values.get("model") or next(iter(named), ""))


def list_untagged(values: Mapping[str, Any], prompt: str) -> Iterator[str]:
    """Tags of the LoRAs that are named beside the prompt only."""
    tagged = {tag.name for tag in find(prompt)}
    for one in list_resources(values):
        if type_of(one) in ("lora", "lycoris"):
            yield " " + write_tag(name_resource(one), find_number(one.get("weight")))
    for name in read_hashes(values):
        if name not in tagged:
            yield " " + write_tag(name, None)


def read_hashes(values: Mapping[str, Any]) -> dict[str, str]:
    """The LoRAs' hashes by their names: ``"one: 0123abcd, two: 4567cdef"``."""
    pairs = (entry.rpartition(":") for entry in (find_text(values.get("lora hashes")) or "").split(","))
    return {name.strip(): digest.strip() for name, _, digest in pairs if name.strip()}
