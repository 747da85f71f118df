"""The files on disk: every one of a folder is known for what it is, whatever it is called and however it is broken."""

import json
import os
import struct
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_hypersd.files import library
from lib_hypersd.files.cache import CacheEntry, read_cache
from lib_hypersd.files.identify import Clues, recognise
from lib_hypersd.files.library import Library, hashes_of
from lib_hypersd.files.lora import Lora
from lib_hypersd.files.scan import below
from lib_hypersd.recipes.catalog import HYPER_SD, published
from tests import loras

CATALOG = published()
BY_ID = {recipe.id: recipe for recipe in CATALOG.recipes}
SIZE_NAME, NAME, SIZE, SHA, ADDNET, META = (
    "size and file name",
    "file name",
    "size",
    "SHA-256",
    "addnet hash",
    "metadata",
)
UNKNOWN = "0" * 64  # a hash that is nobody's


def like(recipe_id, naming=None, rank=loras.RANK, dtype=loras.F32, metadata=None, size=None):
    """A writer of a file with the layers of that recipe's LoRA; as published unless something else is said."""
    recipe = BY_ID[recipe_id]
    own, own_metadata = loras.published(recipe.family)
    shapes = (
        loras.layers(loras.NETWORKS[recipe.family](), naming or "kohya", rank) if naming or rank != loras.RANK else own
    )
    as_published = naming is None and rank == loras.RANK and dtype is loras.F32 and metadata is None
    if as_published:
        return lambda path: loras.write(path, shapes, metadata=own_metadata, size=size or recipe.bytes)
    return lambda path: loras.write(path, shapes, dtype, metadata, size)


def checkpoint(recipe_id=None, prefix="", size=None):
    shapes = {f"{prefix}{name}.weight": list(shape) for name, shape in loras.sdxl_unet().items()}
    return lambda path: loras.write(path, shapes, loras.F16, size=size or BY_ID[recipe_id].bytes)


def style(family, naming="kohya", rank=8, **network):
    network = loras.unet(**network) if network else loras.NETWORKS[family]()
    return lambda path: loras.write(path, loras.layers(network, naming, rank), loras.F16)


def raw(content, length=None):
    def write(path):
        path.write_bytes(struct.pack("<Q", len(content) if length is None else length) + content)

    return write


def huge_header(path):
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 100_000_000) + b'{"a":' + b" " * 1000)
        file.truncate(100_000_100)


def cut_short(path):
    like("hyper-sdxl-8steps")(path)
    os.truncate(path, 500_000_000)


def dangling(path):
    path.symlink_to(path.with_name("nowhere"))


def pipe(path):
    os.mkfifo(path)


# File, what writes it, the recipe, and what told it: at once and, where that differs, when hashes were there.
GOOD = [
    *((r.file, like(r.id), r.id, SIZE_NAME) for r in CATALOG.recipes if r.is_lora and r.file and r.maker == HYPER_SD),
    ("Hyper-SDXL-1step-Unet.safetensors", checkpoint("hyper-sdxl-unet-diffusers"), "hyper-sdxl-unet-diffusers", SIZE_NAME),
    ("Hyper-SDXL-1step-Unet-Comfyui.fp16.safetensors", checkpoint("hyper-sdxl-unet", "model.diffusion_model."), "hyper-sdxl-unet", SIZE_NAME),
    # Renamed: a size that no copy of another has tells, though weakly; a shared one does not, and the hash then does.
    ("renamed/fast flux.safetensors", like("tdd-flux-beta", "peft", 16, size=628447488), "tdd-flux-beta", SIZE),
    ("renamed/my fast one.safetensors", like("hyper-sd15-unified"), None, "", "hyper-sd15-unified", SHA),
    ("renamed/eight.safetensors", like("hyper-sdxl-8steps"), None, "", "hyper-sdxl-8steps", SHA),
    ("renamed/pytorch_lora_weights.safetensors", like("lightning-sdxl-4steps", "kohya", dtype=loras.F16), None, "", "lightning-sdxl-4steps", SHA),
    ("renamed/deep/pytorch_lora_weights.safetensors", like("tcd-sd15", "kohya", dtype=loras.F16, metadata=loras.PT), None, "", "tcd-sd15", SHA),
    ("renamed/deep/Hyper-SD15-2steps-lora (2).safetensors", like("hyper-sd15-8steps"), "hyper-sd15-2steps", SIZE_NAME, "hyper-sd15-8steps", ADDNET),
    ("renamed/known to the host.safetensors", like("hyper-sdxl-8steps-cfg"), "hyper-sdxl-8steps-cfg", ADDNET),
    ("renamed/flux.safetensors", like("turbo-alpha-flux", "peft", dtype=("BF16", 2)), None, "", "turbo-alpha-flux", SHA),
    # Saved again: without metadata the size is DMD2's, and the name is right.
    ("saved/Hyper-SDXL-4steps-lora.safetensors", like("hyper-sdxl-4steps", "kohya", metadata=None, size=787359616), "hyper-sdxl-4steps", NAME),
    ("saved/speed.safetensors", like("hyper-sdxl-8steps-cfg", "kohya", metadata={"ss_output_name": "Hyper-SDXL-8steps-CFG-lora"}), "hyper-sdxl-8steps-cfg", META),
    ("saved/Hyper-SD15-8steps-lora-fp16.safetensors", like("hyper-sd15-8steps", dtype=loras.F16), "hyper-sd15-8steps", NAME),
    ("saved/Hyper-SDXL-8steps-CFG-lora_rank1.safetensors", like("hyper-sdxl-8steps-cfg", rank=1), "hyper-sdxl-8steps-cfg", NAME),
    ("saved/Hyper-FLUX.1-dev-8steps-lora-fp16.safetensors", like("hyper-flux-8steps", "comfyui", 16, loras.F16), "hyper-flux-8steps", NAME),
    ("saved/hyper-flux1-dev-16steps.safetensors", like("hyper-flux-16steps", "onetrainer", 4), "hyper-flux-16steps", NAME),
    ("saved/Hyper 8steps.safetensors", like("hyper-sdxl-8steps", "peft unet", 8), "hyper-sdxl-8steps", NAME),
    ("saved/old/Hyper-SD3-4steps-CFG-lora.safetensors", like("hyper-sd3-4steps-cfg", size=236070816, dtype=loras.F16), "hyper-sd3-4steps-cfg", SIZE_NAME),
    # The neighbours.
    ("near/sdxl_lightning_8step_lora.safetensors", like("lightning-sdxl-8steps", "kohya", dtype=loras.F16), "lightning-sdxl-8steps", SIZE_NAME),
    ("near/dmd2_sdxl_4step_lora_fp16.safetensors", like("dmd2-sdxl-4steps", "kohya", dtype=loras.F16), "dmd2-sdxl-4steps-fp16", SIZE_NAME),
    ("near/lcm-lora-sdxl.safetensors", like("lcm-sdxl", "kohya", dtype=loras.F16), "lcm-sdxl", NAME),
    ("near/TCD-SDXL-LoRA.safetensors", like("tcd-sdxl", "kohya", dtype=loras.F16, metadata=loras.PT), "tcd-sdxl", SIZE_NAME),
    ("near/pcm_sd15_normalcfg_8step_converted.safetensors", like("pcm-sd15-normalcfg-8steps", "kohya"), "pcm-sd15-normalcfg-8steps", NAME),
    ("near/TDD-FLUX.1-dev-lora-beta.safetensors", like("tdd-flux-beta", "peft", 16), "tdd-flux-beta", NAME),
]  # fmt: skip
OTHER = {
    "other/add_detail.safetensors": (style("sd15"), "is a LoRA for SD1.5 and is no few-step LoRA"),
    "other/hyperrealism_sdxl_8steps.safetensors": (style("sdxl"), "is a LoRA for SDXL and is no few-step LoRA"),
    "other/flux style.safetensors": (style("flux", "peft"), "is a LoRA for FLUX.1-dev and is no few-step LoRA"),
    "other/v2.safetensors": (style("sd2", context=1024), "is a LoRA for SD 2 and is no few-step LoRA"),
    "other/a model.safetensors": (checkpoint(size=10**10), "is no few-step LoRA"),
}
REFUSED = {
    "wrong/Hyper-SDXL-4steps-lora.safetensors": (style("sd15"), "is for SDXL, and its layers are made for SD1.5: it is not used"),
    "wrong/Hyper-SD15-4steps-lora.safetensors": (style("sd2", context=1024), "is for SD1.5, and its layers are made for SD 2: it is not used"),
    "wrong/Hyper-SDXL-8steps-lora.safetensors": (checkpoint(size=10**10), "no layer in it is a LoRA's: it is not used"),
    "broken/Hyper-SDXL-2steps-lora.safetensors": (cut_short, "is cut short: its header names more than the file has; get it again. It is not used."),
    "broken/Hyper-SD15-1step-lora.safetensors": (lambda path: path.touch(), "is too short for a safetensors file."),
    "broken/Hyper-SD15-2steps-lora.safetensors": (raw(b"{}", 2**63), "says that its header has 9223372036854775808 bytes"),
    "broken/Hyper-SD15-4steps-lora.safetensors": (huge_header, "has a header of 100000000 bytes, which cannot be; it was not read."),
    "broken/Hyper-SD15-8steps-lora.safetensors": (raw(b'{"a":' * 200_000), "has no safetensors header."),
    "broken/Hyper-SD15-8steps-CFG-lora.safetensors": (raw(b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 0]}}'), "has no safetensors header."),
    "broken/Hyper-SD15-12steps-CFG-lora.safetensors": (raw(b'{"a": {}, "a": {}}'), "has no safetensors header."),
    "broken/Hyper-SDXL-1step-lora.safetensors": (raw(b"\x80\x04pickle"), "has no safetensors header."),
    "broken/Hyper-SDXL-4steps-lora.safetensors": (lambda path: path.mkdir(), "is a folder or a device, not a file."),
    "broken/Hyper-SDXL-8steps-lora.safetensors": (dangling, "cannot be read (No such file or directory)."),
    "broken/Hyper-SDXL-8steps-CFG-lora.safetensors": (pipe, "is a folder or a device, not a file."),
    "broken/<img src=x onerror=alert(1)>\n\"'&\u202e💥 Hyper-SDXL-12steps-CFG.safetensors": (raw(b"{"), "\\u202e💥 Hyper-SDXL-12steps-CFG.safetensors has no safetensors header."),
}  # fmt: skip
HASHED = {
    "my fast one": (BY_ID["hyper-sd15-unified"].sha256, UNKNOWN),
    "renamed/flux": (BY_ID["turbo-alpha-flux"].sha256, UNKNOWN),
    "eight": (BY_ID["hyper-sdxl-8steps"].sha256, UNKNOWN),
    "pytorch_lora_weights": (BY_ID["lightning-sdxl-4steps"].sha256, UNKNOWN),
    "deep/pytorch_lora_weights": (BY_ID["tcd-sd15"].sha256, UNKNOWN),
    "Hyper-SD15-2steps-lora (2)": (UNKNOWN, BY_ID["hyper-sd15-8steps"].addnet + "0" * 52),
}


def hash_of(path):
    """A host's hash cache that knows some files, and everything else to be nobody's."""
    stem = path.removesuffix(".safetensors")
    return next(
        (h for end, h in sorted(HASHED.items(), key=lambda i: -len(i[0])) if stem.endswith("/" + end)), ("", "")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("loras")
    for name, write in [(row[0], row[1]) for row in GOOD] + [(n, w) for n, (w, _) in {**OTHER, **REFUSED}.items()]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write(root / name)
    yield root
    for path in below(root):  # sparse, but huge to whoever copies them
        if os.path.isfile(path):
            os.remove(path)


def seen_in(folder, shelf):
    host_knows = "known to the host"
    paths = {p: BY_ID["hyper-sdxl-8steps-cfg"].addnet if host_knows in p else "" for p in below(folder)}
    return {os.path.relpath(known.path, folder): known for known in shelf.examine(paths, CATALOG)}


def test_sixty_one_files_are_all_known_for_what_they_are(folder, monkeypatch):
    monkeypatch.setattr(library, "hashes_of", lambda path: (UNKNOWN, UNKNOWN))
    assert len(GOOD) + len(OTHER) + len(REFUSED) == 61
    shelf = Library(hash_of=hash_of)
    first = seen_in(folder, shelf)
    assert set(first) == {row[0] for row in GOOD} | OTHER.keys() | REFUSED.keys()

    def told(answer, name):
        found = answer[name].identification
        return found.recipe and found.recipe.id, found.evidence

    assert {row[0]: told(first, row[0]) for row in GOOD} == {row[0]: row[2:4] for row in GOOD}

    shelf.background.finish(pause=0)
    last = seen_in(folder, shelf)
    by_hash = {row[0]: row[4:6] for row in GOOD if len(row) > 4}
    assert {name: told(last, name) for name in by_hash} == by_hash
    for row in GOOD:
        recipe, evidence = row[-2:]
        if recipe and "size" not in evidence:
            assert told(last, row[0]) == (recipe, evidence)
    for name, (_, said) in OTHER.items():
        found = last[name].identification
        assert found.recipe is None and not found.refused and said in found.sentence
    for name, (_, said) in REFUSED.items():
        found = first[name].identification
        assert (found.recipe, found.refused) == (None, True) and said in found.sentence, name
        assert found.sentence.isprintable() and found.sentence.endswith(".")
    assert last["saved/old/Hyper-SD3-4steps-CFG-lora.safetensors"].clues.lora.family == "sd3"
    assert first["saved/old/Hyper-SD3-4steps-CFG-lora.safetensors"].identification.superseded


def test_confidence_is_said():
    def confidence(**clues):
        return recognise(CATALOG, Clues(**clues)).confidence

    cfg = BY_ID["hyper-sdxl-8steps-cfg"]
    assert confidence(name="x", sha256=cfg.sha256) == confidence(name="x", addnet=cfg.addnet) == "certain"
    assert confidence(name="Hyper-SDXL-8steps-CFG-lora", size=cfg.bytes) == "likely"
    assert confidence(name="Hyper-SDXL-8steps-CFG-lora") == confidence(name="x", size=628447488) == "weak"
    assert confidence(name="x", size=cfg.bytes) == confidence(name="x") == ""


def test_a_size_that_several_share_says_so():
    said = recognise(CATALOG, Clues("some", 393854592)).sentence
    assert said == (
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
        Clues("x", lora=replace(lora, rank=8), metadata=titled), Clues(named, lora=lora), Clues(named, lora=replace(lora, rank=None)),
        Clues(named, lora=replace(lora, rank=8)), Clues(named),
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


def test_only_promising_files_are_opened_at_once_and_the_rest_later(folder, monkeypatch):
    read, real = [], library.read_header
    monkeypatch.setattr(
        library, "read_header", lambda path: (read.append(str(path.relative_to(folder))), real(path))[1]
    )
    monkeypatch.setattr(library, "hashes_of", lambda path: (UNKNOWN, UNKNOWN))
    shelf = Library(hash_of=hash_of)
    seen_in(folder, shelf)
    assert not {*OTHER} & {*read} and {"saved/speed.safetensors", "saved/Hyper 8steps.safetensors"} <= {*read}
    first = len(read)
    seen_in(folder, shelf)
    assert len(read) == first == len(set(read))
    for _ in range(3):
        shelf.background.finish(pause=0)
        seen_in(folder, shelf)
    assert {*OTHER} <= {*read} and len(read) == len(set(read))


@pytest.fixture
def small(tmp_path):
    """A folder of three small LoRAs, and a shelf with a cache."""
    for name in ("Hyper-SDXL-4steps-lora", "style", "other"):
        style("sdxl")(tmp_path / "loras" / f"{name}.safetensors")
        os.truncate(tmp_path / "loras" / f"{name}.safetensors", 9_000_000_000)
    return tmp_path


def test_what_was_seen_is_kept_between_starts_and_read_again_when_it_changes(small, monkeypatch):
    cache, paths = small / "seen.json", below(small / "loras")
    shelf = Library(cache)
    shelf.examine(paths, CATALOG)
    shelf.background.start()
    shelf.background.thread.join(10)
    assert len(json.loads(cache.read_text())["files"]) == 3 and shelf.background.thread is None and shelf.news == 2
    with monkeypatch.context() as patch:
        patch.setattr(library, "read_header", lambda path: pytest.fail("read twice"))
        again = Library(cache)
        known = again.examine(paths, CATALOG)
        again.background.finish(pause=0)
    assert [k.clues.lora.family for k in known] == ["sdxl"] * 3 and again.is_current(known)
    style("sd15")(small / "loras" / "Hyper-SDXL-4steps-lora.safetensors")
    assert not again.is_current(known)
    assert again.examine(paths, CATALOG)[0].identification.refused


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 0, "files": {}}', '{"version": 2}', '{"version": 2, "files": []}',
     '{"version": 2, "files": {"x": 1}}', '{"version": 2, "files": {"x": {"size": "1", "mtime_ns": 1}}}',
     '{"version": 2, "files": {"x": {"size": 1}}}', '{"version": 2, "files": {"x": {"size": 1, "mtime_ns": 1, "evil": 1}}}',
     '{"version": 2, "files": {"x": {"size": 1, "mtime_ns": 1, "lora": {"family": []}}}}', "[" * 100_000, "\u00e9"],
)  # fmt: skip
def test_a_broken_cache_is_made_again(small, content):
    cache = small / "seen.json"
    cache.write_text(content, encoding="utf-8")
    assert read_cache(cache) == {}
    shelf = Library(cache)
    assert shelf.examine(below(small / "loras"), CATALOG)[0].identification.recipe.id == "hyper-sdxl-4steps"
    shelf.background.finish(pause=0)
    assert len(read_cache(cache)) == 3 and not list(small.glob("*.tmp"))


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda v: (
            st.lists(v) | st.dictionaries(st.sampled_from([*CacheEntry.__dataclass_fields__, "version", "files"]), v)
        ),
    )
)
def test_no_json_in_the_cache_does_harm(tmp_path_factory, content):
    cache = tmp_path_factory.getbasetemp() / "any-cache.json"
    cache.write_text(json.dumps({"version": 2, "files": {"x": content}}))
    assert all(isinstance(seen, CacheEntry) for seen in read_cache(cache).values())


def test_a_cache_that_cannot_be_written_is_no_fault(small):
    shelf = Library(small / "no such folder" / "seen.json")
    shelf.examine(below(small / "loras"), CATALOG)
    shelf.background.finish(pause=0)
    assert len(shelf.entries) == 3


def test_files_that_are_gone_are_forgotten(small):
    shelf = Library(small / "seen.json")
    paths = below(small / "loras")
    known = shelf.examine(paths, CATALOG)
    os.remove(paths[0])
    assert not shelf.is_current(known)
    assert "cannot be read" in shelf.examine(paths, CATALOG)[0].identification.sentence
    shelf.background.finish(pause=0)
    assert len(read_cache(small / "seen.json")) == 2


def test_hashes_are_those_of_the_plainest_way(tmp_path):
    path = tmp_path / "some.safetensors"
    loras.write(path, {"a": [300, 2000]})
    assert hashes_of(str(path)) == loras.hashes(path)
    for content in (b"", b"abc", struct.pack("<Q", 2**63) + b"{}"):
        path.write_bytes(content)
        assert hashes_of(str(path))[0] == loras.hashes(path)[0]


def test_a_file_is_hashed_once_and_the_hosts_hash_is_taken_first(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    asked, hashed = [], []
    monkeypatch.setattr(
        library, "hashes_of", lambda path: (hashed.append(path), (BY_ID["hyper-sdxl-2steps"].sha256, UNKNOWN))[1]
    )
    for answer, expected in (
        (("", ""), "hyper-sdxl-2steps"),
        ((BY_ID["hyper-sdxl-8steps"].sha256, ""), "hyper-sdxl-8steps"),
    ):
        shelf = Library(tmp_path / f"{expected}.json", lambda path, answer=answer: (asked.append(path), answer)[1])
        for _ in range(3):
            shelf.examine([str(path)], CATALOG)
            shelf.background.finish(pause=0)
        assert shelf.examine([str(path)], CATALOG)[0].identification.recipe.id == expected
    assert len(asked) == 2 and len(hashed) == 1
    Library(tmp_path / "hyper-sdxl-2steps.json").examine([str(path)], CATALOG)
    unwilling = Library(may_hash=False)
    unwilling.examine([str(path)], CATALOG)
    assert not unwilling.background.queue and len(hashed) == 1


def test_a_hash_cache_of_the_host_that_fails_is_no_fault(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(library, "hashes_of", lambda path: (BY_ID["hyper-sdxl-2steps"].sha256, UNKNOWN))
    shelf = Library(hash_of=lambda path: 1 / 0)
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe.id == "hyper-sdxl-2steps"


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)

    def change(_):
        os.utime(path, ns=(1, time.time_ns()))
        return BY_ID["hyper-sdxl-8steps"].sha256, UNKNOWN

    monkeypatch.setattr(library, "hashes_of", change)
    shelf = Library()
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe is None and shelf.background.queue


def test_a_file_that_cannot_be_hashed_is_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "eight.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(
        library, "hashes_of", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    shelf = Library()
    shelf.examine([str(path)], CATALOG)
    shelf.background.finish(pause=0)
    assert shelf.examine([str(path)], CATALOG)[0].identification.recipe is None


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "Hyper-SDXL-8steps-lora.safetensors"
    like("hyper-sdxl-8steps")(path)
    monkeypatch.setattr(
        library, "read_header", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    (known,) = Library().examine([str(path)], CATALOG)
    assert known.identification.refused
    assert (
        known.identification.sentence
        == "Hyper-SDXL-8steps-lora.safetensors cannot be read (Permission denied). It is not used."
    )


@pytest.mark.parametrize("path", ["a\0b.safetensors", "x" * 5000 + ".safetensors", "", "\udcff.safetensors"])
def test_a_path_that_cannot_be_is_a_sentence(path):
    (known,) = Library().examine([path], CATALOG)
    assert known.identification.recipe is None and known.identification.sentence.isprintable()


def test_a_pickle_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "Hyper-SDXL-8steps-lora.pt"
    path.write_bytes(b"\x80\x04pickle")
    monkeypatch.setattr(library, "read_header", lambda path: pytest.fail("opened"))
    shelf = Library()
    (known,) = shelf.examine([str(path)], CATALOG, open_all=True)
    shelf.background.finish(pause=0)
    assert (known.identification.recipe.id, known.identification.confidence) == ("hyper-sdxl-8steps", "weak")


def test_folders_are_walked_once_however_they_are_linked(tmp_path):
    style("sd15")(tmp_path / "b" / "x.safetensors")
    style("sd15")(tmp_path / "a.safetensors")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "note.txt").touch()
    assert [os.path.relpath(p, tmp_path) for p in below(tmp_path)] == ["a.safetensors", "b/x.safetensors"]
    assert below(tmp_path / "a.safetensors") == [str(tmp_path / "a.safetensors")]


def test_many_threads_may_ask_at_once(small):
    shelf, paths, answers = Library(small / "seen.json"), below(small / "loras"), []

    def ask():
        for _ in range(20):
            answers.append([k.identification.recipe for k in shelf.examine(paths, CATALOG)])
            shelf.background.start()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    while shelf.background.thread:
        time.sleep(0.01)
    assert len(answers) == 160 and all(a == answers[0] for a in answers) and len(read_cache(small / "seen.json")) == 3
