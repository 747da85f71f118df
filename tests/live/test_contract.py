"""What the adapter uses of a host is there, as its contract says; ``--record HOST`` writes that anew."""

import warnings

from tests.contract.check import Contract, contracts, moved, problems
from tests.contract.table import DOUBLE, HOLDERS, MODULES
from tests.contract.walk import walk


def record(host) -> dict[str, dict | None]:
    """The facts of all names, in the middle of a request of each kind with a LoRA."""
    found, facts = walk(), {}
    sampler = "DPM++ 2M" if host.has_schedules else "DPM++ 2M Karras"
    request = {"prompt": "a cat <lora:Hyper-SD15-4steps-lora:1>", "steps": 2, "sampler_name": sampler}
    image = {"init_images": host.txt2img(**request).encoded, "denoising_strength": 0.5}
    second_pass = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": host.upscalers[0], **host.hires}
    second_pass["denoising_strength"] = 0.5
    for generate, given in ((host.txt2img, second_pass), (host.img2img, image)):
        names = [name for name in (*found.uses, *DOUBLE) if name.startswith("img2img.") == (given is image)]
        question = {"names": names, "called": list(found.called), "holders": HOLDERS, "modules": MODULES}
        host.post("/hypersd-probe/facts", question)
        generate(**request, **given)
        facts |= host.get("/hypersd-probe/facts")
    return facts


def test_what_the_adapter_uses_is_there(host, request):
    found, kind = walk(), host.kind.name
    recorded = record(host)
    facts, double = ({name: recorded[name] for name in names} for names in (found.uses, DOUBLE))
    for contract in contracts():
        lines = moved(contract.facts | contract.double, recorded)
        if contract.kind == kind and lines:
            warnings.warn("\n  ".join([f"Moved since {contract.host}, {contract.commit}:", *lines]), stacklevel=1)
    if name := request.config.getoption("--record"):
        version, _, commit = name.rpartition(", ")
        Contract(version, commit, kind, facts, double).write()
    assert problems(found, facts) == []
