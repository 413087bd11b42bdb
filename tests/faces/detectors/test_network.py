"""The nets of the detectors, run by OpenVINO, give what OpenCV's own reader of the same files gives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from faces.detectors.files import PACKAGES, require_files
from faces.detectors.network import Network
from faces.errors import DetectorError
from kits.faces import need_files

# File -> the shape of an input.
SHAPES = {
    "face_detection_short_range.tflite": (1, 128, 128, 3),
    "pnet.onnx": (1, 33, 47, 3),
    "rnet.onnx": (3, 24, 24, 3),
    "onet.onnx": (2, 48, 48, 3),
}


@pytest.mark.parametrize(
    ("detector", "number"),
    [(name, i) for name in PACKAGES if not PACKAGES[name].compiled for i in range(len(PACKAGES[name].files))],
)
def test_outputs_are_those_of_opencv(detector: str, number: int) -> None:
    need_files(detector)
    path = require_files(detector)[number]
    tensor = np.random.default_rng(4).uniform(-1, 1, SHAPES[path.name]).astype(np.float32)
    net = cv2.dnn.readNet(str(path))
    # OpenCV turns a .tflite into its own order of axes.
    net.setInput(tensor.transpose(0, 3, 1, 2) if path.suffix == ".tflite" else tensor)
    theirs = {np.shape(value): np.asarray(value) for value in net.forward(net.getUnconnectedOutLayersNames())}
    ours = Network(path)(tensor)
    assert len(ours) == len(theirs)
    for value in ours:
        assert np.abs(value - theirs[value.shape]).max() < 1e-4 * max(1, np.abs(value).max())


def test_a_file_that_is_no_net(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no net")
    with pytest.raises(DetectorError, match=r"net\.onnx: OpenVINO cannot load it"):
        Network(path)
