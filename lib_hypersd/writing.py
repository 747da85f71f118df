"""Files that are whole or as they were, whatever happens while they are written."""

import os
from pathlib import Path

__all__ = ["replace_text"]


def replace_text(path: Path, text: str, encoding: str) -> None:
    """Replace a file in one step.

    Raises:
        OSError: its folder cannot be written to. UnicodeEncodeError: the encoding cannot write the text.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    beside.write_text(text, encoding=encoding)
    os.replace(beside, path)
