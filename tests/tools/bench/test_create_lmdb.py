"""The table of create_lmdb's figures, and one run of a few pictures: nothing is timed here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import MokaError
from tools.bench.create_lmdb import Figures, measure, private_memory, table, write_pictures


def test_the_last_line_goes_on_from_the_others() -> None:
    lines = table([Figures(100, 2.0, 50, 10), Figures(300, 4.0, 50.2, 30)], beyond=1_300).splitlines()
    assert lines[2:] == [
        "| 100 | 2.0 | 50 | 50 | 10 |",
        "| 300 | 4.0 | 75 | 50 | 30 |",
        "| 1,300 (extrapolated) | 14 | 93 | 51 | 130 |",
    ]


def test_one_run(tmp_path: Path) -> None:
    write_pictures(tmp_path, 12)
    found = measure(tmp_path, 10, 16)
    assert found.pictures == 10
    assert found.memory > 1 and found.disk > 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.csv", "pictures", "table.csv"]
    (tmp_path / "table.csv").write_text("no\ntable\n")
    with pytest.raises(MokaError, match=r"create_lmdb of 1 pictures ended with 1: .*line 1: found"):
        measure(tmp_path, 1, 16)


def test_memory_of_a_process() -> None:
    assert private_memory(os.getpid()) > 1000
    assert private_memory(2**30) == 0
