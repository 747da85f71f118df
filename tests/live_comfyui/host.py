"""A ComfyUI that is booted for the tests: on the CPU, offline, with everything it writes in a folder of its own."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from dev import cache
from tests.live import make_models
from tests.live.host import EXTENSION, ROOT, Refused, free_port

HERE = Path(__file__).parent


class Stopped(Exception):
    """The queue stopped at a node: what that node said."""


@dataclass(frozen=True)
class Done:
    """What the output nodes of a graph showed, by node, and every message of its way through the queue."""

    outputs: dict[str, dict]
    messages: list


class ComfyUI:
    """A host folder, the working tree as a pack of it, and ``base``, which takes all that the host writes."""

    def __init__(self, folder: Path, base: Path, python: Path | None = None, models: Path | None = None):
        self.folder, self.base = folder.resolve(), base.resolve()
        self.models = (models or cache() / "models").resolve()
        self.python = python or folder / "venv" / "bin" / "python"
        self.port, self.process = free_port(), None

    @property
    def pack(self) -> Path:
        return self.base / "custom_nodes" / EXTENSION

    def prepare(self, *checkpoints: str) -> None:
        """Copy the working tree and the probe in, and make the models."""
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.splitlines()  # fmt: skip
        for name in tracked:
            if not name.startswith("tests/") and (ROOT / name).is_file():
                target = self.pack / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        shutil.copytree(HERE / "probe", self.base / "custom_nodes" / "hypersd-probe", dirs_exist_ok=True)
        for folder in ("input", "output", "user", "models/loras"):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        for name in checkpoints:
            self.link(f"Stable-diffusion/{name}.safetensors", f"checkpoints/{name}.safetensors")

    def link(self, model: str, name: str) -> None:
        """Have one of our models, made where absent, under this name in the host's folder of models."""
        if not (self.models / model).exists():
            make_models.write(self.models / model, make_models.FILES[model], make_models.dtype_of(model))
        make_models.link(self.models / model, self.base / "models" / name)

    def write_image(self, name: str) -> None:
        Image.effect_noise((64, 64), 80).convert("RGB").save(self.base / "input" / name)

    def write_loras(self, family: str, checkpoint: str) -> None:
        make_models.write_loras(self.base / "models" / "loras", family, checkpoint)

    def write_lora(self, name: str, checkpoint: str) -> None:
        """A LoRA of this name for that checkpoint."""
        path = self.base / "models" / "loras" / f"{name}.safetensors"
        make_models.write(path, make_models.lora(checkpoint), torch.float16, make_models.lora_values)

    def boot(self, *extra: str, seconds: float = 240) -> None:
        command = [
            self.python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch",
            "--disable-api-nodes", "--base-directory", self.base, "--database-url", "sqlite:///:memory:", *extra,
        ]  # fmt: skip
        own = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive"}
        self.log = open(self.base / "host.log", "w")  # noqa: SIM115 (closed by stop)
        self.process = subprocess.Popen(
            command, cwd=self.folder, env={**os.environ, **own}, stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ComfyUI ended while it started:\n{self.log_tail()}")
            with contextlib.suppress(OSError):
                self.get("/system_stats")
                return
            time.sleep(0.3)
        self.stop()
        raise TimeoutError(f"ComfyUI did not answer within {seconds} s:\n{self.log_tail()}")

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
        return (self.base / "host.log").read_text(errors="replace")

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

    def answer(self, request):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=300) as response:
                text = response.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode(errors='replace')[:2000]}") from None

    def queue(self, graph: dict) -> str:
        """Put a graph, in API form, into the queue; its id there."""
        return self.post("/prompt", {"prompt": graph, "client_id": uuid.uuid4().hex})["prompt_id"]

    def run(self, graph: dict, seconds: float = 300) -> Done:
        """Run a graph to its end.

        Raises:
            Refused: the host does not take it. Stopped: a node of it has raised.
        """
        return self.wait(self.queue(graph), seconds)

    def wait(self, queued: str, seconds: float = 300) -> Done:
        deadline = time.monotonic() + seconds
        while not (history := self.get(f"/history/{queued}")):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"The graph did not end within {seconds} s:\n{self.log_tail()}")
            time.sleep(0.05)
        entry = history[queued]
        messages = entry["status"]["messages"]
        for kind, message in messages:
            if kind in ("execution_error", "execution_interrupted"):
                raise Stopped(message.get("exception_message", kind).strip())
        return Done(entry["outputs"], messages)
