"""A pack that loads another, outside ``custom_nodes``, as ComfyUI would, and prints the milliseconds it took."""

import importlib.util
import sys
import time
from pathlib import Path

PACK = Path(__file__).parents[2] / "timed" / "sd-webui-hypersd"


def load():
    spec = importlib.util.spec_from_file_location("timed_pack", PACK / "__init__.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


start = time.perf_counter(), time.process_time()
pack = load()
spent = time.perf_counter() - start[0], time.process_time() - start[1]
print("timed pack:", *(f"{seconds * 1000:.2f}" for seconds in spent), flush=True)
NODE_CLASS_MAPPINGS = pack.NODE_CLASS_MAPPINGS
