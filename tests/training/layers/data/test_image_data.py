"""ImageData: order, resumed shuffling, sizes, bad lists."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from kits.training_layers import layer_of
from training.errors import LayerError, TrainingError
from training.layers import Layer


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make seven pictures, 3 x 4 x 5; picture n is n everywhere, and its label is n + 10."""
    for index in range(7):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((4, 5, 3), index, np.uint8))
    (tmp_path / "list").write_text("".join(f"{tmp_path}/{index}.png {index + 10}\n" for index in range(7)))
    return tmp_path


def layer(folder: Path, settings: str = "batch_size: 3", seed: int = 0, worker: int = 0, workers: int = 1) -> Layer:
    text = f'type: "ImageData" top: "d" top: "l" image_data_param {{ source: "{folder}/list" {settings} }}'
    made, _ = layer_of(text, seed=seed)
    made.context.worker, made.context.workers = worker, workers
    return made


def labels(layer: Layer, batches: int) -> list[int]:
    """Return the labels of the next batches, after checking that the pictures belong to them."""
    found: list[int] = []
    for _ in range(batches):
        pictures, numbers = (top.numpy() for top in layer.forward([]))
        np.testing.assert_array_equal(pictures.mean((1, 2, 3)) + 10, numbers)
        found += numbers.astype(int).tolist()
    layer.close()
    return found


def test_the_order_of_the_list(pictures: Path) -> None:
    assert labels(layer(pictures), 5) == [10 + index % 7 for index in range(15)]


def test_a_shuffled_pass_has_its_own_order_and_every_picture(pictures: Path) -> None:
    drawn = labels(layer(pictures, "batch_size: 4 shuffle: true", seed=3), 7)
    passes = [drawn[first : first + 7] for first in range(0, 28, 7)]
    assert all(sorted(one) == list(range(10, 17)) for one in passes)
    assert len({tuple(one) for one in passes}) == 4
    assert labels(layer(pictures, "batch_size: 4 shuffle: true", seed=3), 7) == drawn
    assert labels(layer(pictures, "batch_size: 4 shuffle: true", seed=4), 7) != drawn


@pytest.mark.parametrize("batch", [0, 1, 5, 11])
def test_seek_continues_as_if_never_interrupted(pictures: Path, batch: int) -> None:
    settings = "batch_size: 3 shuffle: true rand_skip: 6"
    unbroken = labels(layer(pictures, settings, seed=5), batch + 4)
    resumed = layer(pictures, settings, seed=5)
    labels(resumed, 2)
    resumed.seek(batch)  # type: ignore[attr-defined]  # a Source
    assert labels(resumed, 4) == unbroken[3 * batch :]


def test_workers_share_the_batches(pictures: Path) -> None:
    settings = "batch_size: 2 shuffle: true"
    alone = labels(layer(pictures, settings), 8)
    first, second = (labels(layer(pictures, settings, worker=worker, workers=2), 4) for worker in (0, 1))
    both = [
        number for pair in zip(np.reshape(first, (4, 2)), np.reshape(second, (4, 2)), strict=True) for number in pair
    ]
    assert np.ravel(both).tolist() == alone


def test_rand_skip_depends_on_the_seed(pictures: Path) -> None:
    begun = {labels(layer(pictures, "batch_size: 1 rand_skip: 4", seed=seed), 1)[0] for seed in range(40)}
    assert begun == {10, 11, 12, 13}


def test_sizes_and_colours(pictures: Path) -> None:
    text = 'type: "ImageData" top: "d" top: "l" image_data_param {{ source: "{}/list" batch_size: 2 {} }} {}'
    for settings, transform, shape in (
        ("", "", (2, 3, 4, 5)),
        ("is_color: false", "", (2, 1, 4, 5)),
        ("new_height: 8 new_width: 9", "transform_param { crop_size: 6 }", (2, 3, 6, 6)),
    ):
        made, shapes = layer_of(text.format(pictures, settings, transform))
        assert shapes == [shape, (2,)]
        assert tuple(made.forward([])[0].shape) == shape
        made.close()


def test_a_batch_of_one_takes_any_size(pictures: Path) -> None:
    cv2.imwrite(str(pictures / "1.png"), np.zeros((6, 9, 3), np.uint8))
    made = layer(pictures, "batch_size: 1")
    assert [tuple(made.forward([])[0].shape) for _ in range(3)] == [(1, 3, 4, 5), (1, 3, 6, 9), (1, 3, 4, 5)]
    made.close()
    several = layer(pictures, "batch_size: 2")
    with pytest.raises(TrainingError, match=r"line 2: .*1\.png: is 3x6x9 .*first record is 3x4x5.*new_height"):
        several.forward([])
    several.close()


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("gone.png 1\n", "batch_size: 1", r"list, line 1: gone\.png: no such file.*root_folder \(now ''\)"),
        ("gone.png 1\n", 'batch_size: 1 root_folder: "x/"', r"line 1: x/gone\.png: no such file.*now 'x/'"),
        ("\n", "batch_size: 1", "line 1: '' names no picture"),
        ("a.png 1\n\nb.png 2\n", "batch_size: 1", "line 2: '' names no picture"),
        ("a.png 1\n", "batch_size: 1 new_width: 3", "new_height 0 and new_width 3; expected both"),
    ],
)
def test_lists_and_settings_that_are_refused(tmp_path: Path, text: str, settings: str, message: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(LayerError, match=message):
        layer(tmp_path, settings)


def test_a_file_that_is_no_picture(pictures: Path) -> None:
    (pictures / "0.png").write_text("no")
    with pytest.raises(LayerError, match=r"0\.png: not a picture, or damaged"):
        layer(pictures)


def test_an_empty_batch(pictures: Path) -> None:
    with pytest.raises(LayerError, match="needs a batch_size"):
        layer(pictures, "batch_size: 0")


@pytest.mark.timeout(20)
def test_fifos_and_devices(pictures: Path) -> None:
    (pictures / "0.png").unlink()
    os.mkfifo(pictures / "0.png")
    with pytest.raises(LayerError, match=r"0\.png: a fifo, not an ordinary file"):
        layer(pictures)
    (pictures / "list").unlink()
    (pictures / "list").symlink_to("/dev/zero")
    with pytest.raises(LayerError, match=r'list" cannot be read .a device'):
        layer(pictures)


def test_a_truncated_jpeg_is_taken_as_caffe_takes_it(pictures: Path) -> None:
    data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))[1].tobytes()
    (pictures / "0.png").write_bytes(data[: len(data) // 2])
    made = layer(pictures, "batch_size: 1")
    np.testing.assert_array_equal(
        made.forward([])[0][0].numpy().transpose(1, 2, 0), cv2.imread(str(pictures / "0.png"))
    )
    made.close()


def test_sizes_beyond_memory(pictures: Path) -> None:
    with pytest.raises(
        LayerError, match="has new_height 4000000000 and new_width 4000000000; at most 134217728 pixels"
    ):
        layer(pictures, "batch_size: 1 new_height: 4000000000 new_width: 4000000000")


def test_a_list_of_utf_16(pictures: Path) -> None:
    (pictures / "list").write_text(f"{pictures}/0.png 2\n", "utf-16")
    with pytest.raises(LayerError, match=r"cannot be read .*UTF-16 text\. Save it as UTF-8"):
        layer(pictures, "batch_size: 1")


def test_a_byte_order_mark_and_labels_that_are_no_whole_numbers(
    pictures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pictures / "list").write_text(f"\ufeff{pictures}/0.png 2.5\n{pictures}/1.png 7\n{pictures}/2.png x\n", "utf-8")
    with caplog.at_level(logging.WARNING):
        made = layer(pictures, "batch_size: 3")
    assert made.forward([])[1].tolist() == [2, 7, 0]
    made.close()
    assert "2 of 3 labels are no whole numbers" in caplog.text
    assert "HDF5Data" in caplog.text
    (pictures / "list").write_text(f"{pictures}/0.png 0 1 0\n")
    with pytest.raises(LayerError, match=r"0\.png 0 1: no such file .*For several labels or decimals"):
        layer(pictures)
