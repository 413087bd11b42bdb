"""Work on all cores, answers in order, and word of how far it is."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_JOB = 4  # items given to a thread at once: handing over takes time as well
_AHEAD = 2  # jobs in hand per thread: enough to keep it busy, few enough to keep memory flat


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """`work(item)` for each item, on `threads` threads (as many as there are cores), yielded in the items' order.

    Threads serve because OpenCV and numpy let go of the interpreter's lock. Only a few items are in hand at a time.
    """
    import cv2

    # One picture a thread keeps all cores busy already.
    cv2.setNumThreads(1)
    threads = threads or cores()
    waiting: deque[Future[list[R]]] = deque()
    remaining = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        try:
            while job := list(islice(remaining, _JOB)):
                waiting.append(pool.submit(_all, work, job))
                if len(waiting) > _AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _all(work: Callable[[T], R], items: list[T]) -> list[R]:
    return [work(item) for item in items]


def cores() -> int:
    """Those that this process may use, which a container can limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(line: str) -> None:
    """A line on stderr, above the bar if there is one."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def with_progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar on a terminal or a line each 1,000 in a log (both on stderr)."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, unit=" pictures", leave=False)
        return
    for done, item in enumerate(items, start=1):
        yield item
        if done % 1000 == 0:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
