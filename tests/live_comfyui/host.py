"""A ComfyUI that is booted for the tests: on the CPU, offline, with everything it writes in a folder of its own."""

import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from dev import cache
from tests.live import make_models
from tests.live.process import EXTENSION, Process, copy_extension

HERE = Path(__file__).parent
# Why a kind of checkpoint of the WebUIs' suite is not run here.
ELSEWHERE = (
    "the plan is the same code, which the WebUIs' suite asks; of the model only layers and prediction are read here"
)
LACKS = {
    "flux with its text encoders": "ComfyUI makes T5 in its true size whatever the file has (9 GB): random prompts",
    **dict.fromkeys(("sdxl-pruned", "sdxl-ssd1b", "sd35-large", "flux-canny", "flux-fill"), ELSEWHERE),
    "flux-fp8": "not tried; the names and shapes that the node goes by are those of flux",
    **dict.fromkeys(("flux-nf4", "flux-gguf"), "another pack loads it, and none was at hand"),
}


class Stopped(Exception):
    """The queue stopped at a node: what that node said."""


@dataclass(frozen=True)
class Done:
    """What the output nodes of a graph showed, by node, and every message of its way through the queue."""

    outputs: dict[str, dict]
    messages: list


class ComfyUI(Process):
    """A host folder, the working tree as a pack of it, and ``data``, which takes all that the host writes."""

    def __init__(self, folder: Path, data: Path, python: Path | None = None, models: Path | None = None):
        super().__init__(data)
        self.folder = folder.resolve()
        self.models = (models or cache() / "models").resolve()
        self.python = python or folder / "venv" / "bin" / "python"

    @property
    def pack(self) -> Path:
        return self.data / "custom_nodes" / EXTENSION

    def prepare(self, *checkpoints: str) -> None:
        """Copy the working tree and the probe in, and make the models."""
        copy_extension(self.pack)
        shutil.copytree(HERE / "probe", self.data / "custom_nodes" / "hypersd-probe", dirs_exist_ok=True)
        for folder in ("input", "output", "user", "models/loras"):
            (self.data / folder).mkdir(parents=True, exist_ok=True)
        for name in checkpoints:
            self.link(f"Stable-diffusion/{name}.safetensors", f"checkpoints/{name}.safetensors")

    def link(self, model: str, name: str) -> None:
        """Have one of our models, made where absent, under this name in the host's folder of models."""
        if not (self.models / model).exists():
            make_models.write(self.models / model, make_models.FILES[model], make_models.dtype_of(model))
        make_models.link(self.models / model, self.data / "models" / name)

    def write_image(self, name: str) -> None:
        Image.effect_noise((64, 64), 80).convert("RGB").save(self.data / "input" / name)

    def write_loras(self, family: str, checkpoint: str, folder: str = "") -> None:
        """Hyper-SD's LoRAs of a family, for that checkpoint, in a folder of the LoRAs."""
        make_models.write_loras(self.data / "models" / "loras" / folder, family, checkpoint)

    def write_lora(self, name: str, checkpoint: str) -> None:
        """A LoRA of this name for that checkpoint."""
        path = self.data / "models" / "loras" / f"{name}.safetensors"
        make_models.write(path, make_models.lora(checkpoint), torch.float16, make_models.lora_values)

    def free(self) -> None:
        """Have it put its models out of memory."""
        self.post("/free", {"unload_models": True, "free_memory": True})

    def boot(self, *extra: str, seconds: float = 600) -> None:
        command = [
            self.python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch",
            "--disable-api-nodes", "--base-directory", self.data, "--database-url", "sqlite:///:memory:", *extra,
        ]  # fmt: skip
        own = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive"}
        self.launch(command, self.folder, {**os.environ, **own}, seconds)

    def is_ready(self) -> bool:
        try:
            self.get("/system_stats")
        except OSError:
            return False
        return True

    def answer(self, request):
        text = self.fetch(request)
        return json.loads(text) if text else None  # to an interrupt it answers nothing

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
