"""The comparison of the detector res10 with OpenCV's DNN, on drawn faces; real ones are for the developer's machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import MokaError, UsageError
from kits.faces import need_files
from tools import res10_check
from tools.res10_check import Tally, boxes, main, matched
from tools.sample_faces import write_faces

ROWS = np.float32([[0, 1, 0.9, 0.1, 0.2, 0.3, 0.4], [0, 1, 0.02, 0.5, 0.5, 0.9, 0.9]])


def test_rows_match_in_any_order() -> None:
    moved = ROWS[::-1] + np.float32([0, 0, 0, 0, 0, 0, 5e-4])
    mine, yours, difference = matched(moved, ROWS)
    assert mine.all()
    assert yours.all()
    assert difference == pytest.approx(5e-4, rel=1e-3)
    mine, yours, _ = matched(ROWS + np.float32([0, 0, 0, 2e-3, 0, 0, 0]), ROWS)
    assert not mine.any()
    assert not yours.any()
    assert [side.tolist() for side in matched(ROWS, ROWS[:0])[:2]] == [[False, False], []]


def test_a_tally_counts_boxes_without_a_match() -> None:
    tally = Tally()
    tally.add("a.jpg", ROWS, ROWS)
    tally.add("b.jpg", ROWS[:1], ROWS)
    tally.add("c.jpg", ROWS, ROWS[1:])
    assert (tally.boxes, tally.sure, tally.lost, tally.lost_sure) == (5, 2, 2, 1)
    assert tally.other_pictures == ["b.jpg", "c.jpg"]
    assert str(tally).startswith(
        "1 of 3 pictures with the same boxes; 2 of 5 boxes without a match (1 of the 2 above 0.5)"
    )


def test_rows_that_only_fill_the_output_are_no_boxes() -> None:
    for filler in ([-1, 0, 0, 0, 0, 0, 0], [0] * 7, [0, -1, -1, -1, -1, -1, -1]):
        assert len(boxes(np.concatenate([ROWS, np.float32([filler, filler])])[None, None])) == 2


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_drawn_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_files("res10")
    write_faces(tmp_path / "faces", 4)
    main([str(tmp_path / "faces"), "--count", "4"])
    lines = capsys.readouterr().out.splitlines()
    found = dict(line.split(": ", 1) for line in lines if "pictures with the same boxes" in line)
    assert {"forward", "FP32 IR", "FP16 IR"} <= found.keys()
    assert found["forward"].startswith("4 of 4 pictures")
    assert any("depthai reads its outputs as {'detection_out': [7, 200, 1, 1]}" in line for line in lines)


@pytest.mark.oracle
def test_a_difference_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_files("res10")
    write_faces(tmp_path / "faces", 1)
    monkeypatch.setattr(res10_check, "toolchain_has", lambda part: False)
    monkeypatch.setattr(res10_check, "TOLERANCE", -1.0)
    with pytest.raises(MokaError, match=r"forward, FP32 IR: boxes above 0\.5 differ from OpenCV's"):
        main([str(tmp_path / "faces"), "--count", "1"])
    with pytest.raises(UsageError, match="--count 0: expected at least 1"):
        main([str(tmp_path / "faces"), "--count", "0"])
