"""The whole run: what is needed is opened, every stage is trained as far as it is not yet, each writes its LoRA."""

import math
import time
from pathlib import Path

import torch
from accelerate import Accelerator
from tqdm import tqdm

from .base import Base, make_accelerator, open_base
from .chance import Chance
from .checks import check_inputs, check_space
from .data import Data, prepare_data
from .errors import RefusedRun
from .feedback import Reward, load_reward
from .kept import Progress, Run
from .measure import HeldOut, hold_out, no_longer_falls
from .network import AVERAGE
from .options import Options
from .rehearse import refusing_too_large, rehearse
from .result import result_path, write_result
from .sheet import write_sheet
from .stages import Stage, stages_of
from .student import Student, make_setup, prepare_adapters

__all__ = ["distil"]

DRY_STEPS = 3
STEPS_OF_A_STAGE = 10**6  # between the seeds of two stages


def distil(options: Options) -> list[Path]:
    """Make the LoRAs of these options; their files. Called in every process of ``accelerate launch``.

    Raises:
        HyperSDError: a sentence that says why not, or why it cannot go on.
    """
    since = time.monotonic()
    check_inputs(options)
    accelerator = make_accelerator(options)
    if options.batch % accelerator.num_processes:
        raise RefusedRun(f"--batch {options.batch} cannot be shared out among {accelerator.num_processes} processes.")
    reward = load_reward(options.reward) if options.reward else None
    base = open_base(options, accelerator)
    with refusing_too_large(accelerator.device):
        rehearsal = rehearse(options, base, accelerator, reward, DRY_STEPS if options.dry_run else 1)
    check_space(options, base, rehearsal.parameters, len(stages_of(options)))
    if options.dry_run:
        print(rehearsal.sentence(options, accelerator.device))
        return []
    run = Run(options.out)
    if accelerator.is_main_process:
        run.begin(options)
    with refusing_too_large(accelerator.device):
        data = prepare_data(options, base, accelerator)
        base.forget_text_encoders()
        held_out = hold_out(options, base, data, accelerator)
        training = Training(options, accelerator, base, data, held_out, reward, run, since)
        return [file for stage in stages_of(options) if (file := training.finish(stage)) is not None]


class Training:
    """The stages of a run, one after the other."""

    def __init__(
        self, options: Options, accelerator: Accelerator, base: Base, data: Data, held_out: HeldOut,
        reward: Reward | None, run: Run, since: float,
    ):  # fmt: skip
        self.options, self.accelerator, self.base, self.data = options, accelerator, base, data
        self.held_out, self.reward, self.run = held_out, reward, run
        self.saved, self.since = since, since
        self.before = max(run.progress(stage.name).seconds for stage in stages_of(options))  # in sessions before this

    def finish(self, stage: Stage) -> Path | None:
        """Train a stage as far as it is not yet, and write its LoRA where it is one to be used."""
        progress = self.run.progress(stage.name)
        if not progress.finished:
            self.train(stage, progress)
        file = result_path(self.options, stage)
        if stage.kind and self.accelerator.is_main_process and not file.exists():
            write_result(dict(self.run.average(stage.name) or {}), self.options, self.base, stage)
        self.accelerator.wait_for_everyone()
        return file if stage.kind else None

    def train(self, stage: Stage, progress: Progress) -> None:
        options, place = self.options, stages_of(self.options).index(stage)
        student = self.student(stage, progress)
        if stage.name not in progress.errors:  # the curve begins with what the stage starts from
            self.measure(stage, progress)
        with tqdm(total=options.iterations, initial=progress.step, desc=stage.name, unit="step",
                  disable=not self.accelerator.is_main_process) as bar:  # fmt: skip
            while progress.step < options.iterations and not self.is_over(stage, progress):
                seed = options.seed * 10**9 + place * STEPS_OF_A_STAGE + progress.step
                losses = student.learn(progress.step, Chance(seed, options.batch, self.accelerator))
                check_finite(losses, progress.step)
                progress.step += 1
                bar.set_postfix({name: f"{loss:.4f}" for name, loss in losses.items()}, refresh=False)
                bar.update()
                if progress.step % options.measure_every == 0 or progress.step == options.iterations:
                    self.measure(stage, progress)
                if time.monotonic() - self.saved >= options.save_minutes * 60:
                    self.save(stage, progress, student)
        progress.finished = True
        self.save(stage, progress, student)

    def student(self, stage: Stage, progress: Progress) -> Student:
        """The student with the weights that it has come to, or that its stage starts from."""
        run = self.run
        prepare_adapters(self.base.network, self.options, stage, run.average(stage.start), run.average(stage.before))
        student = Student(make_setup(self.options, stage, self.base, self.data, self.reward), self.accelerator)
        if progress.student is not None:
            student.load(progress.student)
        elif stage.start:
            progress.errors = run.progress(stage.start).errors
        return student

    def measure(self, stage: Stage, progress: Progress) -> None:
        """The held-out error, the same in all processes."""
        error = torch.tensor(self.held_out.error(stage), device=self.accelerator.device)
        error = self.accelerator.reduce(error, "mean").item()
        progress.errors.setdefault(stage.name, []).append((progress.step, error))

    def is_over(self, stage: Stage, progress: Progress) -> bool:
        """Whether a stage ends early: its share of the hours is over, or its error no longer falls."""
        if no_longer_falls([error for _, error in progress.errors.get(stage.name, [])], self.options.patience):
            return True
        if self.options.hours is None:
            return False
        if self.seconds() > self.options.hours * 3600 * stage.ends:
            self.accelerator.set_trigger()
        return self.accelerator.check_trigger()

    def seconds(self) -> float:
        """That the run has taken, all its sessions together."""
        return self.before + time.monotonic() - self.since

    def save(self, stage: Stage, progress: Progress, student: Student) -> None:
        """Keep the state, and draw the sheet: one process for all, at a time of its own."""
        self.saved, progress.seconds = time.monotonic(), self.seconds()
        if not self.accelerator.is_main_process:
            return
        state = student.state()
        progress.student = {"average": state["adapters"][AVERAGE]} if progress.finished else state
        self.run.save(stage.name, progress)
        title = f"{self.options.checkpoint.stem}: {stage.name}"
        status = f"{progress.step} of {self.options.iterations} steps, {progress.seconds / 3600:.1f} hours."
        write_sheet(self.options.out / "sheet.html", title, status, stage, self.held_out, progress.errors)


def check_finite(losses: dict[str, float], step: int) -> None:
    if not all(math.isfinite(loss) for loss in losses.values()):
        names = ", ".join(name for name, loss in losses.items() if not math.isfinite(loss))
        raise RefusedRun(
            f"At step {step} this became no number: {names}. Go on from the last save with a smaller --learning-rate "
            "or --precision no in another folder."
        )
