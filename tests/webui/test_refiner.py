"""A refiner that takes over in the middle of a request."""

from tests.double import Processing
from tests.webui.common import ON, recorded, write_checkpoint


def test_a_renaming_at_the_refiner_to_a_lora_that_is_missing_is_refused(neo):
    script, refiner = neo.load_script(), neo.checkpoints["tiny-sd15"]
    neo.shared.opts.data["refiner_lora_replacement"] = "high_noise=low_noise\n8steps=2steps\n=\n"
    p = Processing(neo, refiner_checkpoint_info=refiner)
    neo.process_images(p, script, [ON])
    assert len(recorded(neo)) == 8 and "not applied" not in p.extra_generation_params.get("Hyper-SD note", "")
    neo.shared.opts.data["refiner_lora_replacement"] = "8steps=low"
    p = Processing(neo, refiner_checkpoint_info=refiner)
    neo.process_images(p, script, [ON])
    assert len(recorded(neo)) == 20 and "asks for Hyper-SD15-low-lora, and the WebUI" in list(p.comments)[0]
    p = Processing(neo)
    neo.process_images(p, script, [ON])
    assert not p.comments, "without a refiner nothing is renamed"


def test_a_refiner_that_takes_over_gets_the_lora_too(host, script):
    refiner = host.load("other", is_sd1=True).sd_checkpoint_info
    host.load("tiny-sd15", is_sd1=True)
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert host.loras_used == [["Hyper-SD15-4steps-lora"]] * 4 and not p.comments
    host.process_images(p, script, [{**ON, "steps": 4}])
    host.loras_used.clear()
    host.process_images(p, script, [False])
    assert "setup_conds" not in vars(p) and not any(host.loras_used), "nothing is left on the request"


def test_a_refiner_that_does_not_take_over_is_said(host, script):
    refiner = host.load("other", is_sd1=True).sd_checkpoint_info
    host.load("tiny-sd15", is_sd1=True)
    host.switch_at = 1.0
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [{**ON, "steps": 4}])
    sentence = "The refiner did not take over: none of these steps lies behind its switch. Have it switch earlier."
    assert list(p.comments) == [sentence] and p.extra_generation_params["Hyper-SD note"] == sentence
    p = Processing(host, refiner_checkpoint_info=refiner)
    host.process_images(p, script, [False])
    assert not p.comments


def test_a_refiner_of_another_family_is_said(host, script):
    other = host.load("sd_xl_refiner")
    write_checkpoint(other, "sdxl-refiner")
    host.load("tiny-sd15", is_sd1=True)
    p = Processing(host, refiner_checkpoint_info=other.sd_checkpoint_info)
    host.process_images(p, script, [{**ON, "steps": 4}])
    assert "The refiner sd_xl_refiner is SDXL's refiner" in list(p.comments)[0]
