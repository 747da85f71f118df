"""Which recipe the clues about a file come to, and how surely."""

import pytest

from lib_hypersd.files.identify import Clues, recognise
from lib_hypersd.files.library import Library
from lib_hypersd.files.lora import Lora
from lib_hypersd.recipes.catalog import HYPER_SD
from tests import loras
from tests.files.shelf import BY_ID, CATALOG, UNKNOWN


def test_confidence_is_said():
    def confidence(**clues):
        return recognise(CATALOG, Clues(**clues)).confidence

    cfg = BY_ID["hyper-sdxl-8steps-cfg"]
    assert confidence(name="x", sha256=cfg.sha256) == confidence(name="x", addnet=cfg.addnet) == "certain"
    assert confidence(name="Hyper-SDXL-8steps-CFG-lora", size=cfg.bytes) == "likely"
    assert confidence(name="Hyper-SDXL-8steps-CFG-lora") == confidence(name="x", size=628447488) == "weak"
    assert confidence(name="x", size=cfg.bytes) == confidence(name="x") == ""


def test_a_size_that_several_share_says_so():
    sentence = recognise(CATALOG, Clues("some", 393854592)).sentence
    assert sentence == (
        "some has the size of 4 files (sdxl_lightning_2step_lora, sdxl_lightning_4step_lora, sdxl_lightning_8step_lora, "
        "dmd2_sdxl_4step_lora_fp16) and of copies of others, and nothing else tells; its hash will, or a name that says "
        "what it is."
    )


@pytest.mark.parametrize(
    "recipe", [r for r in CATALOG.recipes if r.is_lora and r.maker == HYPER_SD], ids=lambda r: r.id
)
@pytest.mark.parametrize("dtype", [loras.F16, ("BF16", 2)], ids=["fp16", "bf16"])
def test_a_copy_at_half_precision_is_told_by_its_name_and_never_by_its_size(tmp_path, recipe, dtype):
    shapes, metadata = loras.published(recipe.family)
    named = recipe.file.removesuffix(".safetensors") + "_half.safetensors"
    for name in ("speed lora.safetensors", named):
        loras.write(tmp_path / name, shapes, dtype, metadata)
    (copy, unnamed) = Library(may_hash=False).examine(
        [str(tmp_path / named), str(tmp_path / "speed lora.safetensors")], CATALOG
    )
    assert copy.identification.recipe == recipe and copy.identification.confidence == "likely"
    assert unnamed.identification.recipe is None and not unnamed.identification.refused
    assert unnamed.clues.lora.family == recipe.family and unnamed.clues.lora.rank == loras.RANK


@pytest.mark.parametrize(
    "size", [269127096, 269127064, 787359616, 787359648, 694082424, 134621556, 393854592, 393855224]
)
def test_a_size_that_another_files_copy_could_have_is_no_evidence(size):
    assert recognise(CATALOG, Clues("speed", size)).recipe is None


def style_lora(rank, output_name=None, name="AnimeStyle for Hyper-SDXL_8steps"):
    metadata = {"ss_output_name": output_name} if output_name else {}
    return recognise(CATALOG, Clues(name, 10**8, lora=Lora("sdxl", "kohya", rank, False), metadata=metadata))


def test_a_lora_that_is_called_after_what_it_is_for_is_no_few_step_lora():
    assert style_lora(8, "AnimeStyle").recipe is None and style_lora(8).recipe is None
    plain = "Anime for Hyper-SDXL_8steps"
    assert style_lora(8, "Anime", plain).recipe is None and style_lora(None, "Anime", plain).recipe is None
    assert style_lora(64, "Anime", plain).confidence == "weak"
    assert style_lora(64, "Anime", plain).strength < style_lora(64, None, plain).strength
    assert style_lora(8, "Hyper-SDXL-8steps-lora", "Anime").recipe.id == "hyper-sdxl-8steps"
    ours = recognise(
        CATALOG,
        Clues("Hyper-SDXL-8steps-lora", BY_ID["hyper-sdxl-8steps"].bytes, lora=Lora("sdxl", "kohya", 64, False)),
    )
    other, copy = style_lora(8, None, plain), style_lora(64, None, plain)
    assert other.recipe == copy.recipe == ours.recipe and other.strength < copy.strength < ours.strength


def test_evidence_can_be_compared():
    recipe, lora = BY_ID["hyper-sdxl-8steps"], Lora("sdxl", "kohya", 64, False)
    named, titled = "Hyper-SDXL-8steps-lora", {"modelspec.title": "Hyper-SDXL-8steps-lora"}
    weaker = [
        Clues("x", sha256=recipe.sha256), Clues("x", addnet=recipe.addnet), Clues("x", recipe.bytes, lora=lora, metadata=titled),
        Clues(named, recipe.bytes, lora=lora), Clues("x", lora=lora, metadata=titled), Clues("x", metadata=titled),
        Clues("x", lora=lora._replace(rank=8), metadata=titled), Clues(named, lora=lora), Clues(named, lora=lora._replace(rank=None)),
        Clues(named, lora=lora._replace(rank=8)), Clues(named),
    ]  # fmt: skip
    strengths = [recognise(CATALOG, clues).strength for clues in weaker]
    assert strengths == sorted(set(strengths), reverse=True)
    assert (
        strengths[-1]
        > recognise(CATALOG, Clues("x", 628447488)).strength
        > recognise(CATALOG, Clues("x")).strength
        == 0
    )
    refused = recognise(CATALOG, Clues(named, lora=Lora("sd15", "kohya", 64, False)))
    assert refused.refused and refused.strength == 0


def test_a_size_is_nothing_beside_a_hash_that_is_anothers():
    assert recognise(CATALOG, Clues("x", 269127096, UNKNOWN)).recipe is None
    assert recognise(CATALOG, Clues("Hyper-SD15-1step-lora", 269127096, UNKNOWN)).evidence == "file name"
