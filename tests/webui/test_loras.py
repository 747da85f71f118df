"""The LoRAs that the host has listed, by their files."""

import json
import time
from types import SimpleNamespace

import pytest

from lib_hypersd.recipes.catalog import published
from tests import loras as lora_files
from tests.double import Processing
from tests.webui.common import ON, recorded


def file_called(name):
    from lib_hypersd.webui import loras

    return next((f for f in loras.find_at_hand(published(), None).files if f.name == name), None)


def settled():
    """Wait until the files are read in the background."""
    from lib_hypersd.webui import loras

    while loras.get_shelf().library.background.thread is not None:
        time.sleep(0.001)


def test_sd3s_layers_are_known_by_diffusers_names_too_however_often_the_ui_reloads(forge):
    own = forge.networks.model_lora_keys_unet
    forge.load_script()
    forge.load_script()
    assert forge.networks.model_lora_keys_unet.__wrapped__ is own
    sd3, other = (SimpleNamespace(diffusion_model=SimpleNamespace(**kind)) for kind in ({"joint_blocks": []}, {}))
    sd3.diffusion_model.config = {"depth": 2}
    assert forge.networks.model_lora_keys_unet(other) == own(other)
    assert forge.networks.model_lora_keys_unet(sd3) == {
        **own(sd3),
        "transformer.blocks.0.to_q": ("diffusion_model.joint_blocks.0.qkv.weight", (0, 0, 128)),
        "transformer.blocks.1.to_q": ("diffusion_model.joint_blocks.1.qkv.weight", (0, 0, 128)),
    }


def test_a_lora_that_is_missing_and_takes_ours_with_it_is_named(forge):
    script = forge.load_script()
    p = Processing(forge, prompt="<lora:some-style:1> a cat")
    forge.process_images(p, script, [ON])
    assert list(p.comments)[0].endswith("It has no LoRA called some-style.") and len(recorded(forge)) == 20


def test_a_superseded_edition_is_told_by_its_size_or_hash(host, script):
    recipe = next(r for r in published().recipes if r.superseded_bytes)
    host.install_loras("Hyper-SD3-4steps-CFG-lora")
    disk = host.networks.available_networks["Hyper-SD3-4steps-CFG-lora"]
    for size, superseded in ((None, False), (recipe.superseded_bytes, True), (recipe.bytes, False)):
        lora_files.write(host.lora(disk.name), {"x.lora_down.weight": [4, 8]}, size=size)
        assert file_called(disk.name).superseded is superseded
    disk.hash = recipe.superseded_sha256
    assert file_called(disk.name).superseded


def test_a_renamed_file_is_found_by_the_hosts_hash_in_the_background(host, script):
    eight = next(r for r in published().recipes if r.id == "hyper-sd15-8steps")
    lora_files.write(host.lora("fast"), {"x.lora_down.weight": [4, 8]}, size=eight.bytes)
    host.hashes["lora/fast", False] = eight.sha256
    host.in_folder[:] = []
    host.install_loras("fast", "some-style")
    assert file_called("fast") is None, "four files have this size"
    settled()
    assert file_called("fast").recipe == eight
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:fast:1> a cat"]
    assert json.loads((host.folder / "hypersd-files.json").read_text())["files"][str(host.lora("fast"))]["sha256"]


def test_the_hosts_own_wish_not_to_hash_is_kept(host, script, monkeypatch):
    host.shared.cmd_opts.no_hashing = True
    monkeypatch.setattr("lib_hypersd.files.library.hashes_of", lambda path: pytest.fail("hashed"))
    lora_files.write(host.lora("fast"), {"x.lora_down.weight": [4, 8]}, size=269127064)
    host.install_loras("fast")
    file_called("fast")
    settled()
    assert file_called("fast") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x10\0\0\0\0\0\0\0no safetensors here", "Hyper-SD15-12steps-CFG-lora.safetensors has no safetensors header. It is not used."),
        (b"", "Hyper-SD15-12steps-CFG-lora.safetensors is too short for a safetensors file. It is not used."),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_before_anything_is_changed(host, script, content, sentence):
    host.lora("Hyper-SD15-12steps-CFG-lora").write_bytes(content)
    host.install_loras("Hyper-SD15-12steps-CFG-lora")
    for args, prompt in (
        ([{"steps": 12}], "a"),
        ([{"file": "Hyper-SD15-12steps-CFG-lora"}], "a"),
        ([ON], "<lora:Hyper-SD15-12steps-CFG-lora:1>"),
    ):
        p = Processing(host, prompt)
        host.process_images(p, script, args)
        assert sentence in p.extra_generation_params["Hyper-SD note"] and p.steps == 20


def test_a_file_whose_layers_are_for_another_model_is_refused_by_name(host, script):
    lora_files.write(host.lora("Hyper-SD15-8steps-CFG-lora"), {"x_attn2_to_k.lora_down.weight": [4, 2048]})
    host.install_loras("Hyper-SD15-8steps-CFG-lora")
    p = Processing(host)
    host.process_images(p, script, [{"file": "Hyper-SD15-8steps-CFG-lora"}])
    assert p.extra_generation_params["Hyper-SD note"] == (
        "not applied. Hyper-SD15-8steps-CFG-lora is called like Hyper-SD15-8steps-CFG-lora, which is for SD1.5, and its "
        "layers are made for SDXL: it is not used. Give it a name that says what it is."
    )


def test_a_name_that_no_tag_can_hold_is_said(host, script):
    host.in_folder[:] = []
    host.install_loras("Hyper-SD15: 8steps", "Hyper-SD15-4steps-lora")
    assert file_called("Hyper-SD15: 8steps").problem == (
        "Hyper-SD15: 8steps cannot be written in a prompt, because of its “:” or “>”; rename the file."
    )
    p = Processing(host)
    host.process_images(p, script, [ON])
    assert p.all_prompts == ["<lora:Hyper-SD15-4steps-lora:1> a cat"]


def test_the_files_are_looked_at_again_only_when_something_is_new(host, script, monkeypatch):
    from lib_hypersd.webui import loras

    first = loras.find_at_hand(published(), None).files
    settled()
    again = loras.find_at_hand(published(), None).files
    assert [f.name for f in again] == [f.name for f in first] and loras.find_at_hand(published(), None).files is again
    host.list_networks()
    assert loras.find_at_hand(published(), None).files is not again
    host.lora("Hyper-SD15-4steps-lora").unlink()
    assert file_called("Hyper-SD15-4steps-lora").problem.endswith(
        "cannot be read (No such file or directory). It is not used."
    )
    assert {lora.name for lora in loras.list_all(published())} == set(host.networks.available_networks)
