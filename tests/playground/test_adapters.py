"""LoRAs on the model: which are in force, at which weight, and which files they come from."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from lib_hypersd.playground.errors import RefusedJob, Unloadable
from lib_hypersd.playground.loras import Loras
from lib_hypersd.recipes import catalog
from tests import loras
from tests.playground import models
from tests.playground.models import relative_rms
from tests.playground.pictures import BOUND, job_of, latents


def test_with_hyper_sd_off_no_lora_is_left_on_the_model(playground):
    off = job_of(base=True, steps=2)
    with_lora = latents(playground, job_of(variant="unified", steps=2))
    without = latents(playground, off)
    fresh = models.playground_of(playground.loras.paths[0].parent / "sd15.safetensors")
    assert torch.equal(without, latents(fresh, off)) and relative_rms(with_lora, without) > 0.01
    assert torch.equal(with_lora, latents(playground, job_of(variant="unified", steps=2))), "and it is back as it was"


def test_weights_are_the_plans(playground):
    whole, half, none = (latents(playground, job_of(steps=4, weight=weight)) for weight in (1, 0.5, 0))
    assert relative_rms(whole, half) > 1e-3 and relative_rms(half, none) > 1e-3
    off = job_of(base=True, steps=4, cfg=1)
    assert relative_rms(none, latents(playground, off)) <= BOUND


def test_a_lora_of_the_users_own_counts_beside_the_plans(playground, tmp_path):
    style = models.write_lora(tmp_path / "style.safetensors", loras.unet(**models.UNET))
    with_style = models.playground_of(
        playground.loras.paths[0].parent / "sd15.safetensors", *playground.loras.paths, style
    )
    job = job_of(prompt="a red cat <lora:style:0.7>", steps=4)
    assert "<lora:style:0.7>" in with_style.run(job).infotext
    assert {Path(path).stem for path in with_style.pipeline.in_force} == {"style", "Hyper-SD15-4steps-lora"}
    assert relative_rms(latents(with_style, job), latents(playground, job_of(steps=4))) > 1e-3
    with pytest.raises(RefusedJob, match="no LoRA called style"):
        playground.run(job)


def test_a_lora_that_fits_nothing_takes_all_of_them_off(tmp_path, folder):
    wrong = models.write_lora(tmp_path / "style.safetensors", {"no.such.layer.to_q": (32, 32)})
    other = models.playground_of(folder / "sd15.safetensors", folder / "loras", wrong)
    with pytest.raises(Unloadable, match="style could not be put on sd15"):
        other.run(job_of(prompt="a cat <lora:style:1>", steps=4))
    assert other.pipeline.adapters == {}


def test_a_few_step_lora_that_fits_nothing_is_refused_before_it_is_loaded(tmp_path, folder):
    wrong = models.write_lora(tmp_path / "Hyper-SD15-4steps-lora.safetensors", {"no.such.layer.to_q": (32, 32)})
    other = models.playground_of(folder / "sd15.safetensors", wrong)
    with pytest.raises(RefusedJob, match="Only 0 of 1 layers of Hyper-SD15-4steps-lora have a place in sd15"):
        other.run(job_of(steps=4))


def test_a_renamed_lora_is_told_by_its_hash(folder, tmp_path):
    path = shutil.copy(folder / "loras" / "Hyper-SD15-4steps-lora.safetensors", tmp_path / "renamed.safetensors")
    own = tmp_path / "own.json"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    own.write_text(json.dumps([{"id": "hyper-sd15-8steps", "bytes": path.stat().st_size, "sha256": sha256}]))
    (file,) = Loras([path]).files(catalog.load_catalog(own), None)
    assert file.name == "renamed" and file.recipe.id == "hyper-sd15-8steps"


def test_a_suffix_in_capitals_makes_no_pickle_of_a_file(playground, folder, tmp_path):
    """diffusers would take it for one."""
    checkpoint = tmp_path / "sd15.SAFETENSORS"
    checkpoint.symlink_to(folder / "sd15.safetensors")
    lora = tmp_path / "Hyper-SD15-4steps-lora.SAFETENSORS"
    lora.symlink_to(folder / "loras" / "Hyper-SD15-4steps-lora.safetensors")
    picture = models.playground_of(checkpoint, lora).run(job_of(steps=4))
    assert picture.image.tobytes() == playground.run(job_of(steps=4)).image.tobytes()
