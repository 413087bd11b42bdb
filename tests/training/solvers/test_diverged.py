"""A training whose loss or weights become NaN ends, and says so."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from kits.training import small_solver
from kits.training_commands import command, leftovers
from training import pycaffe
from training.solvers.record import read_rows


@pytest.mark.parametrize("settings", [{"base_lr": 1e20}, {"base_lr": 1.0, "momentum": 1e15}])
def test_a_diverged_training_ends(tmp_path: Path, settings: dict[str, float]) -> None:
    solver = small_solver(tmp_path, **settings, max_iter=40, snapshot=40, display=1)
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 1
    assert "Optimization Done" not in done.err
    assert f"error: {solver}: " in done.err
    assert "so the training has diverged and ends" in done.err
    assert "Try a lower base_lr" in done.err
    assert list(tmp_path.glob("small_iter_*")) == []
    assert leftovers(tmp_path) == []
    # The curves show what happened before.
    assert read_rows(tmp_path / "small_log.csv")


def test_weights_that_the_last_update_spoilt(tmp_path: Path) -> None:
    """Their loss was not computed any more."""
    solver = small_solver(tmp_path, base_lr=3e38, weight_decay=1e3, max_iter=1, display=0, test_interval=10, snapshot=0)
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 1
    assert 'weights of layer "conv1" are NaN or infinite at iteration 1' in done.err
    assert list(tmp_path.glob("small_iter_*")) == []


def test_pycaffe_goes_on_as_pycaffe_does(tmp_path: Path) -> None:
    solver = pycaffe.get_solver(
        small_solver(tmp_path, base_lr=1e20, max_iter=40, test_interval=100, test_initialization=False, snapshot=0)
    )
    solver.step(10)
    assert solver.iter == 10
    assert not math.isfinite(float(solver.net.blobs["loss"].data))
