"""Run by the WebUI at every start. There is nothing to install: a WebUI has all that is needed. It only says so
where the WebUI is too old, in a sentence instead of the error that would follow.
"""

from pathlib import Path

# Forge Classic has no schedules, and all that Hyper-SD needs instead.
if Path("modules").is_dir() and not (Path("modules", "sd_schedulers.py").is_file() or Path("modules_forge").is_dir()):
    print(
        "Hyper-SD needs a WebUI that lets the user choose a schedule type (AUTOMATIC1111 1.9 or newer). "
        "Update the WebUI, or remove the extension."
    )
