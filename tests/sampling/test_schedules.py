"""The timesteps, against diffusers and against the numbers of the model card."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler, TCDScheduler
from hypothesis import given
from hypothesis import strategies as st

from lib_hypersd.sampling.schedules import (  # fmt: skip
    TIMESTEPS,
    flow_sigmas,
    flux_shift,
    is_flow,
    model_sigmas,
    sigmas_at,
    start_timesteps,
    table_shift,
    tcd_timesteps,
    trailing_timesteps,
)
from tests.networks import SD_BETAS, FlowDenoiser, Network, Wrapped, denoiser


@pytest.mark.parametrize("steps", range(1, 51))
def test_trailing_equals_diffusers(steps):
    scheduler = DDIMScheduler(**SD_BETAS, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    assert trailing_timesteps(steps) == scheduler.timesteps.tolist()


def test_trailing_numbers_of_the_card():
    assert trailing_timesteps(1) == [999]
    assert trailing_timesteps(2) == [999, 499]
    assert trailing_timesteps(3) == [999, 666, 332]
    assert trailing_timesteps(4) == [999, 749, 499, 249]
    assert trailing_timesteps(6) == [999, 832, 666, 499, 332, 166]
    assert trailing_timesteps(8) == [999, 874, 749, 624, 499, 374, 249, 124]


@pytest.mark.parametrize("strength", [i / 100 for i in range(1, 101)])
def test_tcd_equals_diffusers_wherever_diffusers_accepts(strength):
    scheduler = TCDScheduler(**SD_BETAS)
    for steps in range(1, 52):
        try:
            scheduler.set_timesteps(steps, strength=strength)
        except ValueError:
            with pytest.raises(ValueError, match=f"{steps} cannot be served"):
                tcd_timesteps(steps, strength)
        else:
            assert tcd_timesteps(steps, strength) == scheduler.timesteps.tolist()


def test_tcd_numbers_of_the_card():
    assert tcd_timesteps(1) == [999]
    assert tcd_timesteps(4) == [999, 759, 499, 259]
    assert tcd_timesteps(8) == [999, 879, 759, 639, 499, 379, 259, 139]
    assert tcd_timesteps(4, strength=0.5) == [499, 379, 259, 139]
    assert tcd_timesteps(4, strength=0.6) == [599, 459, 299, 159]


def test_tcd_on_another_grid_equals_diffusers():
    scheduler = TCDScheduler(**{**SD_BETAS, "num_train_timesteps": 500}, original_inference_steps=25)
    scheduler.set_timesteps(7, strength=0.8)
    assert tcd_timesteps(7, 0.8, train_steps=500, origin_steps=25) == scheduler.timesteps.tolist()


def test_start_at_800():
    assert start_timesteps(1) == [800]
    assert start_timesteps(2) == [800, 400]
    assert start_timesteps(3) == [800, 533, 267]


@pytest.mark.parametrize(
    ("timesteps", "sentence"),
    [
        (lambda: trailing_timesteps(1001), "The trailing schedule serves 1 to 1000 steps; 1001 cannot be served."),
        (
            lambda: start_timesteps(3, start=2),
            "The schedule that starts at timestep 2 serves 1 to 2 steps; 3 cannot be served.",
        ),
        (lambda: flow_sigmas(1001), "A flow schedule serves 1 to 1000 steps; 1001 cannot be served."),
    ],
)
def test_a_sentence_names_the_schedule(timesteps, sentence):
    with pytest.raises(ValueError) as problem:
        timesteps()
    assert str(problem.value) == sentence


def test_the_most_steps_that_are_served():
    assert trailing_timesteps(1000) == list(range(999, -1, -1)) and len(flow_sigmas(1000)) == 1001
    assert start_timesteps(1, start=1) == [1] and start_timesteps(2, start=2) == [2, 1]


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.0, True, None, "4", float("nan")])
@pytest.mark.parametrize("timesteps", [trailing_timesteps, tcd_timesteps, start_timesteps])
def test_steps_that_cannot_be_served_are_a_sentence(timesteps, steps):
    with pytest.raises(ValueError, match=r"serves 1 to \d+ steps; .* cannot be served\."):
        timesteps(steps)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_strength_outside_0_to_1_is_a_sentence(strength):
    with pytest.raises(ValueError, match="A strength lies between 0 and 1"):
        tcd_timesteps(4, strength)


@pytest.mark.parametrize(
    ("strength", "served"), [(0, "has no timesteps"), (0.02, "serves 1 step"), (0.04, "serves 1 to 2 steps")]
)
def test_a_strength_that_leaves_too_few_timesteps_is_a_sentence(strength, served):
    with pytest.raises(ValueError, match=f"^The TCD schedule at strength {strength} {served}; 4 cannot be served.$"):
        tcd_timesteps(4, strength)


@pytest.mark.parametrize("start", [0, -5, 1000])
def test_a_start_that_is_no_timestep_is_a_sentence(start):
    with pytest.raises(ValueError, match="starts at a timestep from 1 to 999"):
        start_timesteps(1, start)


@given(steps=st.integers(1, 1000), train_steps=st.integers(1, 10000))
def test_trailing_descends_from_the_last_timestep(steps, train_steps):
    if steps > train_steps:
        with pytest.raises(ValueError):
            trailing_timesteps(steps, train_steps)
        return
    timesteps = trailing_timesteps(steps, train_steps)
    assert len(timesteps) == steps and timesteps[0] == train_steps - 1 and timesteps[-1] >= 0
    assert all(a > b for a, b in pairwise(timesteps))


@given(steps=st.integers(1, 50), strength=st.floats(0, 1))
def test_tcd_descends_within_the_strength(steps, strength):
    grid = int(50 * strength)
    if steps > grid:
        with pytest.raises(ValueError):
            tcd_timesteps(steps, strength)
        return
    timesteps = tcd_timesteps(steps, strength)
    assert len(set(timesteps)) == steps and timesteps == sorted(timesteps, reverse=True)
    assert timesteps[0] == 20 * grid - 1 and timesteps[-1] >= 19


def test_sigmas_of_the_card():
    table = denoiser(Network()).sigmas
    expected = [14.61465, 7.29735, 4.08173, 2.49253, 1.61289, 1.06895, 0.69321, 0.39775, 0]
    assert sigmas_at(trailing_timesteps(8), table).tolist() == pytest.approx(expected, abs=2e-5)
    assert table[800].item() == pytest.approx(5.11103, abs=1e-5)


def test_the_table_is_found_along_inner_models():
    inner = denoiser(Network())
    assert model_sigmas(Wrapped(Wrapped(inner))) is inner.sigmas


def test_a_model_without_a_table_is_a_sentence():
    with pytest.raises(ValueError) as problem:
        model_sigmas(Wrapped(torch.nn.Identity()))
    assert str(problem.value) == (
        "Wrapped has no table of sigmas, nor has any model inside it; "
        "few-step samplers need it to find the noise level of a timestep."
    )


def test_one_level_is_no_table_and_two_are_one():
    inner, outer = torch.nn.Identity(), Wrapped(torch.nn.Identity())
    inner.sigmas, outer.sigmas = torch.tensor([0.1, 0.2]), torch.tensor([0.1])
    outer.inner_model = inner
    assert model_sigmas(outer) is inner.sigmas


def test_the_schedule_of_a_run_is_no_table():
    inner = Wrapped(torch.nn.Identity())
    inner.sigmas = torch.linspace(0.03, 14.6, 1000)
    outer = Wrapped(inner)
    outer.sigmas = torch.tensor([14.6, 5.0, 1.0, 0.0])
    assert model_sigmas(outer) is inner.sigmas
    outer.inner_model = torch.nn.Identity()
    with pytest.raises(ValueError, match="no table of sigmas"):
        model_sigmas(outer)


def test_flow_tables_are_told_from_others():
    assert is_flow(FlowDenoiser(Network()).sigmas)
    assert not is_flow(denoiser(Network()).sigmas)
    assert not is_flow(torch.tensor([0.5, 1.5])), "only the last level tells"


# Strength.


STRENGTHS = [0.0, 0.01, 0.2, 0.35, 0.5, 0.6, 0.8, 0.999, 1.0]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", TIMESTEPS)
@pytest.mark.parametrize("steps", [1, 2, 4, 8, 16])
def test_exactly_as_many_timesteps_as_steps_lie_within_a_strength(name, steps, strength):
    timesteps = TIMESTEPS[name](steps, strength, 1000)
    reached = int(1000 * strength)
    assert len(timesteps) == min(steps, reached)
    assert timesteps == sorted(set(timesteps), reverse=True) and all(0 <= t <= reached for t in timesteps)
    assert {type(t) for t in timesteps} <= {int}, "they are places in a table"
    if timesteps:
        # The first timestep is the one of the strength: a grid of 50 is 20 apart, and 800 is where that schedule ends.
        first = {"Trailing": reached - 1, "Start at 800": min(800, reached)}.get(name)
        assert timesteps[0] == first if first is not None else reached - 20 <= timesteps[0] < reached


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_strength_1_is_the_schedule_of_txt2img(steps):
    assert TIMESTEPS["Trailing"](steps, 1.0, 1000) == trailing_timesteps(steps)
    assert TIMESTEPS["TCD"](steps, 1.0, 1000) == tcd_timesteps(steps)
    assert TIMESTEPS["Start at 800"](steps, 1.0, 1000) == start_timesteps(steps)


def test_trailing_within_a_strength_is_the_formula():
    for strength in (0.2, 0.35, 0.5, 0.6, 0.8):
        for steps in (1, 2, 4, 8):
            t = int(1000 * strength)
            expected = (np.round(np.arange(t, 0, -t / steps)) - 1).astype(int).tolist()
            assert TIMESTEPS["Trailing"](steps, strength, 1000) == expected
    assert TIMESTEPS["Trailing"](4, 0.5, 1000) == [499, 374, 249, 124]


def test_tcd_within_a_strength_is_diffusers_or_the_full_grid():
    scheduler = TCDScheduler(**SD_BETAS)
    scheduler.set_timesteps(4, strength=0.6)
    assert TIMESTEPS["TCD"](4, 0.6, 1000) == scheduler.timesteps.tolist() == [599, 459, 299, 159]
    assert TIMESTEPS["TCD"](8, 0.1, 1000) == [99, 87, 74, 62, 49, 37, 24, 12], "5 of 50 are too few for 8 steps"
    assert TIMESTEPS["TCD"](17, 0.35, 1000) == tcd_timesteps(17, 0.35), "17 of 50 are just enough"
    assert len(TIMESTEPS["TCD"](51, 1.0, 1000)) == 51


def test_models_of_other_lengths_than_1000():
    assert TIMESTEPS["Trailing"](4, 1.0, 500) == [499, 374, 249, 124]
    assert TIMESTEPS["TCD"](4, 1.0, 500) == [499, 379, 249, 129]
    assert TIMESTEPS["Start at 800"](2, 1.0, 2000) == [1600, 800]


def test_flow_sigmas_are_those_of_the_card():
    expected = [1, 0.9567, 0.9045, 0.8403, 0.7595, 0.6546, 0.5128, 0.3109, 0]
    assert flow_sigmas(8, shift=flux_shift(4096)).tolist() == pytest.approx(expected, abs=5e-5)
    for tokens, mu in ((4096, 1.15), (48 * 48, 0.8467), (32 * 32, 0.63)):
        assert math.log(flux_shift(tokens)) == pytest.approx(mu, abs=5e-5)
    assert flow_sigmas(4, strength=0.5).tolist() == pytest.approx([0.5, 0.375, 0.25, 0.125, 0])


@pytest.mark.parametrize("steps", [3, 7, 8, 16])
def test_flow_sigmas_are_exact_to_the_last_bit_of_their_precision(steps):
    shift, times = 3.1581929, [1 - i / steps for i in range(steps)]
    exact = [shift * t / (1 + (shift - 1) * t) for t in times]
    assert flow_sigmas(steps, shift=shift).equal(torch.tensor([*exact, 0.0], dtype=torch.float64).float())


@given(shift=st.floats(1, 10), length=st.sampled_from([1000, 10000]))
def test_the_shift_is_read_from_a_table(shift, length):
    t = torch.arange(1, length + 1, dtype=torch.float64) / length
    assert table_shift(shift * t / (1 + (shift - 1) * t)) == pytest.approx(shift, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_flow_sigmas_equal_diffusers(steps, strength):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=np.linspace(strength, strength / steps, steps))
    assert flow_sigmas(steps, strength, shift=3.0).tolist() == pytest.approx(scheduler.sigmas.tolist(), abs=1e-6)
