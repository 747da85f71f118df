"""What the extension costs a real host: its start, a request without it, and what it saves at CFG 1."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from bench.timing import seconds_in_turn
from tests.live.host import Host
from tests.live.kinds import A1111, checkpoint
from tests.live.process import EXTENSION

STARTS = 4
REQUESTS = 10
COUNTS = (1, 2, 4, 8)
PANEL = {"enabled": True, "steps": 4}
PARTS = ("text", "LoRA", "network", "decoder", "saving")
DEFAULT = {"steps": 30, "cfg_scale": 7}  # what many use, with the sampler that the host starts with


def measure(webui, data, python, models=None):
    host = prepare(webui, data, python, models)
    yield from starts(host)
    host.boot()
    try:
        yield hooks(host)
        yield from evaluations(host)
        yield from requests(host)
        yield from pace(host)
        yield from parts(host)
        yield from fast_decoding(host)
    finally:
        host.stop()


def prepare(webui, data, python, models):
    """A host that is ready to be booted; where networks are told by their shapes, with an SD1.5 of true size."""
    host = Host(webui, data, python, models)
    if host.kind is not A1111:
        first = checkpoint("rand_sd15")
        host.kind = replace(host.kind, families={"sd15": first}, options={**host.kind.options, **first})
    host.prepare()
    return host


def growth(webui, data, python, models=None):
    """Seconds per request over the images in its batch, and over the clients that ask at once."""
    host = prepare(webui, data, python, models)
    host.boot()
    try:
        batches = {"4 steps with the panel": [], f"{DEFAULT['steps']} steps, the host's default": []}
        for count in COUNTS:
            ours = partial(host.txt2img, PANEL, batch_size=count)
            default = partial(host.txt2img, batch_size=count, **DEFAULT)
            for line, spent in zip(batches.values(), seconds_in_turn(ours, default, rounds=3), strict=True):
                line.append((count, spent))
        yield "a host's requests", "images in the batch", "s", batches
        clients = {"with the panel": PANEL, "without": None}
        lines = {name: [(n, of_clients(host, n, panel)) for n in COUNTS] for name, panel in clients.items()}
        yield "a host's requests", "clients at once", "s per request", lines
    finally:
        host.stop()


def of_clients(host, count, panel):
    """Seconds per request of 16, asked for by ``count`` clients at once."""
    payload = {"prompt": "a cat", "seed": 1, "width": 64, "height": 64, "steps": 4, "cfg_scale": 1}
    if panel:
        payload["alwayson_scripts"] = {"Hyper-SD": {"args": [panel]}}
    with ThreadPoolExecutor(count) as clients:
        start = time.perf_counter()
        list(clients.map(lambda _: host.post("/sdapi/v1/txt2img", payload), range(16)))
        return (time.perf_counter() - start) / 16


def requests(host):
    """The same image asked for by the panel and by hand: LoRA, sampler, schedule, steps and CFG in the request."""
    hand = {"prompt": "a cat <lora:Hyper-SD15-4steps-lora:1>", "steps": 4, "cfg_scale": 1}
    hand |= {"sampler_name": "DDIM-Trailing", "scheduler": "Trailing"}
    by_panel, by_hand = seconds_in_turn(lambda: host.txt2img(PANEL), lambda: host.txt2img(**hand), rounds=REQUESTS)
    yield "a request of 4 steps by the panel, of the same by hand", f"{by_panel / by_hand:.2f}", ""


def size_of(host):
    """Of images whose network costs more than the host's own work: but for A1111's, it has SD1.5's true size."""
    side = 256 if host.kind is A1111 else 64
    return {"width": side, "height": side}


def parts(host):
    """Where the milliseconds of a picture go, by the host's functions that they are spent in, and our hooks' share."""
    payload = {**size_of(host), "save_images": True}
    for steps in (1, 2, 4, 8):
        request = partial(host.txt2img, {**PANEL, "steps": steps}, **payload)
        request(prompt="a dog")
        spent, ours = [], []
        for i in range(REQUESTS):
            host.get("/hypersd-probe/spent")
            host.get("/hypersd-probe/hooks")
            request(prompt=f"cat {i}")  # a new one each time, which is encoded
            spent.append(host.get("/hypersd-probe/spent"))
            ours.append(host.get("/hypersd-probe/hooks"))
        medians = {part: statistics.median(one[part] for one in spent) for part in ("picture", *PARTS)}
        rest = medians["picture"] - sum(medians[part] for part in PARTS)
        listed = ", ".join(f"{medians[part]:.0f}" for part in PARTS)
        what = f"{steps} steps, {payload['width']}×{payload['height']}"
        yield f"{what}: ms for {', '.join(PARTS)}; the rest", f"{listed}; {rest:.0f}", ""
        share = statistics.median(ours) / medians["picture"]
        yield f"{what}: ours, within the rest", f"{100 * share:.2f} %", "at most 1 %"


def fast_decoding(host):
    """Images per minute with the checkpoint's own decoder and with TAESD, whose weights are random."""
    host.post("/hypersd-probe/decoder", {"there": True})
    try:
        for steps in (1, 2, 4, 8):
            turns = [
                partial(host.txt2img, {**PANEL, "steps": steps, "fast_decoding": fast}, **size_of(host))
                for fast in (False, True)
            ]
            own, fast = (60 / seconds for seconds in seconds_in_turn(*turns, rounds=3))
            yield f"{steps} steps: images per minute, with fast decoding", f"{own:.1f}, {fast:.1f}", ""
    finally:
        host.post("/hypersd-probe/decoder", {"there": False})


def pace(host):
    """Images per minute, end to end."""
    size = size_of(host)
    side = size["width"]
    turns = {None: partial(host.txt2img, **DEFAULT, **size)}
    turns |= {steps: partial(host.txt2img, {**PANEL, "steps": steps}, **size) for steps in (8, 4, 2, 1)}
    spent = dict(zip(turns, seconds_in_turn(*turns.values(), rounds=3), strict=True))
    default = spent.pop(None)
    what = f"images per minute at {side}×{side}"
    yield f"{what}: {DEFAULT['steps']} steps, CFG 7, the host's default", f"{60 / default:.1f}", ""
    for steps, seconds in spent.items():
        yield f"{what}: {steps} steps with the panel; times as many", f"{60 / seconds:.1f}; {default / seconds:.1f}", ""


def starts(host):
    """The host's own timers: of our script, and of "load scripts", with and without the extension in turn.

    Our script is all that we add to "load scripts", which varies by ten times that from one start to the next.
    """
    folder, aside = host.data / "extensions" / EXTENSION, host.data / EXTENSION
    spent = {True: [], False: []}
    own = []
    for i in range(STARTS + 1):
        for present in (True, False):
            folder.rename(aside) if not present else None
            try:
                host.boot()
                records = host.get("/internal/profile-startup")["records"]
            finally:
                host.stop()
                aside.rename(folder) if not present else None
            if i:  # the first start compiles
                spent[present].append(records["load scripts"])
                own += [records["load scripts/hypersd.py"]] if present else []
    yield "our script, by the host's own timer", f"{statistics.median(own) * 1000:.0f} ms", "at most 60 ms"
    with_it, without = (statistics.median(spent[present]) for present in (True, False))
    yield "“load scripts” with the extension, without, in seconds", f"{with_it:.2f}, {without:.2f}", ""


def hooks(host):
    """Time inside our hooks for a request with the panel off."""
    own = {"steps": 2, "cfg_scale": 7}
    host.txt2img(None, **own)
    host.get("/hypersd-probe/hooks")
    spent = []
    for _ in range(REQUESTS):
        host.txt2img(None, **own)
        spent.append(host.get("/hypersd-probe/hooks"))
    return "hooks of a request with the panel off", f"{statistics.median(spent):.3f} ms", "at most 1 ms"


def evaluations(host):
    off = host.txt2img(None, steps=4, cfg_scale=1, sampler_name="Euler", scheduler="Trailing")
    on = host.txt2img({"enabled": True, "steps": 4})
    yield "network rows of 4 steps at CFG 1: host alone", str(sum(off.rows)), ""
    yield "network rows of 4 steps at CFG 1: with the panel", str(sum(on.rows)), "one a step"
    assert len(off.timesteps) == 4, json.dumps(off.timesteps)
    yield "evaluations added with the panel off", str(len(off.timesteps) - 4), "0"
