"""Runs the examples of a document as a reader would, against a WebUI that answers.

A fence's language says what becomes of it: ``json NAME`` is saved under that name, ``sh`` holds commands of curl (sent
by requests: not every machine has curl), ``python`` runs in a process of its own, and ``json answer`` must be part of
what came back last. Anything else is an example that nobody has tried, and an error.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import requests

FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
ADDRESS = "http://127.0.0.1:7860"

CURL = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
CURL.add_argument("-H", dest="headers", action="append", default=[])
CURL.add_argument("-X", dest="method")
CURL.add_argument("-d", dest="data")
CURL.add_argument("-o", dest="file")
CURL.add_argument("address")


def run(document: Path, address: str, folder: Path, edit=lambda text: text) -> list[str]:
    """Run all examples in order and return their kinds; ``edit`` may change an example before.

    Args:
        address: of the WebUI, in place of the usual one.
        folder: where the reader saves files; the working folder of what runs.
    """
    answer, kinds = None, []
    for kind, text in FENCE.findall(document.read_text(encoding="utf-8")):
        text = edit(text).replace(ADDRESS, address)
        if kind == "sh":
            for line in text.splitlines():
                answer = curl(line, folder)
        elif kind == "python":
            subprocess.run([sys.executable, "-c", text], cwd=folder, check=True, timeout=600)
        elif kind == "json answer":
            wanted = json.loads(text)
            assert {key: answer[key] for key in wanted} == wanted
        elif re.fullmatch(r"json [\w.]+", kind):
            (folder / kind.split()[1]).write_text(text, encoding="utf-8")
        else:
            raise ValueError(f"{document.name} has an example of a kind that is not run: {kind!r}")
        kinds.append(kind)
    return kinds


def curl(line: str, folder: Path):
    """What comes back for a command; an error's status fails."""
    program, *arguments = shlex.split(line)
    assert program == "curl", line
    options = CURL.parse_args(arguments)
    data = options.data
    if data is not None and data.startswith("@"):
        data = (folder / data[1:]).read_bytes()
    headers = dict(header.split(": ", 1) for header in options.headers)
    method = options.method or ("GET" if data is None else "POST")
    reply = requests.request(method, options.address, data=data, headers=headers, timeout=600)
    assert reply.ok, f"{line}: {reply.status_code} {reply.text[:1000]}"
    if options.file:
        (folder / options.file).write_bytes(reply.content)
    return reply.json()
