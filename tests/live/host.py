"""A WebUI that is booted for the tests: on the CPU, offline, with everything it writes in a folder of its own."""

import base64
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from PIL import Image

from dev import cache
from tests.live import make_models
from tests.live.kinds import CLASSIC, FORGE, NEO, kind_of
from tests.live.process import EXTENSION, Process, Refused, copy_extension

HERE = Path(__file__).parent


class Host(Process):
    """A host folder with the working tree as an extension. ``data`` takes all that the host writes.

    ``models`` keeps the checkpoints, which are made on first use; they take 0.5 GB for A1111 and 16 GB for Forge.
    """

    def __init__(self, webui: Path, data: Path, python: Path | None = None, models: Path | None = None):
        super().__init__(data)
        self.webui = webui.resolve()
        self.models = (models or cache() / "models").resolve()
        self.kind = kind_of(self.webui)
        self.python = python or next(
            (p for p in (webui / "venv" / "bin" / "python", webui / "venv" / "Scripts" / "python.exe") if p.exists()),
            None,
        )
        if self.python is None:
            raise FileNotFoundError(f"{webui} has no venv; name the Python it runs with by --python.")

    @property
    def families(self) -> dict[str, dict]:
        """What this host serves, and the ``override_settings`` of a request for each."""
        return self.kind.families

    @property
    def has_schedules(self) -> bool:
        """Whether a request may choose a schedule beside its sampler."""
        return (self.webui / "modules" / "sd_schedulers.py").exists()

    @property
    def has_bitsandbytes(self) -> bool:
        find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('bitsandbytes') is None)"
        return subprocess.run([self.python, "-c", find]).returncode == 0

    @property
    def first_checkpoint(self) -> str:
        """The checkpoint with which the host starts."""
        return self.families["sd15"]["sd_model_checkpoint"]

    @property
    def refiner(self) -> str:
        """A second checkpoint of the first one's family."""
        return self.families["sd15-merged"]["sd_model_checkpoint"]

    @property
    def first_guided(self) -> int:
        """The first step with a negative half: Forge Classic has none in step 0 (0 ≤ 0 in its test for skipping it)."""
        return 1 if self.kind is CLASSIC else 0

    @property
    def upscalers(self) -> tuple[str, ...]:
        return self.kind.upscalers

    @property
    def hires(self) -> dict:
        """What this host's API wants of every request with a second pass."""
        return {"hr_additional_modules": ["Use same choices"]} if self.kind in (FORGE, NEO) else {}

    def prepare(self) -> None:
        """Copy the working tree and the probe in, and make the models."""
        copy_extension(self.data / "extensions" / EXTENSION)
        probe = self.data / "extensions" / "hypersd-probe"
        shutil.copytree(HERE / "probe", probe, dirs_exist_ok=True)
        shutil.copy2(HERE.parent / "contract" / "facts.py", probe / "hypersd_facts.py")
        # As after a user's first start.
        subprocess.run([self.python, "-m", "compileall", "-q", self.data / "extensions"], check=True)
        (self.data / "tmp").mkdir(exist_ok=True)
        (self.data / "config.json").write_text(json.dumps(self.kind.options))
        make_models.prepare(self.webui, self.models, self.data, self.data / "hf" / "hub", self.families)

    def environment(self) -> dict[str, str]:
        own = {"HF_HOME": self.data / "hf", "HF_HUB_CACHE": self.data / "hf" / "hub", "TMPDIR": self.data / "tmp"}
        own = {name: str(path) for name, path in own.items()}
        # No compiled files either: the host folder stays as it was.
        own |= {"OMP_WAIT_POLICY": "passive"}  # threads that wait do not keep a core that another host could use
        # huggingface_hub takes this for HF_HUB_OFFLINE, which would keep our own downloads from the tests' server.
        own |= {"TRANSFORMERS_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**os.environ, **own, "GRADIO_ANALYTICS_ENABLED": "False", "NO_PROXY": "127.0.0.1,localhost"}

    def boot(self, *extra: str, seconds: float = 600) -> None:
        command = [
            self.python, "launch.py", "--skip-prepare-environment", "--skip-torch-cuda-test", "--skip-version-check",
            "--skip-python-version-check", "--api", *self.kind.arguments,
            "--data-dir", self.data, "--port", str(self.port), *extra,
            # With their data elsewhere, Forge and Neo do not serve the scripts of their own page.
            *(("--gradio-allowed-path", self.webui) if self.kind in (FORGE, NEO) else ()),
        ]  # fmt: skip
        self.launch(command, self.webui, self.environment(), seconds)

    def is_ready(self) -> bool:
        # A request that comes before the host has said so would start its server too early and break it.
        return "Startup time:" in self.read_log() and self.answers()

    def answers(self) -> bool:
        """Whether the host takes requests: Forge has its routes before it has built what its scripts take."""
        try:
            self.get("/hypersd-probe/host")
            scripts = self.get("/sdapi/v1/script-info")
            return any(script["name"] == "x/y/z plot" and script["is_img2img"] for script in scripts)
        except Refused as refused:
            return str(refused).startswith("401")  # it asks for its password
        except OSError:
            return False

    def download(self, recipe: str, mirror: str) -> dict:
        """What the extension says of a download of this recipe's file from this mirror, when it has ended."""
        self.post("/sdapi/v1/options", {"hypersd_mirror": mirror})
        try:
            self.post("/hypersd/v1/download", {"id": recipe})
            deadline = time.monotonic() + 120
            while (download := self.get("/hypersd/v1/downloads")[-1])["state"] == "running":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"The download of {recipe} did not end within 120 s.")
                time.sleep(0.2)
            return download
        finally:
            self.post("/sdapi/v1/options", {"hypersd_mirror": ""})

    def txt2img(self, panel=None, **payload) -> "Result":
        return self.generate("txt2img", panel, payload)

    def img2img(self, panel=None, **payload) -> "Result":
        return self.generate("img2img", panel, payload)

    def pasted(self, infotext: str, **payload) -> list[str]:
        """The pictures, as base64, of a request that is nothing but an infotext."""
        # Forge cannot read the styles of any infotext: it asks whether a value is of the type list[str].
        return self.post("/sdapi/v1/txt2img", {"infotext": infotext, "styles": [], **payload})["images"]

    def generate(self, route: str, panel, payload: dict) -> "Result":
        """One request of a 64×64 image; ``panel`` are Hyper-SD's arguments: a dict, a list, or None for none."""
        self.get("/hypersd-probe/calls")
        payload = {"prompt": "a cat", "seed": 1, "width": 64, "height": 64, **payload}
        if panel is not None:
            ours = {"Hyper-SD": {"args": panel if isinstance(panel, list) else [panel]}}
            payload["alwayson_scripts"] = {**payload.get("alwayson_scripts", {}), **ours}
        answer = self.post(f"/sdapi/v1/{route}", payload)
        return Result(answer, self.get("/hypersd-probe/calls"), self.get("/hypersd-probe/kept"))


class Result:
    """What came back: pictures, infotexts, and the evaluations of the network that made them.

    ``kept`` is how far the latents outside a mask are from those of the image; None without a mask.
    """

    def __init__(self, answer: dict, calls: list[dict], kept: float | None):
        self.kept = kept
        self.info = json.loads(answer["info"])
        self.images = [Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB") for image in answer["images"]]
        self.encoded = answer["images"]
        self.infotext = self.info["infotexts"][0]
        self.extra = self.info["extra_generation_params"]
        self.rows = [call["rows"] for call in calls]
        self.timesteps = [call["timestep"] for call in calls]
        self.loras = [call["loras"] for call in calls]

    @property
    def pixels(self) -> list[bytes]:
        return [image.tobytes() for image in self.images]


def rounded_alike(one: "Result", other: "Result") -> bool:
    """Whether all pictures are the same but for rounding: off by 1 of 255 at most, in less than 1 value of 1,000.

    A network gives its rows other last bits in a batch of another size (the matrix kernels sum in another order), and
    the host cuts the fraction off, so a value now and then falls to the other side of a whole number.
    """
    most, share = differences(one, other)
    return most <= 1 and share < 1 / 1000


def differences(one: "Result", other: "Result") -> tuple[int, float]:
    """By how much of 255 the values of all pictures differ, at most and on average."""
    pairs = zip(one.pixels, other.pixels, strict=True)
    off = [abs(a - b) for first, second in pairs for a, b in zip(first, second, strict=True)]
    return max(off), sum(off) / len(off)
