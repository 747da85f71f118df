"""What every test needs before it imports anything."""

import importlib.util
import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("house", deadline=None)  # no test asserts on wall time
settings.load_profile("house")

if importlib.util.find_spec("torch"):
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # A CPU-only torch beside torchvision's CUDA build: its kernels are absent, and its import stumbles over two
        # operators nobody here calls. Declared, they let the real k-diffusion import the real torchvision.
        torchvision_operators = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            torchvision_operators.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except ImportError:
        pass


def pytest_terminal_summary(terminalreporter):
    """Keep how many tests had no browser, for the last lines of ``dev.py test`` (see noxfile.py)."""
    from tests.browser import NO_BROWSER

    skipped = terminalreporter.stats.get("skipped", [])
    if place := os.environ.get("HYPERSD_LEFT_OUT"):
        Path(place).write_text(str(sum(NO_BROWSER in str(report.longrepr) for report in skipped)))
