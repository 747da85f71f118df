"""A WebUI that is booted for the tests: on the CPU, offline, with everything it writes in a folder of its own."""

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXTENSION = "sd-webui-hypersd"


class Refused(Exception):
    """The host answered a request with an error: its status and text."""


class Host:
    """A host folder with the working tree as an extension. ``data`` takes all that the host writes."""

    def __init__(self, webui: Path, data: Path, python: Path | None = None):
        self.webui, self.data = webui.resolve(), data.resolve()
        self.python = python or next(
            (p for p in (webui / "venv" / "bin" / "python", webui / "venv" / "Scripts" / "python.exe") if p.exists()),
            None,
        )
        if self.python is None:
            raise FileNotFoundError(f"{webui} has no venv; name the Python it runs with by --python.")
        self.port = free_port()
        self.process = None

    def prepare(self) -> None:
        """Copy the working tree and the probe in, and make the small models."""
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.splitlines()  # fmt: skip
        for name in tracked:
            if not name.startswith("tests/") and (ROOT / name).is_file():
                target = self.data / "extensions" / EXTENSION / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        shutil.copytree(HERE / "probe", self.data / "extensions" / "hypersd-probe", dirs_exist_ok=True)
        # As after a user's first start.
        subprocess.run([self.python, "-m", "compileall", "-q", self.data / "extensions"], check=True)
        make = [self.python, HERE / "make_models.py", self.webui, self.data, self.data / "hub"]
        with open(self.data / "make_models.log", "w") as log:
            subprocess.run(make, check=True, stdout=log, stderr=log, env=self.environment())

    def environment(self) -> dict[str, str]:
        # No compiled files either: the host folder stays as it was.
        own = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(self.data / "hub"), "PYTHONDONTWRITEBYTECODE": "1"}
        return {**os.environ, **own, "GRADIO_ANALYTICS_ENABLED": "False", "NO_PROXY": "127.0.0.1,localhost"}

    def boot(self, *extra: str, seconds: float = 180) -> None:
        command = [
            self.python, "launch.py", "--skip-prepare-environment", "--skip-torch-cuda-test", "--skip-version-check",
            "--skip-python-version-check", "--no-download-sd-model", "--use-cpu", "all", "--no-half", "--api",
            "--data-dir", self.data, "--ckpt", self.data / "models" / "Stable-diffusion" / "tiny-sd15.safetensors",
            "--port", str(self.port), *extra,
        ]  # fmt: skip
        self.log = open(self.data / "host.log", "w")  # noqa: SIM115 (closed by stop)
        self.process = subprocess.Popen(
            command, cwd=self.webui, env=self.environment(), stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"The host ended while it started:\n{self.log_tail()}")
            # A request that comes before the host has said so would start its server too early and break it.
            if "Startup time:" in self.read_log():
                try:
                    self.get("/hypersd-probe/host")
                    return
                except (OSError, Refused):
                    pass
            time.sleep(0.3)
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

    def answer(self, request):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=300) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode(errors='replace')[:2000]}") from None

    def txt2img(self, panel=None, **payload) -> "Result":
        return self.generate("txt2img", panel, payload)

    def img2img(self, panel=None, **payload) -> "Result":
        return self.generate("img2img", panel, payload)

    def generate(self, route: str, panel, payload: dict) -> "Result":
        """One request of a 64×64 image; ``panel`` are Hyper-SD's arguments: a dict, a list, or None for none."""
        self.get("/hypersd-probe/calls")
        payload = {"prompt": "a cat", "seed": 1, "width": 64, "height": 64, **payload}
        if panel is not None:
            payload.setdefault("alwayson_scripts", {})["Hyper-SD"] = {
                "args": panel if isinstance(panel, list) else [panel]
            }
        answer = self.post(f"/sdapi/v1/{route}", payload)
        return Result(answer, self.get("/hypersd-probe/calls"))


class Result:
    """What came back: pictures, infotexts, and the evaluations of the network that made them."""

    def __init__(self, answer: dict, calls: list[dict]):
        self.info = json.loads(answer["info"])
        self.images = [Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB") for image in answer["images"]]
        self.encoded = answer["images"]
        self.infotext = self.info["infotexts"][0]
        self.extra = self.info["extra_generation_params"]
        self.rows = [call["rows"] for call in calls]
        self.timesteps = [call["timestep"] for call in calls]

    @property
    def pixels(self) -> list[bytes]:
        return [image.tobytes() for image in self.images]


def rounded_alike(one: "Result", other: "Result") -> bool:
    """Whether all pictures are the same but for rounding: off by 1 of 255 at most, in less than 1 value of 1,000.

    A network gives its rows other last bits in a batch of another size (the matrix kernels sum in another order), and
    the host cuts the fraction off, so a value now and then falls to the other side of a whole number.
    """
    pairs = zip(one.pixels, other.pixels, strict=True)
    off = [abs(a - b) for first, second in pairs for a, b in zip(first, second, strict=True)]
    return max(off) <= 1 and sum(off) < len(off) / 1000


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
