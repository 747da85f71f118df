"""Run by the WebUI at every start. There is nothing to install: a WebUI has all that is needed. It only says so
where the WebUI is too old, in a sentence instead of the error that would follow.
"""

from pathlib import Path

if Path("modules").is_dir() and not Path("modules", "sd_schedulers.py").is_file():
    print(
        "Hyper-SD needs a WebUI that lets the user choose a schedule type (AUTOMATIC1111 1.9 or newer). "
        "Update the WebUI, or remove the extension."
    )
