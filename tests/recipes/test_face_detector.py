"""The face detector's net: its files, and whether they fit the weights that belong to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.graph import NetGraph
from caffe_io.net_check import check_net
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from common.card import read_net_card
from common.places import ROOT
from faces.detectors.files import PACKAGES, has_files, require_files
from recipes import face_detector

FOLDER = ROOT / "prototxt" / face_detector.NAME


def test_the_files_are_the_program_s() -> None:
    """Written by python -m recipes.face_detector."""
    for name, text in face_detector.files().items():
        assert (FOLDER / name).read_text() == text, name


def test_it_writes_them(tmp_path: Path) -> None:
    face_detector.main(["--out", str(tmp_path)])
    assert (tmp_path / "face_detector/card.json").read_text() == face_detector.card()


def test_net_and_card_are_right() -> None:
    net = read_net(FOLDER / "deploy.prototxt")
    check_net(NetGraph(net), "deploy.prototxt", net)
    (output,) = read_net_card(FOLDER / "card.json").outputs
    (layer,) = [layer for layer in net.layer if layer.type == "DetectionOutput"]
    assert output.blob in layer.top
    assert output.size == 7 * layer.detection_output_param.keep_top_k


@pytest.mark.skipif("res10" not in PACKAGES or not has_files("res10"), reason="needs tools/detectors.sh res10")
def test_each_layer_with_weights_has_them() -> None:
    """The caffemodel knows layers by their names."""
    (path,) = require_files("res10")
    weights = read_weights(path)
    net = read_net(FOLDER / "deploy.prototxt")
    weighty = {"Convolution", "BatchNorm", "Scale", "Normalize"}
    assert {layer.name for layer in net.layer if layer.type in weighty} == {
        name for name, blobs in weights.items() if blobs
    }
    for layer in net.layer:
        if layer.type == "Convolution":
            assert weights[layer.name][0].shape[0] == layer.convolution_param.num_output, layer.name
            assert weights[layer.name][0].shape[2:] == (layer.convolution_param.kernel_size[0],) * 2
            assert len(weights[layer.name]) == 1 + layer.convolution_param.bias_term
