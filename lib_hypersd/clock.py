"""Where the time of a picture goes."""

import time

__all__ = ["Clock"]


class Clock:
    """Milliseconds by what they went into, counted from when it is made."""

    def __init__(self):
        self.last, self.spent = time.perf_counter(), {}

    def stop(self, part: str) -> None:
        """What has passed since the last stop went into ``part``."""
        now = time.perf_counter()
        self.spent[part] = self.spent.get(part, 0) + (now - self.last) * 1000
        self.last = now

    def times(self, rest: str) -> dict[str, float]:
        """All parts; what has passed since the last stop goes into ``rest``."""
        self.stop(rest)
        return self.spent
