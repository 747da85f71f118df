"""What the live page wants to know of its request: how long each part took, and why the plan was not carried out."""

from typing import Any

from modules import shared

from ..clock import Clock
from . import request
from .notes import NOTE, find_problem

# What the time up to a hook goes into, and what the time inside it: hooks run all scripts, ours and the others'.
WEBUI, PLAN = "WebUI", "plan"
HOOKS = {
    "process": (WEBUI, PLAN),
    "before_process_batch": ("start image", WEBUI),
    "process_batch": ("LoRA", PLAN),
    "process_before_every_sampling": ("text", PLAN),
    "post_sample": ("network", "decoder"),
    "postprocess_batch": ("decoder", WEBUI),
}


class WatchedScripts:
    """A host's runner of scripts, whose hooks are timed, and which ends its request where the plan is not carried out:
    few steps without their LoRA would be no picture."""

    def __init__(self, runner):
        self.runner, self.clock = runner, Clock()
        self.problem = ""
        self.notes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copies ask for these before there is a runner
            raise AttributeError(name)
        value = getattr(self.runner, name)
        return self.timed(value, *HOOKS[name]) if name in HOOKS else value

    def timed(self, hook, before: str, inside: str):
        def call(p, *args, **kwargs):
            self.clock.stop(before)
            result = hook(p, *args, **kwargs)
            self.clock.stop(inside)
            self.check(p)
            return result

        return call

    def check(self, p) -> None:
        """Keep what the request's note says, and end it where that is why there is no plan."""
        sentence = p.extra_generation_params.get(NOTE, "")
        self.notes = [sentence] if sentence else []
        if request.get_state(p).plan is None:
            self.problem = find_problem(p)
            shared.state.interrupt()
