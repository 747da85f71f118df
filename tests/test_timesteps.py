"""The table of timesteps by which the live suites go says what diffusers says, and what a plan says."""

import math

import pytest
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler, TCDScheduler

from lib_hypersd.plan import Model, Request, make_plan
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import read_settings
from tests.networks import SD_BETAS
from tests.timesteps import CASES

FLOW_SHIFT = {"sd3": 3.0, "flux": math.exp(1.15)}


def diffusers(case):
    """The scheduler's timesteps; those from 800 are the model card's, at even distances down to 0."""
    steps = len(case.timesteps)
    if case.schedule == "Start at 800":
        return [round(800 * (steps - i) / steps) for i in range(steps)]
    if case.family in FLOW_SHIFT:
        scheduler = FlowMatchEulerDiscreteScheduler(shift=FLOW_SHIFT[case.family])
        scheduler.set_timesteps(sigmas=[(steps - i) / steps for i in range(steps)])
    elif case.schedule == "TCD":
        scheduler = TCDScheduler(**SD_BETAS)
        scheduler.set_timesteps(steps, strength=case.strength)
    else:  # the way from a strength is the whole way of a model that has so many timesteps
        reached = {"num_train_timesteps": int(1000 * case.strength)}
        scheduler = DDIMScheduler(**SD_BETAS | reached, timestep_spacing="trailing")
        scheduler.set_timesteps(steps)
    return scheduler.timesteps.tolist()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_timesteps_are_diffusers(case):
    assert diffusers(case) == pytest.approx(case.timesteps, abs=0.05 if case.family in FLOW_SHIFT else 0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_plan_is_as_the_table_says(case):
    settings, problems, _ = read_settings([{"enabled": True, **case.fixed}])
    plan = make_plan(Request(settings, Model(case.family), None), published())
    assert problems == [] and (plan.file, plan.sampler, plan.schedule) == (case.file, case.sampler, case.schedule)
    assert plan.steps == len(case.timesteps) and case.rows == (1 if plan.cfg == 1 else 2)
