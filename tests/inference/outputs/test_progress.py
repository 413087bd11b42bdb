"""Progress: counts, rate and time left, on a terminal and in a log."""

from __future__ import annotations

import io

import pytest

from inference.outputs.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(progress: Progress, clock: Clock, count: int, seconds: float) -> None:
    for _ in range(count):
        clock.now += seconds
        progress.advance()


def test_rate_and_time_left() -> None:
    clock = Clock()
    progress = Progress(1000, stream=Terminal(), clock=clock)
    assert progress.line(clock.now) == "0 of 1,000 pictures"
    run(progress, clock, 1, 0.01)
    assert progress.line(clock.now) == "1 of 1,000 pictures"
    clock.now += 0.04
    run(progress, clock, 249, 0.05)
    assert progress.line(clock.now) == "250 of 1,000 pictures, 20.0 a second, 0:37 left"


def test_a_slow_start_is_forgotten() -> None:
    clock = Clock()
    progress = Progress(5000, stream=Terminal(), clock=clock)
    run(progress, clock, 10, 3.0)
    assert "20.0 a minute, 4:09:30 left" in progress.line(clock.now)
    run(progress, clock, 400, 0.05)
    assert progress.line(clock.now) == "410 of 5,000 pictures, 20.0 a second, 3:50 left"


def test_without_a_total_and_with_dropped_frames() -> None:
    clock = Clock()
    progress = Progress(stream=Terminal(), clock=clock)
    clock.now += 2
    progress.advance(dropped=1200)
    assert progress.line(clock.now) == "1 picture, 30.0 a minute, 1,200 frames dropped"


def test_a_terminal_has_one_line() -> None:
    clock, stream = Clock(), Terminal()
    with Progress(100, stream=stream, clock=clock) as progress:
        run(progress, clock, 100, 0.01)
    text = stream.getvalue()
    assert "\n" not in text
    assert 4 <= text.count("\r") <= 8
    assert text.endswith("\r\x1b[K")


def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    Progress(1000, stream=stream, clock=Clock()).advance()
    assert stream.getvalue() == "\r\x1b[K1 of 1,000 pictures"[: len("\r\x1b[K") + 19]


def test_a_log_has_a_line_for_a_thousand() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(2500, stream=stream, clock=clock) as progress:
        run(progress, clock, 2500, 0.01)
    assert stream.getvalue().splitlines() == [
        "1,000 of 2,500 pictures, 100.0 a second, 0:15 left",
        "2,000 of 2,500 pictures, 100.0 a second, 0:05 left",
    ]


def test_hidden() -> None:
    stream = Terminal()
    with Progress(10, shown=False, stream=stream) as progress:
        progress.advance()
        progress.pause()
    assert stream.getvalue() == ""


def test_pause_removes_the_line() -> None:
    stream = Terminal()
    progress = Progress(10, stream=stream, clock=Clock())
    progress.pause()
    assert stream.getvalue() == ""
    progress.advance()
    progress.pause()
    progress.pause()
    assert stream.getvalue().count("\x1b[K") == 2


def test_nobody_reads_it() -> None:
    class Closed(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with Progress(10, stream=Closed()) as progress:
        progress.advance()
        progress.advance()


def test_memory_is_bounded() -> None:
    clock = Clock()
    progress = Progress(stream=io.StringIO(), clock=clock)
    run(progress, clock, 20000, 0.6)
    assert len(progress._marks) < 50
