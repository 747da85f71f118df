"""A folder of 5,000 LoRAs: the first answer, the next ones, and what is read for them."""

import functools
import os
import tempfile
import time
from pathlib import Path

from bench.timing import seconds_in_turn
from lib_hypersd.files import library
from lib_hypersd.files.library import Library
from lib_hypersd.files.scan import below
from lib_hypersd.recipes.catalog import HYPER_SD, published
from tests import loras

FILES = 5000
GROWTH = (100, 500, 1000, 2500, 5000)


def measure():
    catalog = published()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fill(root, catalog)
        yield from answers(root, catalog)


def growth():
    """Milliseconds of the first answer and of the next ones, over the number of files."""
    catalog = published()
    lines = {"first answer": [], "again": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fill(root, catalog)
        for count in GROWTH:
            paths = below(root)[:count]
            shelf = Library()
            shelf.examine(paths, catalog)
            first = functools.partial(lambda paths: Library().examine(paths, catalog), paths)
            again = functools.partial(shelf.examine, paths, catalog)
            for name, spent in zip(lines, seconds_in_turn(first, again, rounds=5), strict=True):
                lines[name].append((count, spent * 1000))
    yield "library", "LoRA files", "ms", lines


def fill(root, catalog):
    """All of Hyper-SD's LoRAs with their own headers and sizes, and styles for SDXL with headers of 350 KB each.

    Styles are names of a few dozen files; the rest are holes.
    """
    few_step = [r for r in catalog.recipes if r.is_lora and r.file and r.maker == HYPER_SD]
    for recipe in few_step:
        shapes, metadata = loras.published(recipe.family)
        loras.write(root / "few" / recipe.file, shapes, metadata=metadata, size=recipe.bytes)
    shapes = loras.layers(loras.sdxl_unet(), "kohya", 16)
    for i in range(FILES - len(few_step)):
        path = root / f"styles {i % 40}" / f"some style {i} v1.0.safetensors"
        if i < 40:
            loras.write(path, shapes, loras.F16)
        else:
            os.link(root / f"styles {i % 40}" / f"some style {i % 40} v1.0.safetensors", path)


def answers(root, catalog):
    opened, read = [], library.read_header
    library.read_header = lambda path: (opened.append(path.stat().st_size), read(path))[1]
    library.hashes_of = lambda path: ("0" * 64, "0" * 64)  # 9 GB of them would measure the disk

    (walking,) = seconds_in_turn(lambda: below(root), rounds=5)
    paths = below(root)

    def first():
        return Library().examine(paths, catalog)

    (spent,) = seconds_in_turn(first, rounds=5)
    opened.clear()
    first()
    yield f"first answer for {FILES} files ({len(opened)} opened), in seconds", f"{spent:.3f}", "at most 1.0"
    yield "  and to walk the folder, which a WebUI has done itself", f"{walking:.3f}", ""

    shelf = Library(root / "files.json")
    shelf.examine(paths, catalog)
    (again,) = seconds_in_turn(lambda: shelf.examine(paths, catalog), rounds=30)
    yield "again, every file looked at on the disk, in ms", f"{again * 1000:.1f}", "at most 30"
    few_step = [file for file in shelf.examine(paths, catalog) if file.identification.recipe]
    (current,) = seconds_in_turn(lambda: shelf.is_current(few_step), rounds=30)
    yield "again, only what the last answer was made of, in ms", f"{current * 1000:.2f}", "at most 1"

    opened.clear()
    start = time.perf_counter()
    shelf.background.finish()
    spent = time.perf_counter() - start
    yield f"all the others read in the background ({len(opened)} files), in seconds", f"{spent:.1f}", ""
    shelf.examine(paths, catalog)
    (again,) = seconds_in_turn(lambda: shelf.examine(paths, catalog), rounds=30)
    yield "again, when all are read, in ms", f"{again * 1000:.1f}", "at most 30"
    yield "the cache, in KB", f"{(root / 'files.json').stat().st_size / 1000:.0f}", ""

    opened.clear()
    (spent,) = seconds_in_turn(lambda: Library(root / "files.json").examine(paths, catalog), rounds=5)
    yield f"first answer after the next start ({len(opened)} opened), in seconds", f"{spent:.3f}", "at most 1.0"
    library.read_header = read
