"""What is in the host already is neither loaded nor encoded again because of us."""

from contextlib import contextmanager

import pytest

from tests.live.common import ON, by_hand


@contextmanager
def counting(host):
    """What is loaded and encoded while it is open."""
    counts = {}
    host.post("/hypersd-probe/counts", {"on": True})
    try:
        yield counts
    finally:
        counts |= host.post("/hypersd-probe/counts", {"on": False})


def cost_of_the_second(host, request):
    """The counts of the first and of the second of two requests, after one of another plan and prompt."""
    host.txt2img({**ON, "steps": 2}, prompt="a dog")
    counts = []
    for seed in (1, 2):
        with counting(host) as cost:
            request(seed)
        counts.append(cost)
    return counts


@pytest.mark.parametrize("panel", [{"steps": 4}, {"steps": 3, "variant": "unified"}], ids=["fixed", "unified"])
def test_the_second_request_loads_and_encodes_no_more_than_the_hosts_own(host, panel):
    first = host.txt2img({**ON, **panel})
    values = {"steps": panel["steps"]}
    ours = cost_of_the_second(host, lambda seed: host.txt2img({**ON, **panel}, seed=seed))
    theirs = cost_of_the_second(host, lambda seed: by_hand(host, first, seed=seed, **values))
    assert ours[0]["texts"] > 0 and theirs[0]["texts"] > 0 and theirs[0]["loras"] > 0, "the counting counts"
    assert ours[1]["loras"] <= theirs[1]["loras"] and ours[1]["texts"] <= theirs[1]["texts"]
    assert ours[0]["loras"] <= theirs[0]["loras"] and ours[0]["texts"] <= theirs[0]["texts"]


def test_a_request_without_a_plan_between_them_counts_for_both_alike(host):
    def pair(request):
        request(1)
        host.txt2img(None, steps=2)
        with counting(host) as cost:
            request(2)
        return cost

    first = host.txt2img({**ON, "steps": 4})
    ours = pair(lambda seed: host.txt2img({**ON, "steps": 4}, seed=seed))
    theirs = pair(lambda seed: by_hand(host, first, seed=seed))
    assert ours["loras"] <= theirs["loras"] and ours["texts"] <= theirs["texts"]
