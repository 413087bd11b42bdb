"""What signals do to a training. They are sent in a process of their own: one that goes astray would end the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from common.places import ROOT

# It takes the arguments of Signals and the numbers of the signals, and sends them to itself.
PROGRAM = """
import json, signal, sys
sys.path.insert(0, sys.argv[1])
from training.solvers.signals import Signals

asked = json.loads(sys.argv[2])
for name in asked["ignored"]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
lines, ended = [], ""
numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
before = [signal.getsignal(number) for number in numbers]
signals = Signals(asked["sigint"], asked["sighup"], lines.append, asked["alone"])
try:
    with signals.caught():
        caught = [signal.getsignal(number) not in old for number, old in zip(numbers, [[one] for one in before])]
        for name in asked["sent"]:
            signal.raise_signal(getattr(signal, name))
except KeyboardInterrupt:
    ended = "KeyboardInterrupt"
restored = [signal.getsignal(number) for number in numbers]
late = ""
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    late = "KeyboardInterrupt"
print(json.dumps({
    "stop": signals.stop, "snapshot": signals.snapshot, "code": signals.exit_code, "lines": lines, "ended": ended,
    "caught": caught, "restored": before == restored, "late": late,
}))
"""


def send(
    *sent: str, sigint: str = "stop", sighup: str = "snapshot", alone: bool = True, ignored: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Send signals to a process that catches them; return what is then requested, the log, and how the block ended."""
    asked = {"sigint": sigint, "sighup": sighup, "alone": alone, "ignored": ignored, "sent": sent}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT), json.dumps(asked)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["restored"] == (alone or not found["stop"]), "the handlers of before"
    return found


def test_caffe_s_defaults() -> None:
    found = send("SIGINT")
    assert (found["stop"], found["snapshot"], found["code"]) == (True, False, 130)
    assert found["lines"] == ["Stopping after this iteration, with a snapshot. Ctrl-C again stops at once."]
    found = send("SIGHUP")
    assert (found["stop"], found["snapshot"], found["lines"]) == (False, True, [])


def test_other_effects() -> None:
    found = send("SIGINT", sigint="none")
    assert (found["stop"], found["snapshot"], found["lines"]) == (False, False, [])
    found = send("SIGINT", sigint="snapshot")
    assert (found["stop"], found["snapshot"], found["lines"]) == (False, True, [])
    found = send("SIGHUP", sighup="stop")
    assert (found["stop"], found["snapshot"]) == (True, False)
    assert found["lines"] == ["Stopping after this iteration, with a snapshot."]


def test_a_second_ctrl_c() -> None:
    assert send("SIGINT", sighup="none")["ended"] == ""
    assert send("SIGINT", "SIGINT", sighup="none")["ended"] == "KeyboardInterrupt"
    patient = send("SIGINT", "SIGINT", sighup="none", alone=False)
    assert (patient["ended"], patient["stop"]) == ("", True)


def test_a_ctrl_c_after_the_training() -> None:
    """torchrun passes it on late, while one of several processes writes its last lines."""
    assert send("SIGINT", sighup="none")["late"] == "KeyboardInterrupt"
    assert send("SIGINT", sighup="none", alone=False)["late"] == ""
    assert send(sighup="none", alone=False)["late"] == "KeyboardInterrupt"


def test_sigterm_stops_a_process_that_trains_alone() -> None:
    """As docker stop, Slurm and timeout send it. torchrun sends it to its processes when another has ended."""
    found = send("SIGTERM", sighup="none")
    assert (found["stop"], found["code"], found["caught"]) == (True, 143, [True, True, True])
    assert send(sighup="none", alone=False)["caught"] == [True, False, True]


def test_what_nohup_ignores_stays_ignored() -> None:
    found = send("SIGHUP", sighup="stop", ignored=("SIGHUP",))
    assert (found["stop"], found["snapshot"], found["lines"]) == (False, False, [])
