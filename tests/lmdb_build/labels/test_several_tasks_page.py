"""docs/several_tasks.md, word for word: its commands run, and its nets learn. tests/oracle compares them with Caffe."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from caffe_io.prototxt import read_solver
from kits.commands import inside
from kits.several_tasks import INFOGAIN, PEAKS, SIGMOID, follow, net_blocks


def test_the_page_has_its_blocks() -> None:
    assert len(net_blocks()) == 6


@pytest.mark.parametrize("years", [INFOGAIN, PEAKS, SIGMOID], ids=["infogain", "peaks", "sigmoid"])
def test_the_net_learns_every_task(tmp_path: Path, years: int) -> None:
    from training.solvers.solver import Solver

    follow(tmp_path, years)
    with inside(tmp_path):
        solver = Solver(read_solver("solver.prototxt"))
        before = {layer: blobs[0].copy() for layer, blobs in solver.net.weights().items()}
        losses = []
        for _ in range(12):
            solver.step(1)
            losses.append({output.name: output.value for output in solver.net.results()})
        after = solver.net.weights()
        solver.close()
    assert set(losses[0]) == {"smile_loss", "gender_loss", "years_loss"}
    assert all(math.isfinite(value) for found in losses for value in found.values())
    for task in ("smile", "gender", "years"):
        layer = f"{task}_scores"
        assert (after[layer][0] != before[layer]).any(), f"{task} did not learn"
