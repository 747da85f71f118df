"""One way in for developers: prepares an environment outside the clone, then hands over to nox (see noxfile.py).

python3 dev.py demo [--once]          two pictures by the embedded model, and the playground's page
python3 dev.py test                   lint and tests, as CI runs them
python3 dev.py live --webui DIR       the same proofs on real hosts that you have, one --webui for each
python3 dev.py live --comfyui DIR     and in a ComfyUI
python3 dev.py bench                  measurements, as ratios within one run
python3 dev.py bench --device cuda    what a GPU needs for the samplers and the playground, in a few minutes
python3 dev.py nox ARGUMENTS          anything else of the noxfile
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

NOX = "nox==2026.10.20"
SESSIONS = {
    "demo": ["demo"],
    "test": ["lint", "tests", "panel", "playground", "coverage"],
    "live": ["live"],
    "bench": ["bench", "latency"],
    "bench --device": ["device"],
}
LEAST_PYTHON = (3, 10)


def cache() -> Path:
    """Where environments live: the user's cache folder, so that a clean clone finds them again."""
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hypersd"


def launcher() -> Path:
    """The Python of an environment that has nox; made on first use, and again for another version of either."""
    folder = cache() / f"launcher-{sys.version_info.major}.{sys.version_info.minor}-{NOX.replace('==', '-')}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        print(f"Preparing {folder} …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NOX], check=True)
        (folder / "ready").touch()
    return python


def main(arguments: list[str]) -> int:
    if sys.version_info < LEAST_PYTHON:
        print(f"Python {'.'.join(map(str, LEAST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}.")
        return 2
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "bench" and "--device" in rest:
        command = "bench --device"
    if command not in (*SESSIONS, "nox"):
        print(__doc__)
        return 2
    python = launcher()
    os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # where nox finds this version
    nox = [python, "-m", "nox", "--noxfile", Path(__file__).with_name("noxfile.py"), "--envdir", cache() / "nox"]
    if command == "nox":
        return subprocess.call([*nox, *rest])
    # The matrix of Pythons stands in the noxfile; a developer's command runs on the Python it was called with.
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return subprocess.call([*nox, "--sessions", *SESSIONS[command], "--pythons", own, "--", *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
