"""Which checkpoint is loaded, and which is selected."""

import sys
from types import SimpleNamespace

import pytest

from tests.double import Host, Processing
from tests.webui.common import ON, loaded_file, write_checkpoint


@pytest.mark.parametrize(("kind", "flows"), [("neo", True), ("forge", False), ("a1111", False)])
def test_an_sdxl_that_the_host_will_take_for_a_flow_model_is_refused_before_it_is_loaded(tmp_path, kind, flows):
    host = Host(tmp_path, kind)
    with host.as_modules():
        host.load_script()
        from lib_hypersd.webui import model

        (tmp_path / "Rectified").mkdir()
        for name in ("Rectified/some xl", "some xl"):
            write_checkpoint(host.load(name), "sdxl")
        host.load("tiny-sd15")
        predictions = [model.find_selected(name).prediction for name in ("Rectified/some xl", "some xl")]
        assert predictions == ["flow" if flows else "epsilon", "epsilon"]


def test_an_sdxl_that_predicts_flow_is_refused(neo):
    script = neo.load_script()
    write_checkpoint(neo.load("some xl", is_sdxl=True, is_flow=True), "sdxl")
    p = Processing(neo)
    neo.process_images(p, script, [ON])
    assert "was trained to predict something other" in list(p.comments)[0] and p.steps == 20


@pytest.mark.parametrize(
    ("repository", "family"),
    [
        ("x/FLUX.1-dev", "flux"),
        ("x/FLUX.1-schnell", "flux-schnell"),
        ("Chroma", "chroma"),
        ("x/other", None),
        (None, None),
    ],
)
def test_an_architecture_without_a_flag_is_known_by_its_name(forge, repository, family):
    forge.load("x").model_config = type("Config", (), {"huggingface_repo": repository})
    from lib_hypersd.webui import model

    assert model.find_loaded().family == family


def test_a_pruned_sdxl_is_told_by_its_file(host, script):
    from lib_hypersd.webui import model

    for content, family in (("sdxl", "sdxl"), ("sdxl-pruned", "sdxl-pruned"), ("sdxl-refiner", "sdxl-refiner")):
        loaded = host.load("some-xl", is_sdxl=True)
        write_checkpoint(loaded, content)
        assert model.find_loaded().family == family


def test_what_the_network_predicts(host, forge):
    from lib_hypersd.webui import model

    host.sd_models.model_data.sd_model.parameterization = "v"
    with host.as_modules():
        from lib_hypersd.webui import model

        assert model.find_loaded().prediction == "v_prediction"
    forge.model.forge_objects.unet.model.predictor = type("Predictor", (), {"prediction_type": "const"})
    from lib_hypersd.webui import model

    assert model.find_loaded().prediction == "flow"


@pytest.mark.parametrize("stored", ["nf4", "gguf", "torch.float8_e4m3fn", "torch.float16"])
def test_weights_of_few_bits_need_loras_to_be_kept_apart(forge, monkeypatch, stored):
    from lib_hypersd.webui import model

    forge.model.forge_objects.unet.model.storage_dtype = stored
    assert model.find_loaded().coarse is (stored != "torch.float16")
    backend = type(sys)("backend.args")
    backend.dynamic_args = {"online_lora": True}
    monkeypatch.setitem(sys.modules, "backend.args", backend)
    assert model.find_loaded().coarse is False


def test_the_panel_shows_the_selected_checkpoint_before_it_is_loaded(forge):
    from lib_hypersd.webui import model

    loaded = forge.model
    other = forge.load("other-xl", is_sdxl=True)
    write_checkpoint(other, "sdxl", dtype="F8_E4M3")
    forge.sd_models.model_data.sd_model = sys.modules["modules.sd_models"].model_data.sd_model = loaded
    assert model.find_loaded().name == "tiny-sd15"
    assert (model.find_selected().name, model.find_selected().family, model.find_selected().coarse) == (
        "other-xl",
        "sdxl",
        True,
    )
    loaded_file(other).unlink()
    assert model.find_selected() is None, "its file does not tell, so nothing is said until it is loaded"
    forge.shared.opts.data["sd_model_checkpoint"] = None
    assert model.find_selected().name == "tiny-sd15"


def test_the_loaded_checkpoint_is_known_again_when_a_reloaded_ui_lists_it_anew(host, script):
    from lib_hypersd.webui import model

    before = model.find_selected()
    name = host.shared.opts.sd_model_checkpoint
    host.checkpoints[name] = SimpleNamespace(**vars(host.checkpoints[name]), listed="anew")
    assert model.find_selected() == before == model.find_loaded()
