"""All that can be chosen for a run, in one dataclass: the command line is made of it, and a run keeps it.

Needs nothing but Python, so that the command line can be asked for its arguments without torch.
"""

import math
from dataclasses import Field, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

from ..wording import shown
from .errors import RefusedRun

__all__ = ["Options", "about", "check", "name_of", "recipe_of"]

MOST_STEPS = 16  # of a LoRA for few steps


class About(NamedTuple):
    """What an option is, and for a number its bounds."""

    help: str
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Options:
    """What a run makes, from what, and by which parts of the method.

    Numbers that the paper leaves open are those of published code: rank, learning rate and stride (1000 / 50) are of
    diffusers' LCM script (``train_lcm_distill_lora_sd_wds.py``), the adversarial weight is of PCM's
    (``train_pcm_lora_sd15_adv.py``). The others are what served the embedded model, or nobody's but ours.
    """

    checkpoint: Annotated[Path, About("an SD1.5 or SDXL in one safetensors file, or a folder of diffusers")]
    out: Annotated[Path, About("the folder that everything is kept in")]
    # The data.
    images: Annotated[Path | None, About("a folder of images, each with its caption in a .txt file beside it")] = None
    shards: Annotated[Path | None, About("a folder of webdataset shards (.tar with images and .txt)")] = None
    prompts: Annotated[
        Path | None, About("a text file with a prompt on each line; the checkpoint draws the images itself")
    ] = None
    # What is made.
    steps: Annotated[tuple[int, ...], About("the numbers of steps, each LoRA made from the one before")] = (8, 4, 2, 1)
    unified: Annotated[bool, About("the one-step LoRA is to serve up to the first of the numbers of steps")] = False
    cfg_preserved: Annotated[bool, About("one LoRA that leaves guidance and the negative prompt to the user")] = False
    teacher_lora: Annotated[
        Path | None, About("a LoRA that the checkpoint is to be distilled with, such as a style")
    ] = None
    teacher_weight: Annotated[float, About("its weight", 0, 2)] = 1.0
    rank: Annotated[int, About("of the LoRA", 1, 1024)] = 64
    resolution: Annotated[
        int | None, About("edge of the square images in pixels; the checkpoint's unless given", 64, 4096)
    ] = None
    # How long, and how.
    iterations: Annotated[int, About("steps of training for each number of steps", 1)] = 2000
    hours: Annotated[float | None, About("the most that all may take", 0)] = None
    batch: Annotated[int, About("images in a step of training, over all processes", 1)] = 8
    learning_rate: Annotated[float, About("of the LoRA and the fake score", 0, 1)] = 1e-4
    warmup: Annotated[int, About("steps in which the learning rate rises", 1)] = 100
    decay: Annotated[float, About("of the moving average", 0, 1)] = 0.95
    guidance: Annotated[float, About("of the teacher", 1, 30)] = 5.0
    unguided: Annotated[
        int, About("the timestep below which the teacher has no guidance (arXiv:2404.07724)", 0, 1000)
    ] = 0
    stride: Annotated[int, About("timesteps that the teacher goes at once", 1, 1000)] = 20
    start_share: Annotated[float, About("of jumps, the share that starts where sampling does", 0, 1)] = 0.0
    seed: Annotated[int, About("of everything random", 0, 2**32)] = 1
    resume: Annotated[bool, About("go on with the run in this folder")] = False
    dry_run: Annotated[bool, About("measure three steps and say what all would take")] = False
    cpu: Annotated[bool, About("compute on the CPU, although there is a GPU")] = False
    precision: Annotated[str | None, About("no or bf16; unless given bf16 where a GPU has it")] = None
    checkpointing: Annotated[
        bool, About("compute activations twice instead of keeping them: less memory, more time")
    ] = False
    patience: Annotated[int, About("measurements without a smaller error that end a stage; 0 for never", 0)] = 4
    measure_every: Annotated[int, About("steps between two measurements of the held-out error", 1)] = 100
    held_out: Annotated[int, About("images that are held out to measure it, at most a tenth of all", 1)] = 16
    save_minutes: Annotated[float, About("between two writings of the state and of the sheet", 0)] = 3.0
    # Parts of the method, each a switch.
    sampled_ends: Annotated[bool, About("a jump ends anywhere within its segment, and not always at its end")] = True
    average_targets: Annotated[bool, About("targets are made by the moving average of the student, not by itself")] = (
        True
    )
    adversarial: Annotated[bool, About("a discriminator tells the student's jumps from their targets")] = True
    changing_weights: Annotated[bool, About("the weight of MSE falls while the adversarial one rises")] = True
    perturbation: Annotated[bool, About("what the discriminator sees gets noise first")] = True
    score: Annotated[bool, About("score distillation beside MSE for one step")] = True
    consistency: Annotated[bool, About("jumps and MSE; without them score distillation alone makes one step")] = True
    reward: Annotated[str | None, About("feedback: package.module:function of images and captions")] = None
    # And their weights.
    adversarial_weight: Annotated[float, About("of the adversarial loss at the end of training", 0)] = 0.1
    least_mse: Annotated[float, About("of MSE at the end of training, where its weight falls", 0, 1)] = 0.5
    score_weight: Annotated[float, About("of score distillation beside MSE's weight of 1", 0)] = 0.1
    further_weight: Annotated[float, About("of steps after the first, in the unified LoRA", 0)] = 10.0
    reward_weight: Annotated[float, About("of the reward", 0)] = 0.01
    reward_goal: Annotated[float, About("the reward above which an image is good enough")] = 1.0
    reward_images: Annotated[int, About("images of a batch that are decoded for the reward", 1)] = 1

    @property
    def source(self) -> tuple[str, Path]:
        """Which kind of data, and where it is."""
        return next((name, getattr(self, name)) for name in SOURCES if getattr(self, name) is not None)


SOURCES = ("images", "shards", "prompts")
WHERE = ("checkpoint", "out", "images", "shards", "prompts", "resume", "dry_run", "cpu", "hours", "save_minutes")


def about(one: Field[Any]) -> About:
    """What is said of a field."""
    return next(part for part in get_args(one.type) if isinstance(part, About))


def check(options: Options) -> None:
    """Raise RefusedRun, with a sentence, unless a run can be made of these options."""
    for one in fields(Options):
        value, (_, low, high) = getattr(options, one.name), about(one)
        if isinstance(value, int | float) and not low <= value <= high:
            most = "" if high == math.inf else f" to {high:g}"
            raise RefusedRun(f"{name_of(one.name)} goes from {low:g}{most}; {value:g} does not.")
    given = [name for name in SOURCES if getattr(options, name) is not None]
    if len(given) != 1:
        names = ", ".join(map(name_of, SOURCES))
        raise RefusedRun(f"One of {names} is needed, and no two: they say what to learn from.")
    steps = options.steps
    if not steps or list(steps) != sorted(set(steps), reverse=True) or not 1 <= steps[-1] <= steps[0] <= MOST_STEPS:
        numbers = " ".join(map(str, steps)) or "none"
        raise RefusedRun(f"--steps are numbers from {MOST_STEPS} down to 1, each below the one before; not {numbers}.")
    if options.unified and (options.cfg_preserved or steps[-1] != 1 or len(steps) < 2):
        raise RefusedRun(
            "--unified is a part of the one-step LoRA: --steps must end in 1 and have a larger one before."
        )
    if not options.consistency and (steps != (1,) or not options.score or options.cfg_preserved):
        raise RefusedRun("--no-consistency leaves score distillation alone, which makes one step: give --steps 1.")
    if options.resolution and options.resolution % 64:
        raise RefusedRun(f"--resolution must be a multiple of 64; {options.resolution} is none.")
    if options.precision not in (None, "no", "bf16"):
        raise RefusedRun(f"--precision is no or bf16, and not {shown(options.precision)}.")
    if options.reward and not all(options.reward.partition(":")[::2]):
        raise RefusedRun(f"--reward is package.module:function; {shown(options.reward)} is not.")


def name_of(field_name: str) -> str:
    """A field as the command line calls it."""
    return "--" + field_name.replace("_", "-")


def recipe_of(options: Options) -> dict[str, Any]:
    """What of the options decides over the weights, as JSON keeps it: paths and times are left out."""
    values = {name: value for name, value in asdict(options).items() if name not in WHERE}
    return {
        name: value.name if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
