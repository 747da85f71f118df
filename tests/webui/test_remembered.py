"""What the user says of a checkpoint."""

import sys

import pytest

from lib_hypersd.plan import Memory
from lib_hypersd.recipes.memory import CannotRemember
from lib_hypersd.recipes.settings import Settings
from tests.double import Processing
from tests.webui.common import ON


def test_what_is_remembered_of_a_checkpoint_is_recommended_and_can_be_forgotten(host, script):
    memory = sys.modules["lib_hypersd.webui.memory"]
    memory.remember(Memory(settings=Settings(steps=4)))
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.steps == 4 and "Remembered for this checkpoint: Steps 4." in p.extra_generation_params["Hyper-SD note"]
    (label,) = memory.label_entries()
    assert label == "tiny-sd15: steps 4"
    host.shared.opts.data["hypersd_forget"] = None  # as a settings file may have it
    memory.forget_ticked()
    assert list(memory.label_entries()) == [label]
    host.shared.opts.data["hypersd_forget"] = [label, "another"]
    memory.forget_ticked()
    assert memory.label_entries() == {} and host.shared.opts.data["hypersd_forget"] == []
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.steps == 8


def test_a_checkpoint_that_is_not_there_cannot_be_remembered(host, script):
    with pytest.raises(CannotRemember, match="has no checkpoint of that name"):
        sys.modules["lib_hypersd.webui.memory"].remember(Memory(""), "nonsense")
