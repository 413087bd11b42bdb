"""Nets run layer by layer: the same gradients as in one piece, and Caffe's blobs in between."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.nets import BRANCHED_NET
from kits.training_layers import build_net
from training.errors import TrainingError
from training.nets.layerwise import Layerwise
from training.nets.net import Net


def feed() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return {"data": torch.randn(4, 2, 6, 6, generator=random), "label": torch.tensor([0.0, 1.0, 1.0, 0.0])}


def filled(net: Net) -> Layerwise:
    passes = Layerwise(net)
    for name, values in feed().items():
        passes.data[name].copy_(values)
    return passes


def test_the_gradients_are_those_of_the_whole_net() -> None:
    reference, net = build_net(BRANCHED_NET, seed=3), build_net(BRANCHED_NET, seed=3)
    loss = reference.forward(feed())
    loss.backward()
    passes = filled(net)
    assert passes.forward() == pytest.approx(float(loss.detach()), rel=1e-6)
    passes.backward()
    for one, other in zip(reference.parameters, net.parameters, strict=True):
        np.testing.assert_allclose(one.values.grad, other.values.grad, rtol=1e-5, atol=1e-7)
    assert float(passes.diff["loss"]) == 2
    assert float(passes.diff["data"].abs().sum()) == 0, "nothing learns above the data"


def test_a_blob_s_diff_is_the_sum_over_its_consumers() -> None:
    passes = filled(build_net(BRANCHED_NET, seed=3))
    passes.forward()
    # Down to a and b, not to prelu.
    passes.backward(end=3)
    conv, sum_diff = passes.data["conv"], passes.diff["sum"]
    sigmoid = conv.sigmoid()
    expected = sum_diff * (sigmoid * (1 - sigmoid) + 1 - conv.tanh() ** 2)
    np.testing.assert_allclose(passes.diff["conv"], expected, rtol=1e-5, atol=1e-7)
    # In place: the diff of the bottom overwrites that of the top.
    passes.backward(start=2, end=2)
    assert not torch.allclose(passes.diff["conv"], expected)


def test_gradients_of_weights_add_up_and_blobs_do_not() -> None:
    passes = filled(build_net(BRANCHED_NET, seed=3))
    passes.forward()
    passes.backward()
    weight = passes.net.parameters[0].values
    assert weight.grad is not None
    once, diff = weight.grad.clone(), passes.diff["fc"].clone()
    passes.backward()
    np.testing.assert_allclose(weight.grad, 2 * once, rtol=1e-6)
    np.testing.assert_array_equal(passes.diff["fc"], diff)


def test_blobs_may_be_changed_between_layers() -> None:
    passes = filled(build_net(BRANCHED_NET, seed=3))
    passes.forward()
    passes.data["fc"].copy_(torch.tensor([[5.0, -5.0]] * 4))
    assert passes.forward(start=7) == pytest.approx(2 * 0.5 * (10 + 2 * np.log1p(np.exp(-10))), rel=1e-5)


def test_other_shapes() -> None:
    passes = filled(build_net(BRANCHED_NET, seed=3))
    passes.resize("data", (2, 2, 6, 6))
    passes.resize("label", (2,))
    passes.reshape()
    assert tuple(passes.data["sum"].shape) == (2, 3, 4, 4)
    passes.forward()
    assert passes.data["fc"].shape[0] == 2
    passes.resize("data", (2, 2, 7, 7))
    with pytest.raises(TrainingError, match="its weights have the shapes"):
        passes.forward()


def test_backward_before_forward() -> None:
    """A caller may fill the bottoms and diffs of a layer itself. The tops stay as they are."""
    reference, passes = filled(build_net(BRANCHED_NET, seed=3)), filled(build_net(BRANCHED_NET, seed=3))
    reference.forward()
    index = [layer.name for layer in passes.net.layers].index("fc")
    (bottom,) = passes.net.layers[index].param.bottom
    for each in (reference, passes):
        each.data[bottom].copy_(reference.data[bottom])
        each.diff["fc"].copy_(torch.arange(8.0).reshape(4, 2))
        each.backward(index, index)
    np.testing.assert_array_equal(passes.diff[bottom], reference.diff[bottom])
    assert float(passes.diff[bottom].abs().sum()) > 0
    assert float(passes.data["fc"].abs().sum()) == 0


def test_a_blob_keeps_its_memory() -> None:
    """As in Caffe, it is replaced only when it becomes too small."""
    passes = filled(build_net(BRANCHED_NET, seed=3))
    held = passes.data["data"].numpy()
    passes.resize("data", (2, 2, 6, 6))
    np.testing.assert_array_equal(passes.data["data"], feed()["data"][:2])
    passes.data["data"].fill_(5)
    assert (held[:2] == 5).all()
    passes.resize("data", (8, 2, 6, 6))
    assert float(passes.data["data"].abs().sum()) == 0


def test_what_dummy_data_fills_once_is_the_callers() -> None:
    passes = Layerwise(
        build_net(
            """layer { name: "d" type: "DummyData" top: "x" top: "z" dummy_data_param { shape { dim: 3 }
            data_filler { type: "constant" value: 4 } data_filler { type: "gaussian" std: 1 } } }"""
        )
    )
    np.testing.assert_array_equal(passes.data["x"], [4, 4, 4])
    passes.data["x"].fill_(1)
    passes.forward()
    np.testing.assert_array_equal(passes.data["x"], [1, 1, 1])
    assert float(passes.data["z"].abs().sum()) > 0


def test_layers_that_pass_numbers_on_share_their_bottom_s_memory() -> None:
    net = """force_backward: true
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 } } }
        layer { name: "f" type: "Flatten" bottom: "x" top: "f" }
        layer { name: "r" type: "Reshape" bottom: "f" top: "r" reshape_param { shape { dim: 0 dim: 2 dim: 3 } } }
        layer { name: "end" type: "Power" bottom: "r" top: "end" power_param { scale: 3 } }"""
    passes = Layerwise(build_net(net))
    for rows in (2, 5, 1):
        passes.resize("x", (rows, 6))
        passes.forward()
        passes.data["f"][-1, -1] = 7
        assert passes.data["r"][-1, 1, 2] == passes.data["x"][-1, -1] == 7
        passes.forward()
        assert passes.data["end"][-1, -1, -1] == 21
        passes.diff["end"].fill_(1)
        passes.backward()
        assert (passes.diff["x"] == 3).all()
        passes.diff["x"][0, 0] = 9
        assert passes.diff["f"][0, 0] == passes.diff["r"][0, 0, 0] == 9


def test_a_bottom_with_two_consumers_keeps_its_own_memory() -> None:
    net = """force_backward: true
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 } } }
        layer { name: "f" type: "Flatten" bottom: "x" top: "f" }
        layer { name: "sum" type: "Eltwise" bottom: "x" bottom: "f" top: "sum" }"""
    passes = Layerwise(build_net(net))
    passes.forward()
    passes.diff["sum"].fill_(1)
    passes.backward()
    assert (passes.diff["x"] == 2).all()
    assert (passes.diff["f"] == 1).all()
