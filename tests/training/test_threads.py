"""training.threads: how many threads compute beside other programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from training import threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_LOOK", 0)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def let_programs_take(monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
    """Let other programs take these shares of the processors."""
    nothing = {number: [0] * 8 for number in range(len(shares))}
    taken = {number: [int(share * 30), 0, 0, 30 - int(share * 30), 0, 0, 0, 0] for number, share in enumerate(shares)}
    answers = iter((nothing, taken))
    monkeypatch.setattr(threads, "_ticks", lambda: next(answers))


@pytest.mark.parametrize(
    ("shares", "computing"),
    [
        ((0, 0, 0, 0), 4),
        ((0.1, 0.1, 0.1, 0.1), 4),
        ((1, 0, 0, 0), 3),
        ((1, 1, 0.5, 0.5), 1),
        ((1, 1, 1, 1), 1),
        # Four threads on eight processors with two busy programs.
        ((1, 1, 0, 0, 0, 0, 0, 0), 4),
    ],
)
def test_busy_processors_are_left_to_others(
    shares: tuple[float, ...], computing: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_programs_take(monkeypatch, *shares)
    threads.leave_busy_processors(CPU)
    told = capsys.readouterr().err
    assert torch.get_num_threads() == computing
    assert (told == "") == (computing == 4)
    if told:
        assert f"of {len(shares)} processors busy, so {computing} of 4 threads compute" in told


def test_a_number_from_the_user_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    let_programs_take(monkeypatch, 1, 1, 1, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    threads.leave_busy_processors(CPU)
    assert capsys.readouterr().err == ""
    assert torch.get_num_threads() == 4


def test_a_gpu_needs_no_processors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    let_programs_take(monkeypatch, 1, 1, 1, 1)
    threads.leave_busy_processors(torch.device("cuda"))
    assert capsys.readouterr().err == ""
    assert torch.get_num_threads() == 4


def test_a_system_that_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(threads, "_ticks", dict)
    threads.leave_busy_processors(CPU)
    assert capsys.readouterr().err == ""
    assert torch.get_num_threads() == 4


def test_the_kernel_counts_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idling and waiting for a disk are no work; time that the host takes is."""
    before = {0: [5, 0, 0, 10, 0, 0, 0, 0], 1: [0] * 8}
    after = {0: [5, 0, 0, 15, 5, 0, 0, 0], 1: [2, 0, 1, 5, 0, 0, 0, 2]}
    assert threads.busy_processors(before, after) == (0.5, 2)


def test_this_system_is_read() -> None:
    ticks = threads._ticks()
    assert ticks
    assert all(len(fields) == 8 for fields in ticks.values())
