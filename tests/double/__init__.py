"""The one double of a WebUI: its ``modules`` as far as ``lib_hypersd.webui`` uses them, for tests without a host.

It behaves as the real ones were seen to (order of the hooks, options, eta, noise, skipped guidance, strength) and
shares no line with them. Its ``kind`` is "a1111", "reforge" (patched network, a second CFG), "forge" (predictors and
FLUX besides, hooks that fire twice), "neo" (its successor: folders in lists, fewer flags and options) or "classic"
(patched network, no schedules). Gradio, k-diffusion and torch are real; ``tests/live`` runs the same on real hosts.

Each kind has the names that its host has, as far as the adapter or the double itself needs them, with the same
parameters: ``tests/contract`` says which. What no host has begins with an underscore.
"""

from tests.accordion import InputAccordion

from .host import KINDS, Host, running
from .parts import OptionInfo, Options, Script
from .requests import Processing
from .sampling import Rng

__all__ = ["KINDS", "Host", "InputAccordion", "OptionInfo", "Options", "Processing", "Rng", "Script", "running"]
