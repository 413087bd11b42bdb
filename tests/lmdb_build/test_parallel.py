from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from lmdb_build.parallel import in_order, with_progress


def test_answers_come_in_the_order_of_the_items() -> None:
    def late_if_even(number: int) -> int:
        time.sleep(0.005 * (number % 2 == 0))
        return number * 10

    assert list(in_order(late_if_even, range(40), threads=4)) == [number * 10 for number in range(40)]


def test_only_a_few_items_are_in_hand() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield taken

    for done, _ in enumerate(in_order(lambda item: item, items(), threads=2), start=1):
        assert taken - done <= 24


def test_threads_work_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)
    assert len(list(in_order(lambda _: both.wait(), range(8), threads=2))) == 8


def test_an_error_ends_the_work() -> None:
    started = []

    def work(item: int) -> None:
        started.append(item)
        if item == 5:
            raise ValueError("five")

    with pytest.raises(ValueError, match="five"):
        list(in_order(work, range(10_000), threads=2))
    assert len(started) < 50


def test_no_items() -> None:
    assert list(in_order(lambda item: item, [])) == []


def test_a_log_gets_a_line_each_thousand(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress(range(2500), 2500, "converted")) == list(range(2500))
    assert capsys.readouterr().err.splitlines() == ["converted: 1000 of 2500", "converted: 2000 of 2500"]
