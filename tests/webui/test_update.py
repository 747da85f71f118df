"""An update in place: what an earlier version has written is read, and comes to the same image.

``earlier_version.json`` has the extension's files, its options in the host's settings, and the infotext of an image,
as a version wrote them whose modules all lay in one folder. ``{folder}`` stands for the host's.
"""

import json
import os
from pathlib import Path

import pytest

from tests import double
from tests import loras as lora_files
from tests.double import Processing
from tests.webui.common import ON

WRITTEN = Path(__file__).with_name("earlier_version.json")


@pytest.fixture
def written(tmp_path):
    """What the earlier version has written, below this folder, and the LoRAs that it knew."""
    written = json.loads(WRITTEN.read_text(encoding="utf-8").replace("{folder}", str(tmp_path)))
    for name in ("hypersd-files.json", "hypersd-recipes.json", "hypersd-checkpoints.json"):
        (tmp_path / name).write_text(json.dumps(written[name]), encoding="utf-8")
    for path, entry in written["hypersd-files.json"]["files"].items():
        Path(path).parent.mkdir(exist_ok=True)
        lora_files.write(Path(path), {"x.lora_down.weight": [4, 8]}, size=entry["size"])
        os.utime(path, ns=(entry["mtime_ns"], entry["mtime_ns"]))
    return written


@pytest.fixture
def host(tmp_path, written):
    with double.running(tmp_path, "a1111", "fast", "some-style") as host:
        host.shared.opts.data |= written["options"]
        yield host


def test_an_update_keeps_cache_recipes_memory_and_settings(host, written):
    script = host.load_script()
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:fast:0.55> a cat"], "the cache knows the file, and the user's recipe its weight"
    assert (p.steps, p.cfg_scale) == (8, 1.5), "and the checkpoint's memory the rest"
    assert p.extra_generation_params == written["infotext"]
    assert {name: host.shared.opts.data[name] for name in written["options"]} == written["options"]


def test_an_update_loses_nothing_when_it_writes_in_turn(host, written):
    from lib_hypersd.plan import Memory
    from lib_hypersd.recipes.catalog import published
    from lib_hypersd.webui import loras, memory

    host.load_script()
    loras.find_at_hand(published(), None)
    loras.get_shelf().library.background.finish(pause=0)
    memory.remember(Memory("Hyper-SD"))
    assert json.loads((host.folder / "hypersd-files.json").read_text()) == written["hypersd-files.json"]
    one, other = json.loads((host.folder / "hypersd-checkpoints.json").read_text())
    assert one == written["hypersd-checkpoints.json"][1] and other["inside"] == "Hyper-SD"
