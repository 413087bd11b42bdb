"""What tests/oracle/test_pycaffe.py leaves out: errors, and pictures whose values are known."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.errors import TrainingError
from training.pycaffe import io as io


def test_pictures_are_rgb_from_0_to_1(tmp_path: Path) -> None:
    blue = np.zeros((2, 3, 3), np.uint8)
    blue[..., 0] = 255
    cv2.imwrite(str(tmp_path / "blue.png"), blue)
    np.testing.assert_array_equal(io.load_image(tmp_path / "blue.png")[0, 0], [0, 0, 1])
    np.testing.assert_allclose(io.load_image(tmp_path / "blue.png", color=False), np.full((2, 3, 1), 0.0721), rtol=1e-6)
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((2, 3), 65535, np.uint16))
    np.testing.assert_array_equal(io.load_image(tmp_path / "deep.png"), np.ones((2, 3, 3)))
    (tmp_path / "none.png").write_text("no picture")
    with pytest.raises(TrainingError, match=r"none\.png: cannot be read"):
        io.load_image(tmp_path / "none.png")


def test_resizing_to_the_same_size_changes_nothing() -> None:
    picture = np.random.default_rng(0).random((5, 4, 3), np.float32)
    np.testing.assert_allclose(io.resize_image(picture, (5, 4)), picture, atol=1e-6)
    np.testing.assert_array_equal(
        io.resize_image(np.full((5, 4, 1), 0.25, np.float32), (9, 2)), np.full((9, 2, 1), 0.25)
    )
    with pytest.raises(TrainingError, match="interp_order 3"):
        io.resize_image(picture, (5, 4), 3)


def test_preprocess_and_deprocess() -> None:
    transformer = io.Transformer({"data": (1, 3, 5, 4)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 0, 1))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", np.array([1.0, 2, 3]))
    transformer.set_input_scale("data", 0.5)
    picture = np.random.default_rng(0).random((5, 4, 3), np.float32)
    blob = transformer.preprocess("data", picture)
    np.testing.assert_allclose(blob[0], (picture[..., 2] * 255 - 1) / 2, rtol=1e-5)
    np.testing.assert_allclose(transformer.deprocess("data", blob[None]), picture, atol=1e-5)


def test_settings_that_do_not_fit() -> None:
    transformer = io.Transformer({"data": (1, 3, 5, 4)})
    with pytest.raises(TrainingError, match=r'there is no input "picture"\. Known: data'):
        transformer.set_raw_scale("picture", 255)
    with pytest.raises(TrainingError, match='the channel_swap of "data" has 2 numbers; expected 3'):
        transformer.set_channel_swap("data", (1, 0))
    with pytest.raises(TrainingError, match='the mean of "data" has 4 numbers; expected 3'):
        transformer.set_mean("data", np.zeros(4))
    with pytest.raises(TrainingError, match='the mean of "data" has 4 axes'):
        transformer.set_mean("data", np.zeros((1, 3, 5, 4)))
    with pytest.raises(TrainingError, match="an array of 2 axes"):
        io.array_to_datum(np.zeros((3, 4)))


def test_datums_of_bytes() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    datum = io.array_to_datum(array, 7)
    assert (datum.label, datum.data) == (7, bytes(range(24)))
    np.testing.assert_array_equal(io.datum_to_array(datum), array)


def test_vectors_of_blobs() -> None:
    arrays = [np.arange(6.0).reshape(2, 3), np.ones(4)]
    data = io.arraylist_to_blobprotovector_str(arrays)
    assert isinstance(data, bytes)
    for found, array in zip(io.blobprotovector_str_to_arraylist(data), arrays, strict=True):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == np.float64


def test_a_blob_whose_shape_does_not_fit() -> None:
    blob = io.caffe_pb2.BlobProto(data=[1, 2, 3])
    blob.shape.dim.extend([2, 2])
    with pytest.raises(ValueError, match="holds 3 numbers; expected 4"):
        io.blobproto_to_array(blob)
    blob.shape.dim[:] = [3]
    with pytest.raises(ValueError, match="cannot reshape"):
        io.blobproto_to_array(blob, return_diff=True)


def test_the_nearest_pixel() -> None:
    labels = np.array([[1, 2], [3, 4]], np.float32)[:, :, None]
    for channels in (1, 2):
        found = io.resize_image(labels.repeat(channels, 2), (4, 6), interp_order=0)
        np.testing.assert_array_equal(found[:, :, -1], np.array([[1, 2], [3, 4]]).repeat(2, 0).repeat(3, 1))


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ValueError, match="cannot be read as a picture"):
        io.load_image(tmp_path / "empty.jpg")
    with pytest.raises(RuntimeError, match=r"none\.png: cannot be read \(No such file"):
        io.load_image(tmp_path / "none.png")
    os.mkfifo(tmp_path / "fifo.png")
    with pytest.raises(TrainingError, match=r"fifo\.png: cannot be read \(a FIFO"):
        io.load_image(tmp_path / "fifo.png")
