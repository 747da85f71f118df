"""Levels of noise: the one door through which hosts ask for a schedule."""

import pytest

from lib_hypersd.sampling.schedules import (
    TIMESTEPS,
    flow_sigmas,
    flux_shift,
    levels,
    sigmas_at,
)
from tests.networks import FlowDenoiser, Network, denoiser


def test_levels_of_our_schedules_are_looked_up_in_the_models_table():
    table = denoiser(Network()).sigmas
    for name, timesteps in TIMESTEPS.items():
        assert levels(name, 4, 0.6, table).equal(sigmas_at(timesteps(4, 0.6, 1000), table))


def test_levels_of_a_flow_model():
    table = FlowDenoiser(Network()).sigmas
    assert levels("Simple", 4, 0.6, table).tolist() == pytest.approx(flow_sigmas(4, 0.6, 3.0).tolist())
    assert levels("By image size", 4, 0.6, table, 1024).equal(flow_sigmas(4, 0.6, flux_shift(1024)))
    assert levels("TCD", 4, 0.6, table).tolist() == [*table[[599, 459, 299, 159]].tolist(), 0]


def test_levels_of_a_schedule_that_is_not_ours_are_left_to_the_host():
    assert levels("Karras", 4, 0.6, denoiser(Network()).sigmas) is None
    assert levels("Simple", 4, 0.6, denoiser(Network()).sigmas) is None
    assert levels(None, 4, 0.6, FlowDenoiser(Network()).sigmas) is None


def test_a_size_without_flux_and_flux_without_a_size_are_a_sentence():
    for table, tokens in ((denoiser(Network()).sigmas, 1024), (FlowDenoiser(Network()).sigmas, None)):
        with pytest.raises(ValueError, match="“By image size” is for FLUX; choose another"):
            levels("By image size", 4, 1.0, table, tokens)
