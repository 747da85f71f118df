"""The host's start, with and without its page."""

import time

import pytest

from tests.live.common import ON, trailing


@pytest.mark.parametrize("arguments", [["--nowebui"]], ids=" ".join)
def test_it_works_without_the_page(make_host, arguments):
    host = make_host()
    host.boot(*arguments)
    try:
        result = host.txt2img({**ON, "steps": 4})
        assert result.timesteps == pytest.approx(trailing(4), abs=2e-3) and result.rows == [1] * 4
        samplers = [s["name"] for s in host.get("/sdapi/v1/samplers")]
        assert samplers.count("TCD") == samplers.count("DDIM-Trailing") == 1
        axes = next(s["args"][0]["choices"] for s in host.get("/sdapi/v1/script-info") if s["name"] == "x/y/z plot")
        assert [axis for axis in axes if axis.startswith("[Hyper-SD]")] == [
            f"[Hyper-SD] {n}" for n in ("Steps", "Eta", "Weight", "Variant", "Two passes", "Fast decoding")
        ]
    finally:
        host.stop()


def test_the_hosts_log_has_no_error_of_ours(host):
    host.txt2img(ON)
    time.sleep(0.5)
    log = host.read_log()
    assert "hypersd" not in "\n".join(line for line in log.splitlines() if "Error" in line or "Traceback" in line)
    assert "Error running" not in log and "Error calling" not in log and "Error loading script" not in log
