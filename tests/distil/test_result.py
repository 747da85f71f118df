"""The finished file: kohya's naming, known at once without a name or a catalog entry, preferred for its checkpoint."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
from lib_hypersd.distil.network import STUDENT
from lib_hypersd.distil.result import result_path, write_result
from lib_hypersd.distil.stages import stages_of
from lib_hypersd.files.header import read_header
from lib_hypersd.playground.job import read_job
from lib_hypersd.recipes.catalog import published
from tests.distil.test_network import fill
from tests.distil.world import options_for
from tests.playground import models

FOUR, UNIFIED = {"steps": (4,)}, {"steps": (4, 1), "unified": True}


@pytest.fixture
def state(base):
    base.network.add(STUDENT, 4, 0)
    fill(base.network, STUDENT, 0)
    yield base.network.state(STUDENT)
    base.network.delete(STUDENT)


def write(base, state, folder, **values):
    options = options_for(folder, **values)
    return write_result(state, options, base, stages_of(options)[-1])


def test_the_naming_is_kohyas_and_reads_back(tmp_path, base, state):
    tensors = load_file(write(base, state, tmp_path, **FOUR))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    names = {key.split(".")[0] for key in tensors}
    assert names == {key.split(".")[0] for key in load_file(EMBEDDED / "Hyper-SD15-4steps-lora-tiny.safetensors")}
    for key, tensor in state.items():
        name, _, side = key.removesuffix(".weight").rpartition(".")
        kohya = f"lora_unet_{name.replace('.', '_')}.{'lora_down' if side == 'lora_A' else 'lora_up'}.weight"
        torch.testing.assert_close(tensors[kohya].float(), tensor, rtol=1e-3, atol=1e-4)
    assert all(tensors[f"{name}.alpha"] == 4 for name in names)


def test_the_metadata_say_what_it_is(tmp_path, base, state):
    path = write(base, state, tmp_path, **UNIFIED)
    metadata = read_header(path).metadata
    assert path.name == "tiny-sd15-Hyper-1step.safetensors" and metadata["modelspec.title"] == path.stem
    assert json.loads(metadata["hypersd.recipe"]).items() >= {"kind": "unified", "steps_min": 1, "steps_max": 4}.items()
    assert json.loads(metadata["hypersd.distilled"])["steps"] == [4, 1] and len(metadata["ss_new_sd_model_hash"]) == 64
    assert str(tmp_path) not in json.dumps(metadata) and str(EMBEDDED) not in json.dumps(metadata)


def plan_for(checkpoint, *loras, **settings):
    job, *_ = read_job({"prompt": "a red circle", "seed": 1, **settings})
    return models.playground_of(checkpoint, *loras).plan(job)


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        (FOUR, {"steps": 4}, {"steps": 4, "sampler": "DDIM-Trailing", "cfg": 1}),
        (UNIFIED, {"steps": 3, "variant": "unified"}, {"steps": 3, "sampler": "TCD", "cfg": 1}),
        ({"steps": (8,), "cfg_preserved": True}, {"variant": "cfg"}, {"steps": 8, "sampler": "DDIM-Trailing", "cfg": 5}),
    ],
    ids=["fixed", "unified", "CFG-preserved"],
)  # fmt: skip
def test_it_is_chosen_for_its_checkpoint_before_the_published_ones(tmp_path, base, state, values, settings, expected):
    path = write(base, state, tmp_path, **values)
    nameless = path.rename(tmp_path / "zzz.safetensors")
    plan = plan_for(embedded_checkpoint(), nameless, EMBEDDED, **settings)
    assert plan.file == "zzz" and expected.items() <= vars(plan).items()
    another = tmp_path / "another.safetensors"
    shutil.copyfile(embedded_checkpoint(), another)
    with another.open("r+b") as file:
        file.seek(-1000, 2)
        file.write(bytes(1000))
    assert plan_for(another, nameless, EMBEDDED, **settings).file != "zzz", "it is another checkpoint's"
    assert plan_for(another, nameless, **settings).file == "zzz", "and serves where there is no other"


def test_the_playground_draws_with_it_what_the_student_draws(tmp_path, base, state):
    path = write(base, state, tmp_path, **FOUR)
    playground = models.playground_of(embedded_checkpoint(), path)
    job, *_ = read_job({"prompt": "a red circle", "seed": 1, "steps": 4})
    latents = playground.latents([job], playground.plan(job), lambda *_: None, lambda: False)
    from lib_hypersd.distil.sampling import draw

    noise = playground.noise([job])()
    drawn = draw(base.network, noise, base.encode("a red circle"), 4, adapter=STUDENT)
    assert models.relative_rms(latents, drawn) < 0.01  # the file is in half precision


def test_every_stage_has_a_name_of_its_own(tmp_path):
    options = options_for(tmp_path, steps=(8, 4, 2, 1))
    assert [stage.name for stage in stages_of(options)] == ["8steps", "4steps", "2steps", "1segment", "1step"]
    assert [stage.start for stage in stages_of(options)] == [None, "8steps", "4steps", "2steps", "1segment"]
    assert stages_of(options)[0].begins == 0 and stages_of(options)[-1].ends == 1
    without = replace(options, score=False)
    assert [stage.name for stage in stages_of(without)] == ["8steps", "4steps", "2steps", "1step"]
    (alone,) = stages_of(replace(options, steps=(1,), consistency=False))
    assert (alone.name, alone.start, alone.before) == ("1step", None, "")
    (cfg,) = stages_of(replace(options, cfg_preserved=True))
    assert (cfg.name, cfg.kind, cfg.most_steps) == ("8steps-CFG", "cfg", 8)
    assert result_path(options, cfg).name == "tiny-sd15-Hyper-8steps-CFG.safetensors"


def test_the_recipe_is_none_of_the_catalogs():
    assert not [recipe for recipe in published().recipes if recipe.id.startswith("own-")]
