"""X/Y/Z plots, along axes of ours and of the host's."""

import pytest

from tests.live.common import ON, OWN, plot, with_schedules


@pytest.mark.parametrize(
    ("axis", "values", "expected"),
    [
        ("[Hyper-SD] Steps", "1,2,4", ["Steps: 1,", "Steps: 2,", "Steps: 4,"]),
        ("[Hyper-SD] Weight", "0.5,1", [":0.5>", ":1>"]),
        ("[Hyper-SD] Eta", "0,0.5", ["Eta DDIM: 0", "Eta DDIM: 0.5"]),
        ("[Hyper-SD] Variant", "unified,cfg,Off", ["Sampler: TCD", "CFG scale: 5", "Steps: 6,"]),
        ("Steps", "2,4,6", ["Steps: 2,", "Steps: 4,", "Steps: 6,"]),
        ("CFG Scale", "1,1.5", ["CFG scale: 1.0", "CFG scale: 1.5"]),
        pytest.param(
            "Sampler",
            "TCD,DDIM-Trailing,Euler",
            ["Sampler: TCD", "Sampler: DDIM-Trailing", "Sampler: Euler"],
            marks=with_schedules,
        ),
        pytest.param(
            "Schedule type",
            "Trailing,SGM Uniform",
            ["Schedule type: Trailing", "Schedule type: SGM Uniform"],
            marks=with_schedules,
        ),
        ("Eta", "0,0.7", ["Eta DDIM: 0", "Eta DDIM: 0.7"]),
    ],
)
def test_axes_vary_with_the_panel_on(host, axis, values, expected):
    result, cells = plot(host, axis, values, ON, **OWN)
    for infotext, text in zip(cells, expected, strict=True):
        assert text in infotext and "not applied" not in infotext
        assert ("Hyper-SD: " in infotext) == (text != "Steps: 6," or axis == "Steps")
    cell_images = result.pixels[-len(cells) :]
    assert len(set(cell_images)) == len(cells)


def test_the_hosts_eta_axis_varies_tcd_without_the_panel(host):
    _, cells = plot(host, "Eta", "0,0.5,1", None, steps=3, sampler_name="TCD", scheduler="TCD")
    assert [cell.split("Eta TCD: ")[1].split(",")[0] for cell in cells] == ["0.0", "0.5", "1.0"]
