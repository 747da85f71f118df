"""Work that nobody waits for: one task after another, in a thread that ends when the queue is empty."""

import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Background"]

PAUSE = 0.001  # seconds between two tasks, so that the page and the sampler come first

Task = tuple[Callable[[str], None], str]


class Background:
    """A queue of tasks, each a function and the file that it is for; may be used from several threads.

    A task is queued once until the queue has run empty, even if it has been carried out by then. ``finished`` is called
    whenever the queue has run empty.
    """

    def __init__(self, finished: Callable[[], None]):
        self.finished = finished
        self.lock = threading.Lock()
        self.queue: deque[Task] = deque()
        self.queued: set[Task] = set()
        self.thread: threading.Thread | None = None

    def add(self, work: Callable[[str], None], path: str) -> None:
        task = (work, path)
        with self.lock:
            if task not in self.queued:
                self.queued.add(task)
                self.queue.append(task)

    def start(self) -> None:
        """Begin with what is queued, unless that has begun."""
        with self.lock:
            if self.queue and self.thread is None:
                self.thread = threading.Thread(target=self.finish, name="hypersd-library", daemon=True)
                self.thread.start()

    def finish(self, pause: float = PAUSE) -> None:
        """Carry out all that is queued, in the thread of the caller."""
        while True:
            while task := self.next_task():
                work, path = task
                work(path)
                time.sleep(pause)
            self.finished()
            with self.lock:
                if not self.queue:
                    self.queued.clear()
                    self.thread = None
                    return

    def next_task(self) -> Task | None:
        with self.lock:
            return self.queue.popleft() if self.queue else None
