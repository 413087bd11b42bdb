"""Steps in threads: order, errors, an end, and what is dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from inference import pipeline
from inference.pipeline import WAITING, Pipeline

pytestmark = pytest.mark.timeout(20)


def test_all_items_come_out_in_order() -> None:
    assert list(Pipeline(range(50), [lambda n: n + 1, lambda n: n * 2])) == [2 * (n + 1) for n in range(50)]
    assert list(Pipeline([], [lambda n: n])) == []


def test_the_steps_run_at_the_same_time() -> None:
    """The second step waits until the first one is at the item after."""
    meeting = threading.Barrier(2, timeout=10)

    def first(number: int) -> int:
        if number:
            meeting.wait()
        return number

    def second(number: int) -> int:
        if number < 5:
            meeting.wait()
        return number

    assert list(Pipeline(range(6), [first, second])) == list(range(6))


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_in_a_step_comes_after_the_results_before_it(where: int) -> None:
    def fails(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    steps = [lambda n: n, lambda n: n]
    steps[where] = fails
    done = []
    with pytest.raises(ValueError, match="three"):
        for number in Pipeline(range(10), steps):
            done.append(number)
    assert done == [0, 1, 2]


def test_an_error_in_the_items() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    done = []
    with pytest.raises(OSError, match="gone"):
        for number in Pipeline(items(), [lambda n: n]):
            done.append(number)
    assert done == [1]


def test_leaving_early_closes_the_source_and_ends_the_threads() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    before = threading.active_count()
    with closing(iter(Pipeline(items(), [lambda n: n]))) as results:
        for number in results:
            if number == 3:
                break
    assert closed.is_set()
    assert threading.active_count() <= before


def test_who_leaves_waits_for_steps_that_are_at_work() -> None:
    """Afterwards the device is closed; and a library that computes when the process ends aborts it."""
    working = threading.Event()
    done = threading.Event()

    def slow(number: int) -> int:
        if number == 1:
            working.set()
            time.sleep(0.3)
            done.set()
        return number

    with pytest.raises(ZeroDivisionError), closing(iter(Pipeline(range(9), [slow]))) as results:
        next(results)
        working.wait(10)
        raise ZeroDivisionError
    assert done.is_set()


def test_a_camera_that_hangs_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "LEAVE_WITHIN", 0.1)
    hangs = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        hangs.wait(15)

    with closing(iter(Pipeline(items(), [lambda n: n]))) as results:
        next(results)
    assert not hangs.is_set()
    hangs.set()


def test_no_more_than_a_few_items_wait() -> None:
    read: list[int] = []
    go = threading.Event()

    def items() -> Iterator[int]:
        for number in range(30):
            read.append(number)
            yield number

    def slow(number: int) -> int:
        if not go.wait(0.3):
            # The one in work, those that wait, and the one that the source holds.
            assert len(read) <= WAITING + 2
            go.set()
        return number

    assert list(Pipeline(items(), [slow])) == list(range(30))


def test_a_slow_step_drops_live_items_and_says_how_many_and_never_others() -> None:
    """The source gives all its items while the step works on the first one."""
    given = threading.Event()

    def items() -> Iterator[int]:
        yield from range(20)
        given.set()

    def slow(number: int) -> int:
        given.wait(10)
        return number

    pipeline = Pipeline(items(), [slow], droppable=lambda number: True)
    done = list(pipeline)
    assert done[-1] == 19
    assert done == sorted(done)
    assert len(done) + pipeline.dropped == 20
    assert pipeline.dropped >= 20 - WAITING - 2

    kept = Pipeline(range(20), [lambda n: n], droppable=lambda number: False)
    assert list(kept) == list(range(20))
    assert kept.dropped == 0
