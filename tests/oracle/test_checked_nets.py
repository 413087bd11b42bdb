"""Whole nets, from our own folder and from papers: each compiles to a blob that computes what its IR does.

All of them take some minutes:

    ZOO=full .venv/bin/python -m pytest tests/oracle/test_checked_nets.py -s
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, NetParameter
from caffe_io.prototxt import read_net
from common.places import ROOT
from kits.ncs import Floats
from kits.oracle import movidius
from ncs import compiler
from ncs.checking import Check, check_blob
from ncs.converter import convert
from ncs.ir import write_ir
from tools.zoo import NETS
from tools.zoo.forks import FORK_NETS
from training.nets.net import Net

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]
FULL = os.environ.get("ZOO") == "full"
OURS = sorted(path.parent.name for path in (ROOT / "prototxt").glob("*/deploy.prototxt"))
FEW = ("AgeNet", "FaceRes", "LMTCNN-1-1")
FEW_OF_THE_ZOO = ("LeNet", "GoogLeNet", "ResNet-18", "Siamese", "MobileNet v3", "YOLO v2")
ENDS = {
    "YOLO v1": ["result"],
    "YOLO v2": ["conv9"],
    "YOLO v3": ["conv9", "conv12"],
    "PVANet": ["features"],
}
"""The outputs on a device, where a net goes on after them."""
PICTURES = 4


def weights_of(net: NetParameter) -> dict[str, list[Floats]]:
    """Random weights that keep the numbers of a net's blobs alike, with the statistics of random pictures."""
    room = NetParameter()
    room.CopyFrom(net)
    kept = [layer for layer in room.layer if not layer.type.startswith("Yolo")]
    del room.layer[:]
    room.layer.extend(kept)
    for layer in room.layer:
        for param in (layer.convolution_param, layer.inner_product_param):
            if param.num_output and not param.HasField("weight_filler"):
                param.weight_filler.type = "msra"
        if layer.type == "Input":
            for shape in layer.input_param.shape:
                shape.dim[0] = PICTURES
    trained = Net(room, TRAIN, seed=1)
    feed = {layer.top[0]: trained.shapes[layer.top[0]] for layer in room.layer if layer.type == "Input"}
    random = np.random.default_rng(2)
    trained.forward({name: torch.from_numpy(random.standard_normal(s).astype(np.float32)) for name, s in feed.items()})
    return {
        layer.name: [blob.detach().numpy().copy() for blob in layer.blobs] for layer in trained.layers if layer.blobs
    }


def checked(net: NetParameter, folder: Path, outputs: tuple[str, ...] = ()) -> Check:
    movidius("python")
    xml, bin, blob, dump = (folder / f"net.{kind}" for kind in ("xml", "bin", "blob", "dot"))
    write_ir(convert(with_small_numbers(net), weights_of(net), outputs=outputs), xml, bin)
    compiler.compile_blob(xml, bin, blob, folder, compiler.Resources(4, 4, 1), dump=dump)
    found = check_blob(xml, blob, dump)
    print(found)
    return found


def with_small_numbers(net: NetParameter) -> NetParameter:
    """Add a Power layer after each input, which brings its bytes to about -2 to 2."""
    ready = NetParameter(name=net.name)
    for layer in net.layer:
        ready.layer.add().CopyFrom(layer)
        if layer.type == "Input":
            (top,) = layer.top
            ready.layer[-1].name = ready.layer[-1].top[0] = f"{top}_bytes"
            power = ready.layer.add(name=f"{top}_power", type="Power", bottom=[f"{top}_bytes"], top=[top])
            power.power_param.scale, power.power_param.shift = 0.015625, -2
    return ready


@pytest.mark.parametrize("name", [*NETS, *FORK_NETS] if FULL else FEW_OF_THE_ZOO)
def test_the_zoo(name: str, tmp_path: Path) -> None:
    entry = {**NETS, **FORK_NETS}[name]
    net = text_format.Parse(entry.writer(entry.small, entry.width).text, NetParameter())
    found = checked(net, tmp_path, tuple(ENDS.get(name, ())))
    assert found.not_checked == ""
    assert found.zero == 0
    assert found.wide < 5e-5


@pytest.mark.parametrize("name", OURS if FULL else FEW)
def test_our_nets(name: str, tmp_path: Path) -> None:
    found = checked(read_net(ROOT / f"prototxt/{name}/deploy.prototxt"), tmp_path)
    assert found.not_checked == ""
    assert found.zero == 0
    assert found.wide < 5e-5
