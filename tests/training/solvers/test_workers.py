"""Several workers that train one net, started with torchrun as a user starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_solver
from caffe_io.weights import read_solverstate, read_weights
from common.places import ROOT
from kits.commands import inside, start_process
from kits.training import make_lmdb, write_solver
from kits.training_commands import command

pytestmark = pytest.mark.slow

ONE_CPU_THREAD = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
"""Two workers need two GPUs, or none."""

NET = """name: "Shared"
layer {{ name: "data" type: "Data" top: "data" top: "label" transform_param {{ mean_value: 120 scale: 0.01 }}
  data_param {{ source: "records" backend: LMDB batch_size: {batch} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 6 kernel_size: 3 stride: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include {{ phase: TEST }} }}
"""


def prepare(folder: Path, name: str, batch: int, **settings: object) -> str:
    """Write a net of batch size `batch` and its solver, both called `name`; return the solver's file name."""
    if not (folder / "records").exists():
        make_lmdb(folder / "records", 130, 12, 3, seed=1)
    (folder / f"{name}_net.prototxt").write_text(NET.format(batch=batch))
    values = {
        "net": f"{name}_net.prototxt",
        "snapshot_prefix": name,
        "base_lr": 0.05,
        "lr_policy": "fixed",
        "momentum": 0.9,
        "weight_decay": 0.001,
        "random_seed": 5,
        "max_iter": 9,
        "display": 3,
        "test_interval": 4,
        "test_iter": 2,
        **settings,
    }
    return write_solver(folder / f"{name}.prototxt", **values).name


@contextmanager
def started(folder: Path, solver: str, workers: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `torchrun --standalone --nproc-per-node WORKERS moka train --solver SOLVER OPTIONS` during the block.

    The folder holds a training.py of the user's, which `-m training` would run.
    """
    (folder / "training.py").write_text("raise SystemExit\n")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", workers]
    words = [*torchrun, ROOT / "moka", "train", "--solver", solver, *options]
    process = start_process(*words, folder=folder, variables=ONE_CPU_THREAD)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def children(parent: int) -> dict[int, int]:
    """Return the process ids of torchrun's workers by their rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                rank = re.search(r"\0RANK=(\d+)\0", "\0" + (folder / "environ").read_text())
                if rank:
                    found[int(rank[1])] = int(folder.name)
        except OSError:
            # It has ended meanwhile.
            continue
    return found


def wait_for(path: Path, process: subprocess.Popen[str], lines: int = 0) -> None:
    """Wait until a file is there and holds that many lines."""
    end = time.monotonic() + 200
    while not path.exists() or (lines and path.read_bytes().count(b"\n") < lines):
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("one", "two", "iter_size"), [(50, 25, 1), (12, 6, 2)])
def test_two_workers_make_the_updates_of_one_with_twice_the_batch(
    tmp_path: Path, one: int, two: int, iter_size: int
) -> None:
    from training.solvers.solver import Solver

    solver = prepare(tmp_path, "one", one, iter_size=iter_size)
    with inside(tmp_path):
        alone = Solver(read_solver(solver))
        alone.step(9)
        alone.snapshot()
        alone.close()
    with started(tmp_path, prepare(tmp_path, "two", two, iter_size=iter_size), 2) as process:
        out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err[-3000:]
    single, several = (read_weights(tmp_path / f"{name}_iter_9.caffemodel") for name in ("one", "two"))
    for layer, blobs in single.items():
        for mine, other in zip(several[layer], blobs, strict=True):
            assert np.abs(mine - other).max() <= 1e-5 * np.abs(other).max(), layer
    states = [read_solverstate(tmp_path / f"{name}_iter_9.solverstate") for name in ("one", "two")]
    for mine, other in zip(*(state.history for state in states), strict=True):
        assert np.abs(np.subtract(mine.data, other.data)).max() <= 1e-4 * np.abs(other.data).max()
    assert len(re.findall(r"Iteration \d+, lr = ", err)) == 3, "one worker alone writes the log"
    assert len(re.findall(r"Testing net", err)) == 3
    assert "2 workers" in err
    assert out.count("iterations in") == 1


@pytest.mark.timeout(600)
def test_two_workers_end_together_when_the_budget_is_up(tmp_path: Path) -> None:
    """The clock of the first one decides. The other one would wait for gradients if it had another end."""
    solver = prepare(tmp_path, "net", 6, max_iter=1_000_000, lr_policy="poly", power=1.0, display=0)
    with started(tmp_path, solver, 2, "--budget", "0.3") as process:
        _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err[-3000:]
    last = int(re.findall(r"Budget: max_iter (\d+)", err)[-1])
    assert 1 <= last < 1_000_000
    assert (tmp_path / f"net_iter_{last}.caffemodel").exists()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lost", [0, 1])
def test_a_worker_that_is_killed(tmp_path: Path, lost: int) -> None:
    """The newest snapshot is complete, the message names it, and training resumes from it."""
    solver = prepare(tmp_path, "net", 6, max_iter=1_000_000, snapshot=3, test_interval=1_000_000)
    with started(tmp_path, solver, 2) as process:
        wait_for(tmp_path / "net_iter_6.solverstate", process)
        os.kill(children(process.pid)[lost], signal.SIGKILL)
        _, err = process.communicate(timeout=200)
    assert process.returncode != 0
    message = re.search(
        rf"error: worker {1 - lost} of 2: .*The newest snapshot is complete; resume with: --snapshot (\S+)$", err, re.M
    )
    assert message, err[-3000:]
    iteration = read_solverstate(tmp_path / message[1]).iter
    assert iteration >= 6
    solver = prepare(tmp_path, "net", 6, max_iter=iteration + 2)
    done = command("train", "--solver", solver, "--snapshot", message[1], folder=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / f"net_iter_{iteration + 2}.caffemodel").exists()


@pytest.mark.timeout(600)
def test_ctrl_c_stops_all_workers_after_the_same_iteration(tmp_path: Path) -> None:
    solver = prepare(tmp_path, "net", 6, max_iter=1_000_000, snapshot=1_000_000, test_interval=1_000_000)
    with started(tmp_path, solver, 2) as process:
        wait_for(tmp_path / "net_log.csv", process, lines=2)
        # A terminal sends Ctrl-C to all of them.
        for pid in [*children(process.pid).values(), process.pid]:
            os.kill(pid, signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert "Optimization stopped early." in err
    states = list(tmp_path.glob("net_iter_*.solverstate"))
    assert len(states) == 1
    assert f"To resume, add to the same command: --snapshot {states[0].name}" in out
    assert read_solverstate(states[0]).iter > 0


def test_a_single_worker_changes_nothing() -> None:
    import torch

    from training.solvers.workers import Workers

    gradient = torch.ones(3)
    assert Workers().average([gradient], [True, False]) == [True, False]
    assert Workers().broadcast_number(7) == 7
    assert Workers().broadcast_numbers([0.1, 2**31 - 1]) == [0.1, 2**31 - 1]
    assert gradient.tolist() == [1, 1, 1]


@pytest.mark.parametrize("count", ["x", "", "0", "-1", "1.5"])
def test_a_count_of_workers_that_is_none(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    from training.errors import WorkerError
    from training.solvers.workers import join_workers

    monkeypatch.setenv("WORLD_SIZE", count)
    with (
        pytest.raises(WorkerError, match=f"WORLD_SIZE in the environment is '{count}'; expected a number"),
        join_workers(),
    ):
        pass


def test_more_workers_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from training.errors import WorkerError
    from training.solvers.workers import join_workers

    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(WorkerError, match=r"found 1, expected one for each .* --nproc-per-node 1"), join_workers():
        pytest.fail("there is no second GPU")
