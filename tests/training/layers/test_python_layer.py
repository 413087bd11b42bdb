"""Layers of type Python: refused unless allowed; then a script's class computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter
from kits.commands import inside
from training.errors import LayerError
from training.layers import PythonCode
from training.layers.python_layer import ScriptLayer
from training.nets.layerwise import Layerwise
from training.nets.net import Net


class Scaled(ScriptLayer):
    """Multiplies by a weight and by the number in param_str."""

    def setup(self, bottom: Any, top: Any) -> None:
        self.factor = float(self.param_str or 1)
        self.blobs.add_blob(1)
        self.blobs[0].data[0] = 2

    def reshape(self, bottom: Any, top: Any) -> None:
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom: Any, top: Any) -> None:
        top[0].data[...] = bottom[0].data * self.factor * self.blobs[0].data[0]

    def backward(self, top: Any, propagate_down: Any, bottom: Any) -> None:
        self.blobs[0].diff[0] += (top[0].diff * bottom[0].data).sum() * self.factor
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self.factor * self.blobs[0].data[0]


class Failing(ScriptLayer):
    def setup(self, bottom: Any, top: Any) -> None:
        raise KeyError("no such key")


class Phase(ScriptLayer):
    def reshape(self, bottom: Any, top: Any) -> None:
        top[0].reshape()

    def forward(self, bottom: Any, top: Any) -> None:
        top[0].data[()] = self.phase


def net_of(layer: str, code: PythonCode = PythonCode.RAISED, phase: Any = TRAIN, more: str = "") -> Net:
    text = f"""force_backward: true
        layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 3 }} }} }}
        layer {{ name: "p" type: "Python" top: "y" {layer} }} {more}"""
    return Net(text_format.Parse(text, NetParameter()), phase, "n.prototxt", python_code=code)


def settings(name: str, text: str = "") -> str:
    return f'python_param {{ module: "{__name__}" layer: "{name}" param_str: "{text}" }}'


def test_refused_unless_allowed() -> None:
    with pytest.raises(
        LayerError, match=r'layer "p" is of type Python: code that a prototxt names .*--python-layer MODULE'
    ):
        net_of(f'bottom: "data" {settings("Scaled")}', PythonCode.REFUSED)


@pytest.mark.parametrize("layerwise", [False, True])
def test_forward_and_backward(layerwise: bool) -> None:
    loss = 'layer { name: "l" type: "Reduction" bottom: "y" top: "l" loss_weight: 0.5 }'
    net = net_of(f'bottom: "data" {settings("Scaled", "10")}', more=loss)
    data = torch.arange(6.0).reshape(2, 3)
    if layerwise:
        passes = Layerwise(net)
        passes.data["data"].copy_(data)
        assert passes.forward() == 150
        passes.backward()
        np.testing.assert_array_equal(passes.diff["data"], np.full((2, 3), 10))
        top = passes.data["y"]
    else:
        feed = data.clone().requires_grad_()
        value = net.forward({"data": feed})
        assert float(value.detach()) == 150
        value.backward()
        np.testing.assert_array_equal(feed.grad, np.full((2, 3), 10))
        top = net.blobs["y"].detach()
    np.testing.assert_array_equal(top, data * 20)
    np.testing.assert_array_equal(net.layers[1].blobs[0].grad, [75])


def test_shapes_follow_the_bottom() -> None:
    net = net_of(f'bottom: "data" {settings("Scaled")}')
    passes = Layerwise(net)
    passes.resize("data", (4, 1, 2))
    passes.reshape()
    assert passes.data["y"].shape == (4, 1, 2)
    passes.data["data"].fill_(3)
    passes.forward()
    np.testing.assert_array_equal(passes.data["y"], np.full((4, 1, 2), 6))


@pytest.mark.parametrize("phase", [TRAIN, TEST])
def test_the_phase(phase: Any) -> None:
    net = net_of(settings("Phase"), phase=phase)
    net.forward({"data": torch.zeros(2, 3)})
    assert float(net.blobs["y"]) == phase


def test_exceptions_of_the_code() -> None:
    with pytest.raises(KeyError, match="no such key"):
        net_of(settings("Failing"))
    with pytest.raises(LayerError, match=r'"p" \(Python\): .*\.Failing failed in setup \(KeyError: \'no such key\'\)'):
        net_of(settings("Failing"), PythonCode.REPORTED)
    with pytest.raises(LayerError, match=r"no_such_module\.X failed when it was made \(ModuleNotFoundError"):
        net_of('python_param { module: "no_such_module" layer: "X" }', PythonCode.REPORTED)


def test_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    from training.solvers.snapshot import save_weights

    net = net_of(f'bottom: "data" {settings("Scaled")}')
    with torch.no_grad():
        net.layers[1].blobs[0].fill_(7)
    with inside(tmp_path):
        save_weights(net, "w.caffemodel")
        other = net_of(f'bottom: "data" {settings("Scaled")}')
        assert other.load("w.caffemodel").copied == ["p"]
    other.forward({"data": torch.ones(2, 3)})
    np.testing.assert_array_equal(other.blobs["y"].detach(), np.full((2, 3), 7))


def test_one_module_alone() -> None:
    only = PythonCode(frozenset({"no_such_module"}))
    with pytest.raises(LayerError, match="runs only if you say so"):
        net_of(f'bottom: "data" {settings("Scaled")}', only)
    with pytest.raises(LayerError, match=r"no_such_module\.X failed when it was made"):
        net_of('python_param { module: "no_such_module" layer: "X" }', only)


def test_a_known_layer_runs_its_code_if_it_may() -> None:
    known = 'bottom: "data" bottom: "data" python_param { module: "pyloss" layer: "EuclideanLossLayer" }'
    assert net_of(known, PythonCode.REFUSED).layers[-1].param.type == "EuclideanLoss"
    with pytest.raises(LayerError, match=r"pyloss\.EuclideanLossLayer failed when it was made"):
        net_of(known, PythonCode(frozenset({"pyloss"})))
