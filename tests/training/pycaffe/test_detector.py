"""Windows of pictures. The real pycaffe's context_pad fails with current numpy, so the pixels expected here are made by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training import pycaffe as caffe

NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.prototxt").write_text(NET)
    caffe.Net(tmp_path / "net.prototxt", caffe.TEST).save(tmp_path / "net.caffemodel")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "picture.png"), pixels)
    return tmp_path


def detector(folder: Path, **settings: object) -> caffe.Detector:
    return caffe.Detector(folder / "net.prototxt", folder / "net.caffemodel", **settings)  # type: ignore[arg-type]


def test_each_window_is_classified_alone(folder: Path) -> None:
    net = detector(folder, mean=np.array([0.1, 0.2, 0.3]), channel_swap=(2, 1, 0))
    name = str(folder / "picture.png")
    windows = [(0, 0, 20, 30), (3, 5, 11, 13), (2, 2, 9, 20)]
    found = net.detect_windows([(name, windows)])
    assert [(each["filename"], each["window"]) for each in found] == [(name, window) for window in windows]
    picture = caffe.io.load_image(name)
    for each, (top, left, bottom, right) in zip(found, windows, strict=True):
        blob = net.transformer.preprocess("data", picture[top:bottom, left:right])
        np.testing.assert_allclose(each["prediction"], net.forward_all((), data=blob[None])["prob"][0], rtol=1e-5)
    assert net.detect_windows([]) == []


def test_context(folder: Path) -> None:
    net = detector(folder, mean=np.array([0.1, 0.2, 0.3]), channel_swap=(2, 1, 0), context_pad=2)
    picture = np.ones((20, 30, 3), np.float32)
    inside = net.crop(picture, (8, 10, 11, 13))
    np.testing.assert_allclose(inside, np.ones((8, 8, 3)), atol=1e-6)
    corner = net.crop(picture, (0, 0, 3, 3))
    # What lies outside shows the mean, in the order of the picture's channels.
    np.testing.assert_allclose(corner[:2], np.broadcast_to([0.3, 0.2, 0.1], (2, 8, 3)), atol=1e-6)
    np.testing.assert_allclose(corner[2:, 2:], np.ones((6, 6, 3)), atol=1e-6)


def test_wrong_use(folder: Path) -> None:
    with pytest.raises(ValueError, match="context_pad 4: the net's input of 8x8 must be a square"):
        detector(folder, context_pad=4).crop(np.ones((20, 30, 3), np.float32), (0, 0, 3, 3))
    with pytest.raises(RuntimeError, match="call detect_windows"):
        detector(folder).detect_selective_search(["picture.png"])
