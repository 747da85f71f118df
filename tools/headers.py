"""The safetensors package's reader beside ours: what both cost, and what they make of broken files.

    PYTHON -m tools.headers        with the Python of a WebUI, whose package is then the one that is measured

Prints the tables of ``docs/reliability.md``.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import islice, product
from pathlib import Path

import safetensors

from lib_hypersd.files.header import read_header
from tests import loras
from tests.files.headers import BROKEN, TOO_MUCH, tensors, write

FILES, DIFFERENT = 5000, 20
EVERY = 50  # of which file shapes are read too, as theirs takes minutes for that
PATIENCE_S = 20
TENSOR = b'"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}'
ONE = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}


def with_bytes(content, count):
    return lambda path: write(path, content).open("ab").write(bytes(count))


def one(dtype, count):
    return with_bytes({"a": ONE | {"dtype": dtype, "data_offsets": [0, count]}}, count)


def cut_short(path):
    loras.write(path, loras.published("sdxl")[0])
    os.truncate(path, 5_000_000)


TAGS = {"__metadata__": {"ss_tag_frequency": "a tag, " * 1_600_000}}
FILES_TO_READ = {
    "weights in F8_E4M3": one("F8_E4M3", 2),
    "weights in F8_E8M0": one("F8_E8M0", 2),
    "weights in F4": one("F4", 1),
    "weights of a type of tomorrow": one("F3", 1),
    "11 MB of tags that a trainer counted": with_bytes(TAGS | {"a": ONE}, 4),
    "bytes behind the last tensor": with_bytes({"a": ONE}, 5),
    "a hole between two tensors": with_bytes({"a": ONE, "b": ONE | {"data_offsets": [8, 12]}}, 12),
}
FILES_TO_REFUSE = {
    **{name: partial(write, content=text, length=length) for name, (text, length) in BROKEN.items()},
    **{name: partial(write, content=text) for name, text in TOO_MUCH.items()},
    "14 MB of tensors without a value": lambda path: write(path, tensors({str(i): [0] for i in range(220_000)})),
    "a key that comes twice": with_bytes(b"{%s,%s}" % (TENSOR, TENSOR), 4),
    "a shape of NaN": with_bytes(b"{%s}" % TENSOR.replace(b"[2]", b"[NaN]"), 4),
    "cut short": cut_short,
    "too short": lambda path: path.write_bytes(b"abc"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}  # fmt: skip


def ours(path):
    header = read_header(path)
    return {key: (tensor["dtype"], tensor["shape"]) for key, tensor in header.tensors.items()}, header.metadata


def theirs(path):
    with safetensors.safe_open(path, framework="np") as file:  # "pt" would import torch
        slices = ((key, file.get_slice(key)) for key in file.keys())  # noqa: SIM118 (it is no dict)
        return {key: (part.get_dtype(), part.get_shape()) for key, part in slices}, file.metadata() or {}


def theirs_without_shapes(path):
    with safetensors.safe_open(path, framework="np") as file:
        return file.keys(), file.metadata()


READERS = {"ours": ours, "theirs": theirs}


def different_loras():
    """Headers as LoRAs have them: of each family, in each naming, of several ranks."""
    kinds = product((4, 16, 64), loras.NETWORKS.items(), ("kohya", "peft unet", "old diffusers", "comfyui"))
    return (loras.layers(network(), naming, rank) for rank, (_, network), naming in kinds)


def cost(folder):
    """Time for all headers of a folder, once they have been read."""
    for i, shapes in enumerate(islice(different_loras(), DIFFERENT)):
        loras.write(folder / f"{i}.safetensors", shapes, loras.F16)
    originals = list(folder.iterdir())
    for i in range(FILES - DIFFERENT):
        original = originals[i % DIFFERENT]
        with original.open("rb") as file:
            start = file.read(8)
            header = file.read(struct.unpack("<Q", start)[0])
        copy = folder / f"copy {i}.safetensors"
        copy.write_bytes(start + header)
        os.truncate(copy, original.stat().st_size)
    assert all(ours(path) == theirs(path) for path in originals)
    files = sorted(folder.iterdir())
    print("names and metadata alone:", ratio(files, ours, theirs_without_shapes), flush=True)
    print("and shapes:", ratio(files[::EVERY], ours, theirs), flush=True)


def ratio(files, own, other):
    """Of CPU time, file by file in turn, so that what else the machine does reaches both alike."""
    spent = {own: 0.0, other: 0.0}
    for path in files:
        own(path)  # from now on it is in the system's memory
        for reader in spent:
            start = time.process_time()
            reader(path)
            spent[reader] += time.process_time() - start
    times = spent[other] / spent[own]
    return f"{len(files)} LoRAs, ours {spent[own]:.1f} s, theirs {spent[other]:.1f} s, {times:.1f} times as long"


def outcome(reader, path):
    """What a reader makes of a file, and by how much the peak of memory grows, in a process of its own."""
    command = [sys.executable, "-m", "tools.headers", reader, path]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S).stdout.strip() or "crashed"
    except subprocess.TimeoutExpired:
        return f"nothing in {PATIENCE_S} s"


def read_alone(reader, path):
    import numpy  # noqa: F401 (theirs would import it, and it would count)

    before = peak()
    try:
        result = f"read, {len(READERS[reader](path)[0])} tensors"
    except Exception as error:
        result = f"{type(error).__name__}: {str(error).replace(str(path.parent), '')[:90]}"
    print(f"{result} ({peak() - before:.0f} MB)")


def peak():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main():
    print(f"safetensors {safetensors.__version__}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        cost(Path(folder))
    print("\n| File | ours | theirs |\n|---|---|---|")
    for name, make in (FILES_TO_READ | FILES_TO_REFUSE).items():
        folder = Path(tempfile.mkdtemp())
        make(folder / "some.safetensors")
        results = (outcome(reader, folder / "some.safetensors") for reader in READERS)
        print("|", " | ".join((name, *results)), "|", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    read_alone(sys.argv[1], Path(sys.argv[2])) if sys.argv[1:] else main()
