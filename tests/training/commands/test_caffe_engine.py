"""`--engine caffe` with a stand-in for the tool chain's program: its options, and the use of its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_io.prototxt import read_solver
from caffe_io.weights import write_solverstate
from kits.commands import start_process
from kits.training import small_solver
from kits.training_commands import command
from training.solvers.record import read_rows

PROGRAM = """#!{python}
import shutil, sys
options = dict(word[2:].split("=", 1) for word in sys.argv[2:])
shutil.copy(options["solver"], "given_solver.prototxt")
open("given_words", "w").write(repr((sys.argv[1], sorted(options))))
print("I0101 10:00:00.000000 1 solver.cpp:1] Iteration 4 (0 iter/s), loss = 1.5", file=sys.stderr)
print("I0101 10:00:00.000000 1 solver.cpp:1]     Train net output #0: loss = 1.5 (* 1 = 1.5 loss)", file=sys.stderr)
print("I0101 10:00:00.000000 1 sgd_solver.cpp:1] Iteration 4, lr = 0.01", file=sys.stderr)
{more}
"""


def stand_in(folder: Path, more: str = "") -> Path:
    """Write a `caffe` that records its options and prints a log; return the tool chain's folder."""
    program = folder / "caffe/bin/caffe"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(python=sys.executable, more=more))
    program.chmod(0o755)
    return folder


def test_caffe_trains_and_its_numbers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", stand_in(tmp_path))
    solver = small_solver(tmp_path)
    done = command("train", "--solver", solver, "--engine", "caffe", "--max_iter", "6", folder=tmp_path, draw=True)
    assert done.code == 0, done.err
    assert "Iteration 4, lr = 0.01" in done.err
    given = read_solver(tmp_path / "given_solver.prototxt")
    assert (given.max_iter, given.stepsize, given.net) == (6, 3, read_solver(solver).net)
    assert (tmp_path / "given_words").read_text() == "('train', ['solver'])"
    (row,) = read_rows(tmp_path / "small_log.csv")
    assert (row["iteration"], row["name"], row["value"], row["learning_rate"]) == ("4", "loss", "1.5", "0.01")
    assert (tmp_path / "small_curves.png").exists()


def test_resuming_and_fine_tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", stand_in(tmp_path))
    solver = small_solver(tmp_path)
    write_solverstate(tmp_path / "any name.solverstate", 4, "m.caffemodel", [])
    (tmp_path / "small_log.csv").write_text(
        "iteration,seconds,learning_rate,phase,name,value\n2,0,1,train,loss,7\n4,0,1,train,loss,8\n"
    )
    words = ["--solver", solver, "--engine", "caffe"]
    assert command("train", *words, "--snapshot", "any name.solverstate", folder=tmp_path).code == 0
    assert (tmp_path / "given_words").read_text() == "('train', ['snapshot', 'solver'])"
    assert [row["value"] for row in read_rows(tmp_path / "small_log.csv")] == ["7", "1.5"]
    assert command("train", *words, "--weights", "a.caffemodel,b.caffemodel", folder=tmp_path).code == 0
    assert (tmp_path / "given_words").read_text() == "('train', ['solver', 'weights'])"


def test_caffe_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = 'print("F0101 net.cpp:1] Check failed: x", file=sys.stderr); sys.exit(3)'
    monkeypatch.setattr("common.places.TOOLCHAIN", stand_in(tmp_path, more))
    done = command("train", "--solver", small_solver(tmp_path), "--engine", "caffe", folder=tmp_path)
    assert done.code == 1
    assert "caffe train ended with code 3. Its last line: F0101 net.cpp:1] Check failed: x" in done.err


def test_caffe_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "none")
    solver = small_solver(tmp_path)
    done = command("train", "--solver", solver, "--engine", "caffe", folder=tmp_path)
    assert (done.code, "tools/toolchain.sh caffe" in done.err) == (1, True)
    done = command("train", "--solver", solver, "--engine", "caffe", "--precision", "bf16", folder=tmp_path)
    assert (done.code, "--precision bf16" in done.err) == (2, True)


def started_with(binaries: Path, solver: Path, folder: Path) -> subprocess.Popen[str]:
    """Start a training with the stand-in, in a process of its own."""
    code = (
        "import common.places as places, pathlib; "
        f"places.TOOLCHAIN = pathlib.Path({str(binaries)!r}); "
        "from training.__main__ import ROOM; from common.commands import run; "
        f"run(ROOM.main, ['train', '--solver', {str(solver)!r}, '--engine', 'caffe'])"
    )
    return start_process("-c", code, folder=folder, start_new_session=True)


def test_ctrl_c_waits_for_caffe_s_snapshot(tmp_path: Path) -> None:
    more = """import os, signal, time
def stop(*_):
    time.sleep(0.3)
    line = "Snapshotting solver state to binary proto file x/small_iter_5.solverstate"
    print("I0101 10:00:00.000000 1 solver.cpp:1]", line, file=sys.stderr)
    print("last words", file=sys.stderr)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
print("ready", file=sys.stderr, flush=True)
for _ in range(1200):
    time.sleep(0.05)"""
    process = started_with(stand_in(tmp_path, more), small_solver(tmp_path), tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stderr:
        if "ready" in line:
            # Ctrl-C reaches both processes.
            os.killpg(process.pid, signal.SIGINT)
            break
    rest, out = process.stderr.read(), process.stdout.read()
    assert process.wait(60) == 130, rest
    process.stderr.close()
    process.stdout.close()
    assert "last words" in rest
    assert "--snapshot x/small_iter_5.solverstate" in out


def test_a_diverged_loss_in_caffe_s_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = """import time
print("I0101 10:00:00.000000 1 solver.cpp:1] Iteration 8 (2 iter/s, 2s/4 iters), loss = -nan", file=sys.stderr, flush=True)
time.sleep(60)"""
    monkeypatch.setattr("common.places.TOOLCHAIN", stand_in(tmp_path, more))
    done = command("train", "--solver", small_solver(tmp_path), "--engine", "caffe", folder=tmp_path)
    assert done.code == 1
    assert "solver.prototxt: the loss is -nan at iteration 8, so the training has diverged" in done.err


def test_sigterm_is_passed_on_to_caffe(tmp_path: Path) -> None:
    more = """import os, signal, time
def stop(*_):
    line = "Snapshotting solver state to binary proto file x/small_iter_5.solverstate"
    print("I0101 10:00:00.000000 1 solver.cpp:1]", line, file=sys.stderr)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
print("ready", file=sys.stderr, flush=True)
for _ in range(1200):
    time.sleep(0.05)"""
    process = started_with(stand_in(tmp_path, more), small_solver(tmp_path), tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stderr:
        if "ready" in line:
            process.send_signal(signal.SIGTERM)
            break
    rest, out = process.stderr.read(), process.stdout.read()
    assert process.wait(60) == 143, rest
    process.stderr.close()
    process.stdout.close()
    assert "--snapshot x/small_iter_5.solverstate" in out


def test_caffe_does_not_follow_a_training_json_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.commands.caffe_engine.caffe_train", lambda *_: None)
    solver = small_solver(tmp_path)
    words = ["train", "--solver", solver, "--engine", "caffe"]
    assert "beyond Caffe" not in command(*words, folder=tmp_path).err
    (tmp_path / "training.json").write_text("{}")
    done = command(*words, folder=tmp_path)
    assert done.code == 0
    assert f"{tmp_path}/training.json: is beyond Caffe, so --engine caffe does not follow it." in done.err
