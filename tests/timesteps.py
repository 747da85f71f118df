"""At which timesteps a network is asked, whatever the host: one table, by which the live suites of all hosts go."""

from typing import NamedTuple


class Case(NamedTuple):
    """What is fixed for a family's checkpoint; what the plan then is; and the network's calls, as many as timesteps.

    ``rows`` are those of each call for one image: 2 with guidance. A flow network's timestep is 1000 times its noise level.
    """

    family: str
    fixed: dict
    strength: float
    file: str
    sampler: str
    schedule: str
    rows: int
    timesteps: tuple[float, ...]

    def __str__(self) -> str:
        words = [self.family, *map(str, self.fixed.values()), *([] if self.strength == 1 else [f"at {self.strength}"])]
        return " ".join(words)


UNIFIED = {"variant": "unified"}
FROM_800 = {**UNIFIED, "schedule": "Start at 800"}  # as the one-step UNet is sampled
DDIM, TCD, START = ("DDIM-Trailing", "Trailing"), ("TCD", "TCD"), ("TCD", "Start at 800")
SIMPLE = ("Euler", "Simple")
EIGHT = (999, 874, 749, 624, 499, 374, 249, 124)
ONE, ONE_XL = "Hyper-SD15-1step-lora", "Hyper-SDXL-1step-lora"
SD3, FLUX = "Hyper-SD3-8steps-CFG-lora", "Hyper-FLUX.1-dev-8steps-lora"

CASES = [
    Case("sd15", {"steps": 2}, 1.0, "Hyper-SD15-2steps-lora", *DDIM, 1, (999, 499)),
    Case("sd15", {"steps": 4}, 1.0, "Hyper-SD15-4steps-lora", *DDIM, 1, (999, 749, 499, 249)),
    Case("sd15", {"steps": 8}, 1.0, "Hyper-SD15-8steps-lora", *DDIM, 1, EIGHT),
    Case("sd15", {"steps": 8, "variant": "cfg"}, 1.0, "Hyper-SD15-8steps-CFG-lora", *DDIM, 2, EIGHT),
    Case("sd15", {"steps": 1, **UNIFIED}, 1.0, ONE, *TCD, 1, (999,)),
    Case("sd15", {"steps": 2, **UNIFIED}, 1.0, ONE, *TCD, 1, (999, 499)),
    Case("sd15", {"steps": 3, **UNIFIED}, 1.0, ONE, *TCD, 1, (999, 679, 339)),
    Case("sd15", {"steps": 4, **UNIFIED}, 1.0, ONE, *TCD, 1, (999, 759, 499, 259)),
    Case("sd15", {"steps": 8, **UNIFIED}, 1.0, ONE, *TCD, 1, (999, 879, 759, 639, 499, 379, 259, 139)),
    Case("sd15", {"steps": 1, **FROM_800}, 1.0, ONE, *START, 1, (800,)),
    Case("sd15", {"steps": 2, **FROM_800}, 1.0, ONE, *START, 1, (800, 400)),
    Case("sd15", {"steps": 3, **FROM_800}, 1.0, ONE, *START, 1, (800, 533, 267)),
    Case("sd15", {"steps": 4}, 0.4, "Hyper-SD15-4steps-lora", *DDIM, 1, (399, 299, 199, 99)),
    Case("sd15", {"steps": 4}, 0.7, "Hyper-SD15-4steps-lora", *DDIM, 1, (699, 524, 349, 174)),
    Case("sd15", {"steps": 4, **UNIFIED}, 0.4, ONE, *TCD, 1, (399, 299, 199, 99)),
    Case("sd15", {"steps": 4, **UNIFIED}, 0.7, ONE, *TCD, 1, (699, 539, 359, 179)),
    Case("sdxl", {"steps": 4}, 1.0, "Hyper-SDXL-4steps-lora", *DDIM, 1, (999, 749, 499, 249)),
    Case("sdxl", {"steps": 4, **UNIFIED}, 1.0, ONE_XL, *TCD, 1, (999, 759, 499, 259)),
    Case("sdxl", {"steps": 1, **FROM_800}, 1.0, ONE_XL, *START, 1, (800,)),
    Case("sd3", {"steps": 8}, 1.0, SD3, *SIMPLE, 2, (1000, 954.5, 900, 833.3, 750, 642.9, 500, 300)),
    Case("flux", {"steps": 8}, 1.0, FLUX, *SIMPLE, 1, (1000, 956.7, 904.5, 840.3, 759.5, 654.6, 512.8, 310.9)),
]
