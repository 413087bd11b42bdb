"""Making batches ahead in a thread."""

from __future__ import annotations

import threading
import time

import pytest

from training.layers.data.prefetch import Prefetcher


def test_results_come_in_order() -> None:
    prefetcher = Prefetcher(lambda index: index * 10, start=3)
    assert [prefetcher.next() for _ in range(50)] == [index * 10 for index in range(3, 53)]
    prefetcher.close()


def test_no_more_than_depth_are_made_ahead() -> None:
    made = []
    prefetcher = Prefetcher(made.append, depth=3)
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    # Three are in the queue, and the thread holds one.
    assert made == [0, 1, 2, 3]
    prefetcher.close()


def test_an_error_reaches_the_caller_each_time() -> None:
    def make(index: int) -> int:
        if index == 2:
            raise ValueError("record 2 is bad")
        return index

    prefetcher = Prefetcher(make)
    assert [prefetcher.next(), prefetcher.next()] == [0, 1]
    # The thread has ended, so a second call must not wait for ever.
    for _ in range(2):
        with pytest.raises(ValueError, match="record 2 is bad"):
            prefetcher.next()
    prefetcher.close()


@pytest.mark.parametrize("taken", [0, 2])
def test_close_ends_the_thread(taken: int) -> None:
    before = threading.active_count()
    prefetcher = Prefetcher(lambda index: index, depth=1)
    for _ in range(taken):
        prefetcher.next()
    prefetcher.close()
    assert threading.active_count() == before


def test_waiting_time() -> None:
    slow = Prefetcher(lambda index: time.sleep(0.05))
    for _ in range(4):
        slow.next()
    slow.close()
    assert 0.1 < slow.waited < 2
    ready = Prefetcher(lambda index: index, depth=4)
    time.sleep(0.2)
    for _ in range(4):
        ready.next()
    ready.close()
    assert ready.waited < 0.1
