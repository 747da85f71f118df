"""The names of ComfyUI that we use are there, with the signatures that the tests without a host go by."""

import json

from tests.comfyui.names import RECORD, names_used, recorded
from tests.live_comfyui.graphs import Graph


def test_the_contract_holds(host, request):
    graph = Graph()
    graph.add("ProbeNames", names=" ".join(names_used()))
    (shown,) = host.run(graph).outputs.values()
    names = dict(shown["names"])
    assert "absent" not in names.values()
    if request.config.getoption("--record"):
        version = host.get("/system_stats")["system"]["comfyui_version"]
        RECORD.write_text(json.dumps({"comfyui": version, "names": names}, indent=1) + "\n", encoding="utf-8")
    assert names == recorded()["names"]
