"""What a node's inputs say, as settings of a plan."""

from collections.abc import Mapping
from typing import Any

from ..files.scan import SUFFIX, is_safetensors
from ..plan.outcome import Refusal
from ..recipes.settings import RECOMMENDED, Settings, read_settings

__all__ = ["file_name", "settings_of"]


def settings_of(inputs: Mapping[str, Any]) -> Settings:
    """The settings that a node's inputs fix; what says "Recommended", or nothing, stays open.

    Args:
        inputs: by the names of ``recipes.settings.FIELDS``; numbers may be spelled as text. The file is one of
            ComfyUI's list, with its folder and suffix.

    Raises:
        Refusal: a value cannot be carried out.
    """
    given = dict(inputs)
    if isinstance(given.get("file"), str) and given["file"] != RECOMMENDED:
        given["file"] = file_name(given["file"])
    settings, problems, _ = read_settings([{**given, "enabled": True}])
    if problems:
        raise Refusal(" ".join(problems))
    return settings


def file_name(listed: str) -> str:
    """A file of ComfyUI's list as sentences call it: with its folder, without its suffix."""
    return listed[: -len(SUFFIX)] if is_safetensors(listed) else listed
