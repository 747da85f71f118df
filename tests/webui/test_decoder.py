"""Fast decoding: the host's own TAESD for one request, and the host as it was behind it."""

import copy

import pytest

from tests import double
from tests.double import Processing
from tests.webui.common import LORAS, ON

FAST = {**ON, "steps": 2, "fast_decoding": True}
KEY = "VAE Decoder"


@pytest.fixture(params=double.KINDS)
def host(request, tmp_path):
    with double.running(tmp_path, request.param, *LORAS, "Hyper-SDXL-4steps-lora") as host:
        yield host


@pytest.fixture
def script(host):
    return host.load_script()


def put_decoder(host, name="taesd"):
    folder = host.folder / "models" / "VAE-taesd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_decoder.pth").touch()


def run(host, script, args, p=None, **given):
    """The request's infotext keys, and the method of each decoding."""
    host.decoders.clear()
    p = p or Processing(host, **given)
    host.process_images(p, script, [args])
    assert host.shared.opts.sd_vae_decode_method == "Full" and "sd_vae_decode_method" not in vars(host.shared.opts)
    return p.extra_generation_params, host.decoders


def test_it_decodes_one_request_and_not_the_next(host, script):
    put_decoder(host)
    written, decoders = run(host, script, FAST)
    assert decoders == ["TAESD"] and written[KEY] == "TAESD" and written["Hyper-SD fast decoding"] == "True"
    assert "Hyper-SD note" not in written
    for args in ({**ON, "steps": 2}, False):
        written, decoders = run(host, script, args)
        assert decoders == ["Full"] and KEY not in written
    written, decoders = run(host, script, FAST, img2img=True)
    assert decoders == ["TAESD"] and written[KEY] == "TAESD"


def test_without_its_file_it_is_never_fetched(host, script):
    put_decoder(host, "taesdxl")
    written, decoders = run(host, script, FAST)
    assert decoders == ["Full"] and KEY not in written
    assert written["Hyper-SD note"].startswith("TAESD is not used: the WebUI has no taesd_decoder.pth in ")


def test_each_family_has_its_own(host, script):
    host.load("tiny-sdxl", is_sdxl=True)
    put_decoder(host)
    assert run(host, script, {**FAST, "steps": 4})[1] == ["Full"]
    put_decoder(host, "taesdxl")
    assert run(host, script, {**FAST, "steps": 4})[1] == ["TAESD"]


def test_a_second_pass_ends_with_it_and_is_enlarged_from_the_checkpoints_own(host, script):
    put_decoder(host)
    for args, given in (({**FAST, "two_pass": True, "steps": 8}, {}), (FAST, {"enable_hr": True, "hr_prompt": ""})):
        p = Processing(host, **given)
        written, decoders = run(host, script, args, p)
        assert decoders == ["Full", "TAESD"] and written[KEY] == "TAESD"
        assert run(host, script, {**ON, "steps": 2, "two_pass": False}, p)[1][-1] == "Full"
        assert "sample_hr_pass" not in vars(p)


def test_a_plan_that_is_taken_back_leaves_the_hosts_own(host, script):
    put_decoder(host)
    host.placed["Hyper-SD15-2steps-lora"] = 0
    written, decoders = run(host, script, FAST)
    assert decoders == ["Full"] and KEY not in written and "could not load" in written["Hyper-SD note"]


def test_what_the_user_has_set_in_the_host_stays(host, script):
    host.shared.opts.data["sd_vae_decode_method"] = "TAESD"
    host.process_images(Processing(host), script, [{**ON, "steps": 2}])
    assert host.decoders == ["TAESD"]


def test_a_failure_while_it_decodes_leaves_the_option_alone(host, script, monkeypatch):
    put_decoder(host)

    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    from modules import processing

    monkeypatch.setattr(processing, "decode_latent_batch", fail)
    p = Processing(host)
    with pytest.raises(RuntimeError):
        host.process_images(p, script, [FAST])
    assert "sd_vae_decode_method" not in vars(host.shared.opts) and KEY not in p.extra_generation_params


def test_cells_of_a_plot_have_each_their_own(host, script):
    put_decoder(host)
    p = Processing(host)
    for value, method in (("True", "TAESD"), ("False", "Full"), ("True", "TAESD")):
        cell = host.cell(copy.copy(p), ("[Hyper-SD] Fast decoding", value))
        written, decoders = run(host, script, {**ON, "steps": 2}, cell)
        assert decoders == [method] and (KEY in written) == (method == "TAESD")
