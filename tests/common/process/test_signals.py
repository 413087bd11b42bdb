"""How a command ends when a signal asks it to. Each case is a process of its own, which a signal meets at a known point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT

# It writes two outputs, says so, and then waits in the state that the test asks for. A wait is many short ones: Python calls
# no handler during a sleep that begins just after the signal came.
COMMAND = """
import signal, sys, time
import common.process.start
from pathlib import Path
from common.commands import run
from common.files import atomic_file, atomic_folder

def wait():
    for _ in range(1200):
        time.sleep(0.05)

def main(argv):
    with atomic_file("file") as file, atomic_folder("folder") as folder:
        file.write_bytes(b"half")
        (folder / "part").write_bytes(b"half")
        if argv[0] == "in a library":
            import slow_library
        try:
            print("ready", flush=True)
            wait()
        except BaseException:
            if argv[0] != "while it cleans up":
                raise
            print("cleaning up", flush=True)
            wait()

run(main)
"""


def start(folder: Path, state: str, before: str = "") -> subprocess.Popen[str]:
    waits = "import time\nprint('ready', flush=True)\nfor _ in range(1200):\n    time.sleep(0.05)\n"
    (folder / "slow_library.py").write_text(waits)
    process = subprocess.Popen(
        [sys.executable, "-c", before + COMMAND, state],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("slow_library.py", "__pycache__"))


@pytest.mark.parametrize("state", ["at work", "in a library"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda n: str(int(n))
)
def test_a_signal_ends_a_command_without_half_files(
    tmp_path: Path, state: str, number: signal.Signals, code: int
) -> None:
    process = start(tmp_path, state)
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", "stopped\n")
    assert process.returncode == code
    assert left(tmp_path) == []


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "while it cleans up")
    assert process.stdout
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "cleaning up\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "stopped\n")
    assert process.returncode == 130
    assert left(tmp_path) == []


def test_a_signal_that_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    process = start(tmp_path, "at work", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_an_interrupt_before_the_command_has_begun_is_no_traceback(tmp_path: Path) -> None:
    code = "import common.process.start, time; print('ready', flush=True); [time.sleep(0.05) for _ in range(1200)]"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "stopped\n")
    assert process.returncode == 130


def test_the_handlers_are_put_back() -> None:
    code = """
import signal
from common.process.signals import Terminated, ending_in_order
numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
before = [signal.getsignal(number) for number in numbers]
try:
    with ending_in_order():
        signal.raise_signal(signal.SIGTERM)
except Terminated as ended:
    print(ended.code)
print(before == [signal.getsignal(number) for number in numbers])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("143\nTrue\n", "")
