"""The network is asked at the timesteps of the table that holds for all hosts, and as often."""

import pytest

from tests.live.test_families import PICTURE, encoded
from tests.live.test_requests import ON
from tests.timesteps import CASES


@pytest.mark.parametrize(("case", "family"), [(case, case.family) for case in CASES], ids=map(str, CASES))
def test_the_timesteps_are_those_of_every_host(host, case, family):
    payload = {"override_settings": host.families[family]}
    if case.strength == 1:
        result = host.txt2img({**ON, **case.fixed}, **payload)
    else:
        payload |= {"init_images": [encoded(PICTURE)], "denoising_strength": case.strength}
        result = host.img2img({**ON, **case.fixed}, **payload)
    is_flow = case.sampler == "Euler"
    # Some hosts tell a flow network the level itself, and some read it back from a table.
    scale = 1000 if is_flow and max(result.timesteps) <= 1.001 else 1
    assert [scale * t for t in result.timesteps] == pytest.approx(case.timesteps, abs=2 if is_flow else 2e-3)
    assert set(result.rows[host.first_guided :]) <= {case.rows}
    assert result.infotext.startswith(f"<lora:{case.file}:") and f"Sampler: {case.sampler}," in result.infotext
