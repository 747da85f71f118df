"""``python -m bench.comfyui WHAT --comfyui DIR [--python PYTHON]``: what ComfyUI gets, and what it costs.

``differences``: how far samplers are from diffusers; ``--tcd`` is a clone of ComfyUI-TCD, measured where it is given.
``start``: what the pack adds to ComfyUI's start. Each writes its part of docs/comfyui.md.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.live.process import EXTENSION, ROOT, copy_extension
from tests.live_comfyui.graphs import Sampling
from tests.live_comfyui.host import ComfyUI

DOCS = ROOT / "docs" / "comfyui.md"
STARTS = 5
MOST = 50  # milliseconds
HEAD = "| What | Steps | Ours | ComfyUI-TCD | ComfyUI's own | which is |\n|---|---|---|---|---|---|\n"
NEAREST = {0.0: "euler", 0.3: None, 1.0: "lcm"}  # of ComfyUI's samplers to TCD of these etas
# What is sampled: diffusers' law, our schedule, steps, eta; and the nearest that ComfyUI's core has.
ROWS = (
    *(("TCD", "tcd", "TCD", steps, eta, NEAREST[eta], "sgm_uniform") for steps in (1, 4, 8) for eta in NEAREST),
    *(("DDIM trailing", "ddim", "Trailing", steps, 0.0, "euler", "sgm_uniform") for steps in (1, 2, 4, 8)),
    ("One-step UNet", "euler", "Start at 800", 1, 0.0, "lcm", "from 800"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=MEASURED)
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--tcd", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        host = ComfyUI(arguments.comfyui, Path(base), arguments.python)
        text = MEASURED[arguments.what](host, arguments.tcd)
    print(text)
    between = re.compile(rf"(?<=<!-- {arguments.what} -->\n).*?(?=<!-- /{arguments.what} -->)", re.DOTALL)
    DOCS.write_text(between.sub(lambda _: text, DOCS.read_text(encoding="utf-8")), encoding="utf-8")


def start(host: ComfyUI, _: Path | None) -> str:
    """Boots with the pack and without it in turn; the first of each is not counted."""
    timed, stopwatch = host.data / "timed" / EXTENSION, host.data / "custom_nodes" / "stopwatch"
    copy_extension(timed)
    subprocess.run([host.python, "-m", "compileall", "-q", timed], check=True)  # as after a user's first start
    stopwatch.parent.mkdir()
    pack, boots = [], {True: [], False: []}
    for present in [True, False] * (STARTS + 1):
        shutil.rmtree(stopwatch, ignore_errors=True)
        if present:
            shutil.copytree(Path(__file__).parent / "stopwatch", stopwatch)
        began = time.perf_counter()
        host.boot()
        boots[present].append(time.perf_counter() - began)
        host.stop()
        if present:
            pack.append([float(number) for number in re.search(r"timed pack: (.+)", host.read_log())[1].split()])
        print(f"{boots[present][-1]:.1f} s", pack[-1] if present else "without", flush=True)
    elapsed, processor = (statistics.median(column) for column in zip(*pack[1:], strict=True))
    with_it, without = (statistics.median(boots[present][1:]) for present in boots)
    print(f"A whole start: {with_it:.1f} s with it, {without:.1f} s without.")
    return (
        f"{elapsed:.0f} ms of ComfyUI's start, {processor:.0f} ms of them on the processor (at most {MOST}): "
        f"the median of {STARTS} starts\nby `python -m bench.comfyui start --comfyui DIR`.\n"
    )


def differences(host: ComfyUI, tcd: Path | None) -> str:
    host.prepare("small_sd15")
    if tcd:
        shutil.copytree(tcd, host.data / "custom_nodes" / "ComfyUI-TCD")
    host.boot()
    try:
        return HEAD + "".join(row(host, tcd is not None, *values) for values in ROWS)
    finally:
        host.stop()


def row(
    host: ComfyUI,
    has_tcd: bool,
    what: str,
    law: str,
    schedule: str,
    steps: int,
    eta: float,
    own: str | None,
    levels: str,
) -> str:
    graph = Sampling()
    sigmas = graph.schedule(schedule, steps)
    exact = graph.sample(graph.reference(law, steps, eta), sigmas)
    ours = graph.compare(graph.sample(graph.tcd(eta) if law == "tcd" else graph.ddim(), sigmas), exact)
    core = None
    if own is not None:
        own_sigmas = sigmas
        if levels != "from 800":
            own_sigmas = graph.add("BasicScheduler", model=graph.model, scheduler=levels, steps=steps, denoise=1.0), 0
        core = graph.compare(graph.sample((graph.add("KSamplerSelect", sampler_name=own), 0), own_sigmas), exact)
    pack = None
    if has_tcd and law == "tcd":
        node = graph.add(
            "TCDModelSamplingDiscrete", model=graph.model, steps=steps, scheduler="simple", denoise=1.0, eta=eta
        )
        theirs = graph.sample((node, 1), (node, 2), model=(node, 0))
        end = graph.reference(law, steps, eta, end="prev_sample", noise="global")
        pack = graph.compare(theirs, graph.sample(end, sigmas))
    outputs = host.run(graph).outputs
    found = [f"{outputs[node]['rms'][0]:.0e}" if node else "–" for node in (ours, pack, core)]
    name = f"{what}, eta {eta:g}" if law == "tcd" else what
    which = f"`{own}`, `{levels}`" if own else "it has none"
    return f"| {name} | {steps} | {' | '.join(found)} | {which} |\n"


MEASURED = {"differences": differences, "start": start}

if __name__ == "__main__":
    main()
