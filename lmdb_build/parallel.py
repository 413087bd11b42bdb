"""Works on all cores with results in order, and shows progress."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from common.process.cores import cores

T = TypeVar("T")
R = TypeVar("R")

# Items that a thread gets at once, because handing them over takes time as well.
_JOB = 4
# Jobs waiting per thread: enough to keep it busy, few enough to keep memory flat.
_AHEAD = 2


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """Yield `work(item)` for each item, in the items' order, from `threads` threads (default: one for each core).

    Only a few items are in memory at a time. Threads are enough, because OpenCV and numpy release the interpreter's lock.
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
                waiting.append(pool.submit(_work_on, work, job))
                if len(waiting) > _AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _work_on(work: Callable[[T], R], items: list[T]) -> list[R]:
    return [work(item) for item in items]


def say(line: str) -> None:
    """Print a line on stderr, above the progress bar if there is one."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def with_progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items and show progress on stderr: a bar on a terminal, or a line for every 1,000 items in a log."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, unit=" pictures", leave=False)
        return
    for done, item in enumerate(items, start=1):
        yield item
        if done % 1000 == 0:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
