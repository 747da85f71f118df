"""What we use of ComfyUI is what a real one was found to have; the live suite compares and records."""

from tests.comfyui.names import names_used, recorded


def test_every_name_that_we_use_is_recorded():
    assert names_used() == sorted(recorded()["names"])


def test_functions_take_what_we_give_them():
    names = recorded()["names"]
    assert names["comfy.sd.load_lora_for_models"] == "(model, clip, lora, strength_model, strength_clip)"
    given = "(model_sampling: 'object', scheduler_name: 'str', steps: 'int')"
    assert names["comfy.samplers.calculate_sigmas"].startswith(given)
    assert names["comfy.samplers.KSAMPLER"].startswith("(sampler_function, extra_options={}")
    assert names["comfy.samplers.SCHEDULER_NAMES"] == names["comfy.samplers.KSAMPLER_NAMES"] == "list"
