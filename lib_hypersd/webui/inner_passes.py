"""Passes that other extensions run inside a request, as ADetailer does; the host calls none of our hooks there."""

import weakref
from pathlib import Path
from types import SimpleNamespace

from modules import script_callbacks

from ..plan import remark_on_pass
from . import callbacks, loading
from .notes import note
from .request import get_state

OUTER = SimpleNamespace(request=lambda: None)  # the request that the host works on


def register(script: str | Path) -> None:
    """Have each step of every pass checked; called again at every reload of the UI."""
    callbacks.add(script_callbacks.callback_map["callbacks_cfg_denoiser"], "cfg_denoiser", remark, script)


def watch(p) -> None:
    """Take ``p`` for the request that others' passes belong to, until the next one."""
    OUTER.request = weakref.ref(p)


def remark(step) -> None:
    """Say of another extension's pass, at its first step, what does not fit the plan in force.

    Args:
        step: the host's ``CFGDenoiserParams``.
    """
    outer, inner = OUTER.request(), step.denoiser.p
    if step.sampling_step or outer is None or inner is outer:
        return
    state = get_state(outer)
    plan = state.plan
    if plan is None:
        return
    has_lora = plan.file is not None and loading.is_loaded(plan.file, inner.sd_model)
    sentence = remark_on_pass(plan, inner.steps, inner.cfg_scale, has_lora)
    if sentence and sentence not in state.remarks:
        outer._hypersd = state._replace(remarks=(*state.remarks, sentence))
        note(outer, [sentence])
