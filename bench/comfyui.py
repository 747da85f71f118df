"""``python -m bench.comfyui --comfyui DIR [--python PYTHON] [--tcd DIR]``: how far samplers are from diffusers.

Writes the table of docs/comfyui.md. ``--tcd`` is a clone of ComfyUI-TCD, which is measured where it is given.
"""

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from tests.live.process import ROOT
from tests.live_comfyui.graphs import Sampling
from tests.live_comfyui.host import ComfyUI

DOCS = ROOT / "docs" / "comfyui.md"
BETWEEN = re.compile(r"(?<=<!-- differences -->\n).*?(?=<!-- /differences -->)", re.DOTALL)
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
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--tcd", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        host = ComfyUI(arguments.comfyui, Path(base), arguments.python)
        host.prepare("small_sd15")
        if arguments.tcd:
            shutil.copytree(arguments.tcd, host.data / "custom_nodes" / "ComfyUI-TCD")
        host.boot()
        try:
            table = HEAD + "".join(row(host, arguments.tcd is not None, *values) for values in ROWS)
        finally:
            host.stop()
    print(table)
    DOCS.write_text(BETWEEN.sub(lambda _: table, DOCS.read_text(encoding="utf-8")), encoding="utf-8")


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


if __name__ == "__main__":
    main()
