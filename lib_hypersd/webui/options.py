"""The host's options and switches, through one door: what this host lacks has the default that is named here."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from modules import scripts, shared

from ..translation import find_language


def get_option(name: str, default: Any = None) -> Any:
    """What the user has set on the host's settings page, or ``default`` where the host has no such option."""
    return getattr(shared.opts, name, default)


def get_switch(name: str, default: Any = None) -> Any:
    """A switch of the host's command line, or ``default`` where the host has no such switch."""
    return getattr(shared.cmd_opts, name, default)


def find_users_language() -> str | None:
    """The language of ours in which the host shows its page; None: English."""
    return find_language(str(get_option("localization", "None")))


def find_comment_stripper() -> Callable[[str], str] | None:
    """The host's own function that takes comments out of a prompt, None where it keeps them.

    Hosts write comments in different ways (A and F:processing_scripts/comments.py); one that has no option for them
    always takes them out.
    """
    if not get_option("enable_prompt_comments", True):
        return None
    module = sys.modules.get("modules.processing_scripts.comments") or next(
        (script.module for script in scripts.scripts_data if Path(script.path).name == "comments.py"), None
    )
    return getattr(module, "strip_comments", None)


def shadowed(**values) -> AbstractContextManager[None]:
    """Let the host read ``values`` from its options, whatever the user has set.

    An attribute of the object comes before the data that the host saves (``__getattr__`` comes last), so
    settings that are saved meanwhile keep the user's own values.
    """
    return replaced(vars(shared.opts), values)


def switched(**values) -> AbstractContextManager[None]:
    """Let the host read ``values`` from its command line."""
    return replaced(vars(shared.cmd_opts), values)


@contextmanager
def replaced(own: dict[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Have ``values`` among an object's own attributes for a while."""
    before = {name: own[name] for name in values if name in own}
    own.update(values)
    try:
        yield
    finally:
        for name in values:
            own.pop(name, None)
        own.update(before)
