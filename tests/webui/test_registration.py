"""What stands in the host's lists once the extension is loaded, and the panel in the host's tabs."""

import subprocess
import sys
from pathlib import Path

import gradio as gr

from lib_hypersd.recipes.catalog import published

ROOT = Path(__file__).parents[2]
# What a start leaves out, run as a host loads the script; then its first use, where the host has taken our folder from
# sys.path by then, as A1111 does.
START = """
import sys
from pathlib import Path
from tests import conftest, double

later = ["lib_hypersd.explain", "lib_hypersd.download.transfer", "lib_hypersd.webui.live_pictures"]
with double.running(Path(sys.argv[1]), "a1111") as host:
    host.load_script()
    print(*(name for name in later if name in sys.modules))
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path.cwd()]
    for name in later:
        __import__(name)
"""


def test_samplers_and_schedules_are_there_once_however_often_the_ui_reloads(host):
    for _ in range(3):
        host.load_script()
    assert [s.name for s in host.sd_samplers.all_samplers] == ["Euler", "Euler a", "DPM++ 2M", "TCD", "DDIM-Trailing"]
    assert [s.label for s in host.sd_schedulers.schedulers] == [
        "Automatic",
        "Simple",
        "Trailing",
        "TCD",
        "Start at 800",
    ]
    for schedule in host.sd_schedulers.schedulers:
        assert (
            host.sd_schedulers.schedulers_map[schedule.label]
            is schedule
            is host.sd_schedulers.schedulers_map[schedule.name]
        )
    assert [o.label for o in host.xyz.axis_options if o.label.startswith("[Hyper-SD]")] == [
        "[Hyper-SD] Steps", "[Hyper-SD] Eta", "[Hyper-SD] Weight", "[Hyper-SD] Variant",
        "[Hyper-SD] Two passes",
        "[Hyper-SD] Fast decoding",
    ]  # fmt: skip


def test_another_extensions_tcd_gives_way(host):
    foreign = type(host.sd_samplers.all_samplers[0])("TCD", None, [], {})
    host.sd_samplers.all_samplers.insert(0, foreign)
    host.load_script()
    assert [s.name for s in host.sd_samplers.all_samplers].count("TCD") == 1
    assert host.sd_samplers.all_samplers[0].constructor is not None


def test_no_name_survives_or_suffers_the_hosts_suffix_cutting(host, script):
    """The host cuts " <schedule>" off a sampler's name, and takes the first sampler for what it does not know."""
    labels = [name for s in host.sd_schedulers.schedulers for name in (s.name, s.label)]
    for sampler in host.sd_samplers.all_samplers:
        assert not any(sampler.name.endswith(f" {label}") for label in labels)


def test_a_host_without_the_xyz_script_is_none_the_worse(host):
    from lib_hypersd.webui import axes

    axes.register()
    assert len(host.xyz.axis_options) == 9
    host.load_script()
    assert len(host.xyz.axis_options) == 15


def test_the_option_of_eta_has_its_infotext(host, script):
    assert host.shared.opts.data["hypersd_tcd_eta"] == 0.3
    assert host.shared.opts.data_labels["hypersd_tcd_eta"].infotext == "Eta TCD"


def test_the_panel_is_built_with_the_prompt_once_and_then_without_it(host, script):
    """The API builds it again in Blocks of its own, only to read the defaults; there is no prompt to listen to."""
    inputs = []
    for _ in range(2):
        with gr.Blocks() as blocks:
            prompt = gr.Textbox(elem_id="txt2img_prompt")
            if not inputs:
                script.after_component(gr.Textbox(), elem_id="something_else")
                script.after_component(prompt, elem_id="txt2img_prompt")
            controls = script.ui(False)
        assert [c.value for c in controls] == [False, *["Recommended"] * 7, False, False]
        assert [component for component, _ in script.infotext_fields] == controls
        plans = [event["inputs"] for event in blocks.dependencies if controls[0]._id in event["inputs"]]
        inputs.append([prompt._id in event for event in plans])
    assert len(inputs[0]) > len(controls) and all(inputs[0]) and not any(inputs[1])
    assert script.title() == "Hyper-SD" and script.show(False) is host.scripts.AlwaysVisible


def test_the_refresh_button_makes_the_host_look_into_its_folder(host, script):
    from lib_hypersd.webui import loras

    host.in_folder.append(("Hyper-SD15-1step-lora-copy", ""))
    assert "Hyper-SD15-1step-lora-copy" not in {f.name for f in loras.find_at_hand(published(), None).files}
    loras.refresh()
    assert "Hyper-SD15-1step-lora-copy" in {f.name for f in loras.find_at_hand(published(), None).files}
    del sys.modules["networks"]
    loras.refresh()


def test_a_shadowed_option_is_never_saved_and_comes_back_nested(host, script):
    from lib_hypersd.webui.options import shadowed

    opts = host.shared.opts
    with shadowed(skip_early_cond=1.0):
        with shadowed(skip_early_cond=0.5):
            assert opts.skip_early_cond == 0.5 and opts.data["skip_early_cond"] == 0.0
        assert opts.skip_early_cond == 1.0
    assert opts.skip_early_cond == 0.0


def test_a_start_leaves_out_what_only_later_requests_need(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", START, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
