"""A program that is booted for the tests and answers over HTTP: what the hosts of the live suites have in common."""

import contextlib
import json
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTENSION = "sd-webui-hypersd"


class Refused(Exception):
    """The host answered a request with an error: its status and text."""


class Process(ABC):
    """The program, on a port of its own; ``data`` is the folder that takes all that it writes."""

    def __init__(self, data: Path):
        self.data, self.port, self.process = data.resolve(), free_port(), None

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes requests."""

    def launch(self, command: Sequence, folder: Path, environment: Mapping[str, str], seconds: float) -> None:
        """Start it in that folder, and wait until it takes requests."""
        self.log = open(self.data / "host.log", "w")  # noqa: SIM115 (closed by stop)
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"The host ended while it started:\n{self.log_tail()}")
            if self.is_ready():
                return
            time.sleep(0.3)
        self.stop()
        raise TimeoutError(f"The host did not answer within {seconds} s:\n{self.log_tail()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
            self.process = None

    def read_log(self) -> str:
        """What the host has printed since it was last booted."""
        return (self.data / "host.log").read_text(errors="replace")

    def log_tail(self) -> str:
        return "\n".join(self.read_log().splitlines()[-40:])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str):
        return self.answer(urllib.request.Request(self.url + path))

    def post(self, path: str, payload: dict):
        body = json.dumps(payload).encode()
        return self.answer(urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}))

    def answer(self, request: urllib.request.Request):
        return json.loads(self.fetch(request))

    def fetch(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=1800) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode(errors='replace')[:2000]}") from None


def copy_extension(folder: Path) -> None:
    """Copy the working tree, without its tests, as users get it."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        if not name.startswith("tests/") and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def free_port() -> int:
    """A port below those that systems give to outgoing connections: a host that restarts must find its own again."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
