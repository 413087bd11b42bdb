"""The files of a run: not over an earlier one's, not beside another training."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.weights import read_solverstate
from common.errors import OutputExists
from kits.commands import start_process
from kits.training import small_solver
from kits.training_commands import command, leftovers
from training.errors import TrainingError
from training.solvers.run_files import claimed_prefix


def claim(prefix: Path, snapshot: Path | None = None, force: bool = False) -> None:
    """Claim the prefix and give it back."""
    with claimed_prefix(SolverParameter(snapshot_prefix=str(prefix)), str(snapshot) if snapshot else None, force):
        pass


def test_the_folder_for_snapshots_is_made_and_checked(tmp_path: Path) -> None:
    claim(tmp_path / "models/net/net")
    assert list((tmp_path / "models/net").iterdir()) == []
    (tmp_path / "file").write_text("x")
    for prefix in ("file/net", "file/models/net"):
        with pytest.raises(TrainingError, match=r'snapshot_prefix ".*": the folder .*file.* cannot be written'):
            claim(tmp_path / prefix)


def test_prefixes_that_are_no_names(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds a NUL byte"):
        claim(Path(f"{tmp_path}/a\0b"))
    for prefix in (f"{tmp_path}/{'x' * 240}", f"{tmp_path}/{'x' * 300}/net"):
        with pytest.raises(TrainingError, match=r"cannot be written \(File name too long\)"):
            claim(Path(prefix))


@pytest.mark.parametrize("name", ["net_iter_7.caffemodel", "net_iter_7.solverstate.h5", "net_curves.png"])
def test_an_earlier_run_s_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(OutputExists, match=f"an earlier training with this snapshot_prefix left {name}"):
        claim(tmp_path / "net")
    claim(tmp_path / "net", force=True)
    # Other trainings in the same folder do not count.
    claim(tmp_path / "ne")
    claim(tmp_path / "net_iter")


def test_resuming_that_run(tmp_path: Path) -> None:
    state = tmp_path / "net_iter_7.solverstate"
    state.touch()
    claim(tmp_path / "net", state)
    with pytest.raises(OutputExists, match=r"Resume it with --snapshot .*net_iter_7\.solverstate"):
        claim(tmp_path / "net", tmp_path / "other_iter_7.solverstate")
    with pytest.raises(OutputExists):
        claim(tmp_path / "net", tmp_path / "elsewhere" / state.name)


def test_a_log_alone_is_of_a_run_that_failed_early(tmp_path: Path) -> None:
    (tmp_path / "net_log.csv").write_text("iteration,seconds\n0,1\n")
    claim(tmp_path / "net")


def test_two_trainings_at_once(tmp_path: Path) -> None:
    param = SolverParameter(snapshot_prefix=str(tmp_path / "net"))
    with claimed_prefix(param, None, True):
        with pytest.raises(TrainingError, match=rf"another training .* is running \(process {os.getpid()}\)"):
            claim(tmp_path / "net", force=True)
        claim(tmp_path / "net2")
    claim(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / ".net.lock").write_text("1")
    claim(tmp_path / "net")


def test_the_command_refuses_and_replaces(tmp_path: Path) -> None:
    solver = small_solver(tmp_path, max_iter=2, display=1, test_interval=100, test_initialization=False, snapshot=0)
    assert command("train", "--solver", solver, folder=tmp_path).code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("small*") if path.is_file()}
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 2
    assert "small_iter_2.caffemodel, small_iter_2.solverstate. Resume it with --snapshot" in done.err
    assert {path.name: path.read_bytes() for path in tmp_path.glob("small*") if path.is_file()} == before
    assert command("train", "--solver", solver, "--force", folder=tmp_path).code == 0


def test_sigterm_writes_a_snapshot(tmp_path: Path) -> None:
    """As docker stop, Slurm and timeout send it."""
    solver = small_solver(tmp_path, max_iter=1_000_000, snapshot=0, test_interval=1_000_000, display=5)
    process = start_process("-m", "training", "train", "--solver", solver, folder=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    log = ""
    for line in process.stderr:
        log += line
        if "Iteration 5, lr" in line:
            process.send_signal(signal.SIGTERM)
            break
    log += process.stderr.read()
    out = process.stdout.read()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(60) == 143, log
    assert "Stopping after this iteration, with a snapshot." in log
    (state,) = tmp_path.glob("*.solverstate")
    assert read_solverstate(state).iter > 5
    assert f"--snapshot {state}" in out
    assert leftovers(tmp_path) == []
