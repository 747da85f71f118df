"""Many clients at once: every image is the one of its own request, nothing of a request reaches the next, and memory
stays where it was."""

import json
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

from tests.live.common import ON, OWN, describe
from tests.live.process import Refused
from tests.live.test_families import PICTURE, encoded
from tests.live.test_in_a_row import LISTS

CLIENTS = 8
PARTS = 5  # after each of which memory is measured; after the first, the host has all that it keeps
GROWTH = 1.05  # the most that memory may grow from then on

SMALL = {"prompt": "a cat", "width": 64, "height": 64, **OWN}
INIT = {"init_images": [encoded(PICTURE)], "denoising_strength": 0.5}
# What is asked for: route, Hyper-SD's arguments or None, and the rest.
WHOLE = [
    ("txt2img", None, {}),
    ("txt2img", None, {"sampler_name": "Euler a", "cfg_scale": 3.0}),
    ("txt2img", None, {"prompt": "a cat <lora:Hyper-SD15-4steps-lora:1>", "steps": 4, "cfg_scale": 1.0}),
    ("txt2img", {**ON, "steps": 1}, {}),
    ("txt2img", {**ON, "steps": 2}, {}),
    ("txt2img", {**ON, "steps": 4, "variant": "unified", "eta": 0.3}, {"prompt": "a dog"}),
    ("txt2img", {**ON, "variant": "cfg"}, {"negative_prompt": "a dog"}),
    ("txt2img", {**ON, "steps": "NaN"}, {}),  # a plan that is not carried out: the user's own image, with a sentence
    ("img2img", None, INIT),
    ("img2img", {**ON, "steps": 2}, INIT),
]
INTERRUPTED = ("txt2img", {**ON, "variant": "unified", "steps": 8}, {"steps": 20})
MALFORMED = [
    ("txt2img", None, {"seed": "the first"}),
    ("txt2img", None, {"steps": "many"}),
    ("txt2img", None, {"width": {}}),
    ("txt2img", None, {"script_name": "no such script"}),
    ("img2img", {**ON}, {"init_images": ["no picture"]}),
]


def plan(count):
    """So many requests in a fixed order: one in ten malformed, one in twenty interrupted. Each a route, what is sent and
    whether it is compared."""
    chosen = random.Random(1)
    for i in range(count):
        if i % 20 == 7:
            route, panel, more = INTERRUPTED
            yield route, payload(panel, {**more, "seed": 1}, interrupt_at=2), False
            continue
        route, panel, more = chosen.choice(MALFORMED if i % 10 == 3 else WHOLE)
        yield route, payload(panel, {"seed": 1 + chosen.randrange(2), **more}), True


def payload(panel, more, interrupt_at=None):
    scripts = {}
    if panel:
        scripts["Hyper-SD"] = {"args": [panel]}
    if interrupt_at:
        scripts["Hyper-SD probe"] = {"args": [interrupt_at]}
    return {**SMALL, **more, "alwayson_scripts": scripts}


def send(host, route, sent):
    """The pictures and the infotexts of a request, or the status of its refusal."""
    try:
        answer = host.post(f"/sdapi/v1/{route}", sent)
    except Refused as refused:
        return str(refused)[:3]
    return answer["images"], json.loads(answer["info"])["infotexts"]


def memory(host):
    """What the host's process has in memory, in MB."""
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(host.process.pid)])) / 1024


def test_many_requests_of_8_clients(host):
    requests = list(plan(host.kind.load))
    distinct = {json.dumps(request): request for request in requests}
    expected = {key: send(host, route, sent) for key, (route, sent, _) in distinct.items()}
    refused = sum(isinstance(expected[json.dumps(request)], str) for request in requests)
    assert refused == len(requests) // 10
    before, sizes = describe(host, LISTS), []
    with ThreadPoolExecutor(CLIENTS) as clients:
        for number in range(PARTS):
            part = requests[number * len(requests) // PARTS : (number + 1) * len(requests) // PARTS]
            for request, found in zip(part, clients.map(lambda r: send(host, *r[:2]), part), strict=True):
                if request[2]:
                    assert found == expected[json.dumps(request)], request
                else:
                    assert len(found[0]) == 1, "an interrupted request has the image that it came to"
            sizes.append(memory(host))
    assert describe(host, LISTS) == before
    assert sizes[-1] < GROWTH * sizes[0], f"MB after each part of the requests: {[round(size) for size in sizes]}"
