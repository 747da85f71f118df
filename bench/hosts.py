"""What the extension costs a real host: its start, a request without it, and what it saves at CFG 1."""

import json
import statistics

from tests.live.host import EXTENSION, Host

STARTS = 4
REQUESTS = 10


def measure(webui, data, python):
    host = Host(webui, data, python)
    host.prepare()
    yield from starts(host)
    host.boot()
    try:
        yield hooks(host)
        yield from evaluations(host)
    finally:
        host.stop()


def starts(host):
    """The host's own timer of "load scripts", with and without the extension in turn."""
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
    least = {present: min(times) for present, times in spent.items()}
    spread = max(spent[False]) - least[False]
    yield (
        f"“load scripts” with the extension less without, best of {STARTS} (alone it varies by {spread * 1000:.0f} ms)",
        f"{(least[True] - least[False]) * 1000:.0f} ms",
        "at most 60 ms",
    )


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
    yield "network rows of 4 steps at CFG 1: with the panel", str(sum(on.rows)), "half"
    assert len(off.timesteps) == 4, json.dumps(off.timesteps)
    yield "evaluations added with the panel off", str(len(off.timesteps) - 4), "0"
