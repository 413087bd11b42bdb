"""Well-known nets of forks, whole: every blob as Caffe 1.0 and formulas have it, our IR in both OpenVINOs, and a Myriad blob."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kits.fork_nets import fork_net, judged
from kits.forks import ForkNet, assert_equal, by_opencv, by_openvino_2021, compile_blob, converted, our_ir, trained
from kits.oracle_layers import Judge
from tools.zoo.forks import FORK_NETS

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]
OUTPUTS = {
    "OpenPose": ["stage2_L1", "stage2_L2"],
    "PVANet": ["features"],
    "YOLO v1": ["result"],
    "YOLO v2": ["conv9"],
    "YOLO v3": ["conv9", "conv12"],
}
"""What ends a net on a device; "prob" for the others."""


def net_of(name: str) -> ForkNet:
    entry = FORK_NETS[name]
    return fork_net(entry.writer(entry.small, entry.width).text, OUTPUTS.get(name, ["prob"]))


@pytest.mark.parametrize("name", FORK_NETS)
def test_answers(judge: Judge, name: str, tmp_path: Path) -> None:
    net = net_of(name)
    expected = judged(judge, net)
    outputs = net.tops
    # A mask's index may be that of another of two numbers that are equal but for rounding; what Upsample makes of it is judged.
    net.tops = [blob for blob in expected if blob not in net.feed and not blob.endswith("_mask")]
    assert_equal(trained(net), expected, net)
    net.tops = outputs
    whole = [line for line in net.layers if 'type: "Yolo' not in line]
    net.layers = whole
    assert_equal(converted(net), expected, net)
    assert_equal(by_openvino_2021(net, our_ir(net, tmp_path)), expected, net)
    assert compile_blob(net, tmp_path).stat().st_size > 0


@pytest.mark.parametrize("name", ["YOLO v1", "YOLO v2", "OpenPose", "ShuffleNet"])
def test_opencv(name: str) -> None:
    """Those that OpenCV reads whole, and computes as Caffe does; PVANet it does not."""
    net = net_of(name)
    net.layers = [line for line in net.layers if 'type: "Yolo' not in line]
    assert_equal(trained(net), by_opencv(net), net, 1e-3)


@pytest.mark.parametrize("name", ["YOLO v2", "YOLO v3"])
def test_detections(name: str) -> None:
    """The whole net ends in rows of boxes."""
    net = net_of(name)
    net.tops = ["detection_out"]
    rows = trained(net)["detection_out"][0, 0]
    assert rows.shape[1] == 7
    assert len(rows) > 1
    assert (np.diff(rows[:, 2]) <= 0).all()
