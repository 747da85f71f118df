"""A request to the API of a WebUI that was started with --api: one image in 4 steps of Hyper-SD, saved as image.png.

python -m examples.request_to_the_api [ADDRESS]
"""

import base64
import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860"
request = {
    "prompt": "a photo of a cat",
    "seed": 1,
    "width": 512,
    "height": 512,
    # What is not named here (LoRA, weight, CFG, sampler, …) is as recommended; docs/api.md lists the keys.
    "alwayson_scripts": {"Hyper-SD": {"args": [{"enabled": True, "steps": 4}]}},
}
body, headers = json.dumps(request).encode(), {"Content-Type": "application/json"}
with urlopen(Request(f"{address}/sdapi/v1/txt2img", body, headers), timeout=600) as response:
    answer = json.load(response)

# A plan that cannot be carried out leaves the request as it was; the image then says so.
info = json.loads(answer["info"])["extra_generation_params"]
note = info.get("Hyper-SD note", "")
if note.startswith("not applied"):
    sys.exit(f"Hyper-SD: {note}")
Path("image.png").write_bytes(base64.b64decode(answer["images"][0]))
print(f"image.png was made with {info['Hyper-SD']}.")
