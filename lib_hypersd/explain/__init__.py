"""Why a picture is bad: what an image says of how it was made, compared with the plan for it.

read_text, read_file   an infotext, InvokeAI's metadata or ComfyUI's graph becomes a Record
explain                the Record's values beside the plan's
"""

from .compare import Cause, Explanation, explain
from .reading import read_file, read_text
from .record import Record, Unreadable

__all__ = ["Cause", "Explanation", "Record", "Unreadable", "explain", "read_file", "read_text"]
