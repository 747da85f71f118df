"""Coverage-guided fuzzing of everything that reads a file's header; not part of the tests, and not run by CI.

    pip install atheris
    python tools/fuzz_header.py --seconds 600      random files, guided by coverage
    python tools/fuzz_header.py --worst            the most expensive headers that are read

Whatever the bytes are, reading them must end in a header or in a sentence that begins with the file's name, and what is
told of the file must be a sentence without anything that does not print. Anything else is a crash, and ends the run.
"""

import argparse
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
TENSOR = '"dtype":"F16","shape":[%s],"data_offsets":[0,0]'
SEEDS = (
    b"{}",
    json.dumps({"__metadata__": {"ss_output_name": "Hyper-SDXL-8steps-lora"}}).encode(),
    ('{"lora_unet_x_attn2_to_k.lora_down.weight":{%s}}' % (TENSOR % "4,2048")).encode(),
    ('{"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight":{%s}}' % (TENSOR % "4,3072")).encode(),
    ('{"double_blocks.0.img_attn.qkv.weight":{%s},"guidance_in.x":{%s}}' % (TENSOR % "9,3", TENSOR % "")).encode(),  # noqa: UP031
    b'{"a":{"dtype":"F16","shape":[NaN],"data_offsets":[0,1e9]},"a":{}}',
)
# What libFuzzer puts together.
WORDS = (
    '"dtype":"F16"', '"shape":[4,768]', '"data_offsets":[0,0]', '"__metadata__":{', '"ss_output_name":', "attn2_to_k",
    "lora_unet_", ".lora_down.weight", "transformer.", ".lora_A.weight", "double_blocks.", "joint_blocks.", "NaN", "{",
    "single_blocks.", "distilled_guidance_layer", "lora_te2_", "transformer_blocks.9.", "-1", "null", "Hyper-SDXL", "}",
    ".hada_w1_b", "1e999", "\\ud800", "[", ",", ":",
)  # fmt: skip
# The most expensive headers within the bounds on bytes and on parts (brackets, braces, commas), and beyond them.
WORST = {
    "an object per tensor, as real files have": lambda n, parts: b"{" + b",".join(
        b'"%08d":{"dtype":"F16","shape":[1],"data_offsets":[0,0]}' % i for i in range(parts // 8)) + b"}",
    "short keys": lambda n, parts: b"{" + b",".join(b'"%x":1' % i for i in range(parts)) + b"}",
    "empty objects": lambda n, parts: b'{"a":[' + b"{}," * (parts // 2 - 2) + b"{}]}",
    "small numbers": lambda n, parts: b'{"a":[' + b"1," * (parts - 3) + b"1]}",
    "more parts than are read": lambda n, parts: b'{"a":[' + b"{}," * (n // 3 - 4) + b"{}]}",
    "one long text": lambda n, parts: b'{"__metadata__":{"a":"' + b"x" * (n - 30) + b'"}}',
    "one long text of escapes": lambda n, parts: b'{"__metadata__":{"a":"' + b"\\u20ac" * (n // 6 - 6) + b'"}}',
    "deep": lambda n, parts: b'{"a":' + b"[" * (parts - 9),
    "a number of ten million digits": lambda n, parts: b'{"a":' + b"9" * (n - 7) + b"}",
    "blanks": lambda n, parts: b" " * (n - 2) + b"{}",
    "100 MB in one text": lambda n, parts: b'{"__metadata__":{"a":"' + b"x" * (10 * n - 30) + b'"}}',
    "100 MB of quotes in one text": lambda n, parts: b'{"__metadata__":{"a":"' + b'\\"' * (5 * n - 15) + b'"}}',
    "100 MB of commas in texts": lambda n, parts: b'{"__metadata__":{' + b",".join(
        b'"%d":"%b"' % (i, b"," * 1_000_000) for i in range(99)) + b"}}",
    "100 MB in texts that are kept": lambda n, parts: b'{"__metadata__":{' + b",".join(
        b'"%d":"%b"' % (i, b"," * 9_000) for i in range(11_000)) + b"}}",
    "10 MB of texts that are kept, beyond Latin": lambda n, parts: '{"__metadata__":{"💥":"'.encode() + b"," * n + b'",'
        + b",".join(b'"%d":"%b"' % (i, b"," * 9_000) for i in range(1_100)) + b"}}",
    "100 MB of empty texts": lambda n, parts: b'{"a":[' + b'"",' * (33 * n // 10) + b"1]}",
    "100 MB of quotes": lambda n, parts: b'"' * (10 * n),
    "100 MB of backslashes": lambda n, parts: b"\\" * (10 * n),
    "more bytes than are read": lambda n, parts: b" " * 10 * n + b"{}",
}  # fmt: skip


def load():
    from lib_hypersd.files import header, identify, library, lora
    from lib_hypersd.recipes import catalog

    return catalog.published(), header, identify, library, lora


def check(path, modules):
    """Read one file in every way that the extension reads it."""
    catalog, header, identify, library, _ = modules
    entry = library.add_header(library.CacheEntry(path.stat().st_size, 0), str(path))
    clues = identify.Clues(path.stem, entry.size, "", "", entry.lora, entry.metadata, entry.problem, entry.checkpoint)
    sentence = identify.recognise(catalog, clues).sentence
    assert sentence.isprintable() and sentence.endswith("."), sentence
    assert entry.problem is None or entry.problem.startswith(path.name), entry.problem
    header.cached_checkpoint.__wrapped__(path, (0, 0))
    text = path.read_bytes()[8:]
    in_blocks = header.without_long_texts(text[i : i + 7] for i in range(0, len(text), 7))
    assert in_blocks == text or text.endswith(b"\\"), "short texts stay as they are, however they are cut"
    library.hashes_of(str(path))


def fuzz(seconds):
    import atheris

    with atheris.instrument_imports(include=["lib_hypersd"]):
        modules = load()
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    corpus = folder / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(SEEDS):
        (corpus / str(i)).write_bytes(b"\1" + seed)
    dictionary = folder / "words"
    dictionary.write_text("".join('"%s"\n' % word.replace("\\", r"\\").replace('"', r"\"") for word in WORDS))  # noqa: UP031
    path = folder / "Hyper-SDXL-8steps-lora.safetensors"
    tried, slowest, report = 0, 0.0, folder / "report"

    def one(data):
        nonlocal tried, slowest
        # An odd first byte: the rest is a header whose length is right, so that what lies behind that is reached.
        path.write_bytes(struct.pack("<Q", len(data) - 1) + data[1:] if data[:1] and data[0] & 1 else data[1:])
        start = time.process_time()
        check(path, modules)
        slowest, tried = max(slowest, time.process_time() - start), tried + 1
        if tried % 1000 == 0:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            report.write_text(f"{tried} inputs, the slowest {slowest * 1000:.1f} ms of CPU, {most:.0f} MB at most\n")

    settings = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-len_control=0",
        "-print_final_stats=1",
        f"-dict={dictionary}",
    ]
    atheris.Setup([sys.argv[0], *settings, str(corpus)], one)
    print(f"figures in {report}", flush=True)
    atheris.Fuzz()


def worst():
    """Time and memory of each kind of costly header, in a process of its own."""
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; from tools import fuzz_header; fuzz_header.cost(*sys.argv[1:])"
    modules = load()
    for name, make in WORST.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "Hyper-SDXL-8steps-lora.safetensors"
            text = make(modules[1].MOST_BYTES, modules[1].MOST_PARTS - 10)
            path.write_bytes(struct.pack("<Q", len(text)) + text)
            subprocess.run([sys.executable, "-c", code, name, path], check=True, cwd=ROOT)


def cost(name, path):
    modules = load()
    before = peak()
    start = time.process_time()
    entry = modules[3].add_header(modules[3].CacheEntry(os.stat(path).st_size, 0), path)
    spent = time.process_time() - start
    print(f"{name:<45} {spent:6.2f} s of CPU   {peak() - before:6.0f} MB   {entry.problem or 'read'}", flush=True)


def peak():
    """The most memory in MB that this process has had; getrusage begins with that of the process that started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--worst", action="store_true")
    options = parser.parse_args()
    worst() if options.worst else fuzz(options.seconds)
