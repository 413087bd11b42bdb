"""WindowData: draws by definition, window files that are wrong. tests/oracle compares single windows with Caffe."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.commands import LOGGER
from kits.training_layers import layer_of
from training.errors import LayerError, TrainingError
from training.layers import Layer
from training.layers.data import window_file
from training.layers.data.window_data import find_place

SETTINGS = "batch_size: 8 fg_threshold: 0.5 bg_threshold: 0.3"
WINDOW = "# 0\na.png\n3 6 8\n2\n1 0.9 0 0 3 3\n1 0.1 1 1 4 4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, whose left and right halves have values of their own, and five windows in each: two of them objects."""
    text = ""
    for number in range(2):
        picture = np.full((6, 8, 3), 100 * number + 10, np.uint8)
        picture[:, 4:] += 40
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        text += f"# {number}\n{number}.png\n3\n6\n8\n5\n"
        for overlap, left in ((0.5, 0), (0.9, 4), (0.0, 0), (0.29, 4), (0.4, 0)):
            text += f"{2 * number + 1 + (left > 0)} {overlap} {left} 0 {left + 3} 5\n"
    (tmp_path / "windows.txt").write_text(text)
    return tmp_path


def layer(folder: Path, settings: str = SETTINGS, transform: str = "crop_size: 3", seed: int = 0) -> Layer:
    made, _ = layer_of(
        f'type: "WindowData" top: "d" top: "l" transform_param {{ {transform} }} '
        f'window_data_param {{ source: "{folder}/windows.txt" root_folder: "{folder}/" {settings} }}',
        seed=seed,
    )
    return made


def draw(layer: Layer, batches: int) -> list[tuple[float, float]]:
    """Return (label, value of the window's middle) of the next batches."""
    found: list[tuple[float, float]] = []
    for _ in range(batches):
        pictures, labels = (top.numpy() for top in layer.forward([]))
        found += zip(labels.tolist(), pictures[:, 0, 1, 1].tolist(), strict=True)
    layer.close()
    return found


def test_background_comes_first_and_each_window_as_often_as_the_others(folder: Path) -> None:
    drawn = draw(layer(folder), 200)
    for first in range(0, len(drawn), 8):
        labels = [label for label, _ in drawn[first : first + 8]]
        assert labels[:6] == [0] * 6 and 0 not in labels[6:]
    counts = Counter(drawn)
    assert set(counts) == {*((0, value) for value in (10, 50, 110, 150)), (1, 10), (2, 50), (3, 110), (4, 150)}
    # 1200 and 400 draws of four windows each; three standard deviations.
    for (label, _), count in counts.items():
        mean = 100 if label else 300
        assert abs(count - mean) < 3 * (mean * 0.75) ** 0.5


def test_half_are_flipped(folder: Path) -> None:
    (folder / "windows.txt").write_text("# 0\n0.png 3 6 8 2\n1 1 0 0 7 5\n0 0 0 0 7 5\n")
    made = layer(folder, transform="crop_size: 8 mirror: true")
    tops = [next(iter(made.forward([]))).numpy() for _ in range(50)]
    made.close()
    left = np.concatenate(tops)[:, 0, 0, 0]
    assert set(left.tolist()) == {10, 50}
    assert abs((left == 50).sum() - 200) < 30


def test_a_resumed_training_draws_what_an_unbroken_one_draws(folder: Path) -> None:
    whole = draw(layer(folder, seed=5), 6)
    resumed = layer(folder, seed=5)
    resumed.seek(4)  # type: ignore[attr-defined]
    assert draw(resumed, 2) == whole[32:]
    assert draw(layer(folder, seed=6), 6) != whole


@pytest.mark.parametrize(("fraction", "expected"), [(0.25, 2), (0.3, 2), (0.374, 2), (0.375, 3), (0, 0), (1, 8)])
def test_the_share_of_objects_is_rounded_down(folder: Path, fraction: float, expected: int) -> None:
    drawn = draw(layer(folder, f"{SETTINGS} fg_fraction: {fraction}"), 1)
    assert sum(label > 0 for label, _ in drawn) == expected


def test_a_window_that_sticks_out_leaves_zeros_there(folder: Path) -> None:
    (folder / "windows.txt").write_text("# 0\n0.png 3 6 8 2\n1 1 0 0 3 3\n0 0 0 0 3 3\n")
    made = layer(folder, f"{SETTINGS} context_pad: 2", "crop_size: 8 mean_value: 5")
    pictures = next(iter(made.forward([]))).numpy()
    made.close()
    assert (pictures[0, :, :2] == 0).all() and (pictures[0, :, :, :2] == 0).all()
    assert (pictures[0, :, 7] == 0).all()
    assert (pictures[0, :, 2:7, 2:5] == 5).all()


def test_places() -> None:
    # A box of 4 x 4 in the middle, 2 of 8 pixels around it: the box doubles.
    assert find_place([10, 10, 13, 13], (30, 30), 8, 2, False, False) == (8, 8, 16, 16, 8, 8, 0, 0)
    # Its right third is outside, so flipped it begins with zeros.
    assert find_place([26, 10, 29, 13], (30, 30), 8, 2, False, False) == (24, 8, 29, 16, 5, 8, 0, 0)
    assert find_place([26, 10, 29, 13], (30, 30), 8, 2, False, True) == (24, 8, 29, 16, 5, 8, 3, 0)
    assert find_place([10, 10, 13, 11], (30, 30), 8, 0, True, False) == (10, 9, 14, 13, 8, 8, 0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("0 a.png", "picture 0: found '0'; expected a #"),
        (f"{WINDOW}# 1\nb.png 3", "picture 1: the file ends in the middle of it"),
        (
            f"{WINDOW}# 1\nb.png 3 6 8 99999999999999999999999\n",
            "picture 1: '99999999999999999999999' is no whole number",
        ),
        (f"{WINDOW}# 1\nb.png 3 6 8 2\n1 1 0 0 1", "picture 1: the file ends in the middle of it"),
        (f"{WINDOW}# 1\nb.png 1 6 8 0\n", "picture 1: has 1 channels; pictures are read with 3"),
        (f"{WINDOW}# x\nb.png 3 6 8 0\n", "picture 1: 'x' is no whole number"),
        (f"{WINDOW}# 7\nb.png 3 6 8 0\n", "numbered 0 to 7, but there are 2"),
        (f"{WINDOW}# -1\nb.png 3 6 8 0\n", "numbered -1 to 0, but there are 2"),
        (WINDOW.replace("0.9", "half"), "picture 0: could not convert"),
        (WINDOW.replace("0.9", "nan"), "picture 0: expected windows of the form"),
        (WINDOW.replace("3 3\n", "3 3.5\n"), "picture 0: expected windows of the form"),
        (WINDOW.replace("3 3\n", "3 99999999\n"), "picture 0: expected windows of the form"),
        (WINDOW.replace("1 0.9", "0 0.9"), "picture 0: a foreground window has class 0; expected 1 or more"),
        (WINDOW.replace("0.9", "0.4"), "has no foreground window"),
        (WINDOW.replace("0.1", "0.4"), "has no background window"),
        ("#" * 70000, "line 1 is too long"),
    ],
)
def test_window_files_that_are_wrong(folder: Path, text: str, message: str) -> None:
    (folder / "windows.txt").write_text(text)
    with pytest.raises(LayerError, match=r"windows\.txt: ") as caught:
        layer(folder)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "transform", "message"),
    [
        ("batch_size: 0", "crop_size: 3", "needs a batch_size"),
        (SETTINGS, "", "needs a crop_size"),
        (f"{SETTINGS} context_pad: 2", "crop_size: 4", "context_pad 2; expected less than half of crop_size 4"),
        (SETTINGS, "crop_size: 3 mean_value: 1 mean_value: 2", "has 2 mean_value"),
    ],
)
def test_settings_that_are_wrong(folder: Path, settings: str, transform: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        layer(folder, settings, transform)


@pytest.mark.parametrize(
    ("window", "rest", "message"),
    [
        ("0 0 8 5", "", r"window 0 0 8 5 of .*: is not inside the picture, which is 6x8"),
        ("-1 0 7 5", "", "is not inside the picture"),
        ("5 0 3 5", "", "is not inside the picture"),
        ("20 0 30 5", "context_pad: 1", "is not inside the picture"),
        ("7 0 1000 5", "context_pad: 1", "less than a pixel is left"),
    ],
)
def test_windows_outside_their_picture(folder: Path, window: str, rest: str, message: str) -> None:
    (folder / "windows.txt").write_text(f"# 0\n0.png 3 6 8 2\n1 1 {window}\n0 0 {window}\n")
    made = layer(folder, f"{SETTINGS} {rest}")
    with pytest.raises(LayerError, match=message):
        made.forward([])
    made.close()


def test_pictures_and_lists_that_cannot_be_read(folder: Path) -> None:
    (folder / "0.png").write_text("no picture")
    (folder / "1.png").unlink()
    made = layer(folder)
    with pytest.raises(
        LayerError, match=r"windows\.txt, window \d 0 \d 5 of .*\.png: .* Correct the file, or root_folder"
    ):
        made.forward([])
    made.close()
    (folder / "windows.txt").unlink()
    with pytest.raises(LayerError, match=r"cannot be read \(No such file"):
        layer(folder)
    os.mkfifo(folder / "windows.txt")
    with pytest.raises(LayerError, match=r"cannot be read \(a FIFO"):
        layer(folder)


def test_a_scale_that_caffe_ignores_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        made = layer(folder, transform="crop_size: 3 scale: 0.5")
    assert "WindowData ignores the scale 0.5 of transform_param" in caplog.text
    assert {value for _, value in draw(made, 3)} <= {10, 50, 110, 150}


def test_the_documented_form_is_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text(WINDOW)
    found = window_file.read_windows(str(tmp_path / "w.txt"), "root/", 0.5, 0.5)
    assert found.pictures == ["root/a.png"]
    assert found.foreground.tolist() == [[0, 1, 0, 0, 3, 3]]
    assert found.background.tolist() == [[0, 0, 1, 1, 4, 4]]
