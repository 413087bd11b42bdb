"""What signals do to a training."""

from __future__ import annotations

import os
import signal

import pytest

from training.solvers.signals import Signals


def sent(number: int, sigint: str = "stop", sighup: str = "snapshot") -> tuple[bool, bool, list[str]]:
    """Send this process a signal; return whether a stop and a snapshot are then requested, and the log."""
    lines: list[str] = []
    signals = Signals(sigint, sighup, lines.append)
    with signals.caught():
        os.kill(os.getpid(), number)
    return signals.stop, signals.snapshot, lines


def test_caffe_s_defaults() -> None:
    stop, snapshot, lines = sent(signal.SIGINT)
    assert (stop, snapshot) == (True, False)
    assert lines == ["Stopping after this iteration, with a snapshot. Ctrl-C again stops at once."]
    assert sent(signal.SIGHUP) == (False, True, [])


def test_other_effects() -> None:
    assert sent(signal.SIGINT, sigint="none") == (False, False, [])
    assert sent(signal.SIGINT, sigint="snapshot") == (False, True, [])
    assert sent(signal.SIGHUP, sighup="stop") == (True, False, ["Stopping after this iteration, with a snapshot."])


def test_a_second_ctrl_c() -> None:
    signals = Signals("stop", "none", lambda line: None)
    with pytest.raises(KeyboardInterrupt), signals.caught():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    patient = Signals("stop", "none", lambda line: None, alone=False)
    with patient.caught():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert patient.stop


def test_the_handlers_of_before_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]
    sent(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)] == before


def test_sigterm_stops_a_process_that_trains_alone() -> None:
    """As docker stop, Slurm and timeout send it. torchrun sends it to its processes when another has ended."""
    signals = Signals("stop", "none", lambda line: None)
    with signals.caught():
        os.kill(os.getpid(), signal.SIGTERM)
    assert (signals.stop, signals.exit_code) == (True, 143)
    before = signal.getsignal(signal.SIGTERM)
    with Signals("stop", "none", lambda line: None, alone=False).caught():
        assert signal.getsignal(signal.SIGTERM) is before


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert sent(signal.SIGHUP, sighup="stop") == (False, False, [])
    finally:
        signal.signal(signal.SIGHUP, before)
