"""A process that may not have the memory that it needs: one plain message, and nothing half-written."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from common.places import ROOT
from kits.commands import run_process
from kits.inference import card_of, write_graph
from kits.lmdb_build import write_picture
from kits.training import small_solver

BYTES = 300_000_000
"""Enough for Python and OpenCV, too little for PyTorch and OpenVINO."""
COMMANDS = {
    "train": ["train", "--solver", "solver.prototxt"],
    "evaluate": ["evaluate", "--model", "net.prototxt", "--weights", "w.caffemodel"],
    "convert_imageset": ["convert_imageset", "./", "list.txt", "new_lmdb"],
    "infer": ["infer", "--device", "CPU", "--image_path", "face.png", "--graph", "cards"],
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_without_memory_says_so_and_leaves_nothing(working_folder: Path, verb: str) -> None:
    small_solver(working_folder)
    write_picture(working_folder / "face.png")
    Path("list.txt").write_text("face.png 0\n")
    Path("w.caffemodel").touch()
    write_graph(working_folder / "cards", card_of())
    before = sorted(working_folder.rglob("*"))
    done = run_process(
        ROOT / "moka", *COMMANDS[verb], folder=working_folder, variables={"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES)),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "memory" in done.stderr
    assert "Traceback" not in done.stderr and "fault in Moka" not in done.stderr
    assert sorted(working_folder.rglob("*")) == before
