"""Faster R-CNN, R-FCN and a CRNN, whole: against Model Optimizer's IR, or Caffe 1.0, and through the MYRIAD compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kits.fork_nets import judged
from kits.forks import (
    assert_equal,
    by_model_optimizer,
    by_openvino_2021,
    compile_blob,
    converted,
    our_ir,
    trained,
)
from kits.oracle_layers import Judge
from kits.region_nets import OUTPUTS, net_of
from tools.zoo.regions import REGION_NETS

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]


@pytest.mark.parametrize("name", ["Faster R-CNN", "R-FCN"])
def test_regions_as_model_optimizer(name: str, tmp_path: Path) -> None:
    """Proposal gives as many rows as it has boxes, and OpenVINO's is filled up; those that there are agree."""
    net = net_of(name)
    expected = by_model_optimizer(net, tmp_path)
    for found in (converted(net), by_openvino_2021(net, our_ir(net, tmp_path))):
        assert_equal(found, expected, net)
    net.tops = ["rois", *net.tops]
    ours = trained(net)
    count = len(ours["rois"])
    assert 3 < count <= 16
    for blob in OUTPUTS[name]:
        assert len(ours[blob]) == count
        assert expected[blob][:count].std() > 1e-3
        np.testing.assert_allclose(ours[blob], expected[blob][:count], rtol=1e-3, atol=1e-4, err_msg=blob)


def test_crnn_as_caffe(judge: Judge, tmp_path: Path) -> None:
    net = net_of("CRNN")
    # Caffe is given cont where it is used.
    expected = judged(judge, replace(net, layers=[line for line in net.layers if 'name: "cont"' not in line]))
    assert expected["prob"].std() > 1e-2
    assert_equal(converted(net), expected, net)
    assert_equal(by_openvino_2021(net, our_ir(net, tmp_path)), expected, net)
    net.tops = [blob for blob in expected if blob not in net.feed]
    assert_equal(trained(net), expected, net)


@pytest.mark.parametrize("name", REGION_NETS)
def test_myriad(name: str, tmp_path: Path) -> None:
    import depthai

    blob = depthai.OpenVINO.Blob(compile_blob(net_of(name), tmp_path))
    assert set(OUTPUTS[name]) <= set(blob.networkOutputs)
