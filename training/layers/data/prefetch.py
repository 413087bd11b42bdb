"""Make batches ahead of their use, in a thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Calls `make(start)`, `make(start + 1)`, ... in a thread; `next` returns the results in order.

    Up to `depth` results wait while one more is made. An exception in `make` ends the thread and is raised by `next`, and
    by all later calls. `waited` counts the seconds that `next` spent waiting.
    """

    def __init__(self, make: Callable[[int], T], start: int = 0, depth: int = 1) -> None:
        self._make = make
        self.waited = 0.0
        self._queue: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(start,), daemon=True)
        self._thread.start()

    def next(self) -> T:
        """Return the next result."""
        begun = time.perf_counter()
        result, error = self._queue.get()
        self.waited += time.perf_counter() - begun
        if error is not None:
            self._queue.put((None, error))
            raise error
        # It is None only together with an error.
        return result  # type: ignore[return-value]

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue

    def _run(self, index: int) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put((self._make(index), None))
            except BaseException as error:
                self._queue.put((None, error))
                return
            index += 1
