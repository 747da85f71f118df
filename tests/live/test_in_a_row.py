"""Many requests in a row leave nothing to the next: every image is the one of a fresh start."""

import threading
import time

import pytest

from tests.live.common import ON, OWN, describe
from tests.live.process import Refused

LISTS = ("samplers", "schedulers", "options", "shadows", "hooks", "forward")
PLAIN = {**OWN, "steps": 3}


def requests(families):
    """30 requests: families in turn, ours and the host's own, refusals, a failure and interrupts among them.

    Each is what is sent to :meth:`Host.txt2img`, and what is done to it.
    """
    ours = [
        {**ON, "steps": 2},
        {**ON, "steps": 4},
        {**ON, "variant": "unified", "steps": 2},
        {**ON, "variant": "cfg"},
        {**ON, "steps": "NaN"},
        {**ON, "steps": 12},
    ]
    own = [PLAIN, {**PLAIN, "cfg_scale": 1.0}, {**PLAIN, "sampler_name": "Euler a"}, {**PLAIN, "sampler_name": "TCD"}]
    for i in range(30):
        payload = {**own[i % len(own)], "override_settings": families[i // 3 % len(families)], "seed": 1 + i % 3}
        panel = ours[i % len(ours)] if i % 5 < 3 else None
        if i in (7, 19):
            yield {**payload, "steps": 40}, panel and {**panel, "steps": 8}, "interrupt" if i == 7 else "skip"
        elif i in (11, 23):
            yield {**payload, "enable_hr": True, "hr_upscaler": "no such upscaler"}, panel, "refused"
        else:
            yield payload, panel, "whole"


def send(host, payload, panel, what):
    """The pictures and infotexts of a request, or how it was stopped."""
    if what in ("interrupt", "skip"):
        stop = threading.Thread(target=lambda: (time.sleep(0.7), host.post(f"/sdapi/v1/{what}", {})))
        stop.start()
        host.txt2img(panel, **payload)
        stop.join()
        return what
    try:
        result = host.txt2img(panel, **payload)
    except Refused:
        return "refused"
    return result.pixels, result.infotext, result.timesteps, result.rows


@pytest.fixture
def started(make_host):
    """A way to start the host anew, which ends the one before."""
    running = []

    def start():
        for host in running:
            host.stop()
        running[:] = [make_host()]
        running[0].boot()
        return running[0]

    yield start
    for host in running:
        host.stop()


def test_every_image_is_the_one_of_a_fresh_start(started):
    """A start takes longer than ten images: behind each disturbance one is compared with it, all others with an image
    that has had the other requests before it."""
    host = started()
    families = [host.families[name] for name in ("sd15", "sdxl", "sd3", "flux") if name in host.families]
    before = describe(host, LISTS)
    in_a_row = [send(host, *request) for request in requests(families)]
    after = describe(host, LISTS)
    assert {key: after[key] for key in LISTS if key != "options"} == {
        key: before[key] for key in LISTS if key != "options"
    }
    changed = {key for key, value in after["options"].items() if value != before["options"].get(key)}
    assert changed <= {"sd_checkpoint_hash"}, "the host itself notes which checkpoint it has loaded"
    assert sum(result == "refused" for result in in_a_row) == 2

    host, sent = started(), list(enumerate(requests(families)))
    for i, (payload, panel, what) in reversed(sent):
        if what == "whole":
            assert in_a_row[i] == send(host, payload, panel, what), f"request {i}: {panel}, {payload}"
    disturbed = [i + 1 for i, (_, _, what) in sent if what != "whole"]
    for i in disturbed:
        assert in_a_row[i] == send(started(), *sent[i][1]), f"request {i}: {sent[i][1]}"
