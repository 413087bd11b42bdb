"""The annotated picture: the face is there, the bars have the right length, the file is whole or absent."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import MokaError, OutputExists
from faces.face import Face
from inference.annotate import ACCENT, INK, MARGIN, MAX_SIDE, MIN_WIDTH, ROW, TRACK, annotate, write_png
from inference.answer import Answer
from kits.inference import one_colour

AGE = Answer("AgeNet", "age", "argmax", "20-29", {}, probability=0.75)
VALUE = Answer("DexNet", "apparent age", "expected_value", "31.4", {}, value=31.4, standard_deviation=5.2)
LONG = Answer(
    "Net", "task", "argmax", "a class with a very long name, longer than a sheet is wide, much longer", {}, 0.5
)


@pytest.mark.parametrize(
    ("size", "face"),
    [((200, 200), (480, 480)), ((48, 40), (576, 480)), ((700, 600), (700, 600)), ((3000, 1500), (1200, 600))],
)
def test_small_faces_grow_and_large_ones_shrink(size: tuple[int, int], face: tuple[int, int]) -> None:
    sheet = annotate(one_colour((10, 120, 240), *size), [AGE, VALUE])
    assert sheet.dtype == np.uint8
    assert sheet.shape == (face[0] + 2 * ROW + MARGIN, face[1], 3)
    assert (sheet[: face[0], : face[1]] == (10, 120, 240)).all()
    assert (sheet[face[0] :] > 0).all()


@pytest.mark.parametrize("size", [(2000, 16), (16, 2000)])
def test_extreme_proportions(size: tuple[int, int]) -> None:
    sheet = annotate(one_colour((0, 0, 0), *size), [AGE])
    assert sheet.shape[1] >= MIN_WIDTH
    assert max(sheet.shape[0] - ROW - MARGIN, sheet.shape[1]) <= MAX_SIDE


def test_the_bar_is_as_long_as_the_probability() -> None:
    sheet = annotate(one_colour((0, 0, 0), 200, 200), [AGE, VALUE])
    filled = int((sheet[480 + 60] == ACCENT).all(axis=1).sum())
    empty = int((sheet[480 + 60] == TRACK).all(axis=1).sum())
    assert filled / (filled + empty) == pytest.approx(0.75, abs=0.01)
    assert not (sheet[480 + ROW + 60] == ACCENT).all(axis=1).any()  # an expected value has no bar


def test_a_long_answer_leaves_the_percentage_free() -> None:
    """The pixels of "50.0 %" are the same behind a short and a long class name."""
    short = Answer("Net", "task", "argmax", "a", {}, 0.5)
    sheets = [annotate(one_colour((0, 0, 0), 200, 200), [answer]) for answer in (short, LONG)]
    assert np.array_equal(*(sheet[480:, -120:] for sheet in sheets))
    assert not np.array_equal(*(sheet[480:, :300] for sheet in sheets))


def test_numbers_have_the_whole_row() -> None:
    """They have neither percentage nor bar, and a long text ends before the edge."""
    text = ", ".join(f"{number} 0.1234" for number in range(8)) + " and 204 more"
    numbers = Answer("Net", "landmarks", "values", text, values={"0": 0.1234})
    sheet = annotate(one_colour((0, 0, 0), 200, 200), [numbers])
    row = sheet[480:]
    dark = (row.min(axis=(0, 2)) < 100).nonzero()[0]
    assert MIN_WIDTH - 4 * MARGIN < dark.max() <= MIN_WIDTH - MARGIN
    assert not (row == ACCENT).all(axis=2).any()


def test_a_long_task_leaves_room_for_the_answer() -> None:
    long = Answer("Net", "a task whose name is longer than the sheet is wide, by far", "value", "37.5", value=37.5)
    short = Answer("Net", "task", "value", "37.5", value=37.5)
    sheets = [annotate(one_colour((0, 0, 0), 200, 200), [answer]) for answer in (long, short)]
    inks = [(sheet[480:, MIN_WIDTH // 2 :] == INK).all(axis=2).any() for sheet in sheets]
    assert inks == [True, False]


def test_no_answers() -> None:
    assert annotate(one_colour((0, 0, 0), 480, 480), []).shape == (480 + MARGIN, 480, 3)


def test_written_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new folder/a.png"
    sheet = annotate(one_colour((1, 2, 3), 480, 480), [AGE])
    write_png(path, sheet)
    assert np.array_equal(cv2.imread(str(path)), sheet)
    with pytest.raises(OutputExists, match=r"a\.png: already there\. Give --force"):
        write_png(path, sheet[:100])
    assert np.array_equal(cv2.imread(str(path)), sheet)
    write_png(path, sheet[:100], force=True)
    assert cv2.imread(str(path)).shape[0] == 100
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays and no part of the new one is left."""
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    whole = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        whole(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(MokaError, match=r"a\.png: the disk is full"):
        write_png(path, one_colour((1, 2, 3)), force=True)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MokaError, match="cannot be written"):
        write_png(tmp_path / "file/a.png", one_colour((1, 2, 3)))


def test_a_frame_shows_which_face_it_is() -> None:
    picture = np.full((300, 600, 3), 90, np.uint8)
    plain, framed = annotate(picture, []), annotate(picture, [], Face((100.2, 50, 80, 90)))
    changed = np.argwhere((plain != framed).any(axis=2))
    assert changed.min(axis=0) == pytest.approx([50, 100], abs=2)
    assert changed.max(axis=0) == pytest.approx([140, 180], abs=2)
    assert not picture[picture != 90].size
