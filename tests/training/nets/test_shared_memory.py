from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import SolverParameter
from kits.training_layers import build_net
from training.nets.layerwise import Layerwise
from training.nets.net import Net
from training.solvers.gradients import warn_of_lost_gradients

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
INPUT = 'force_backward: true layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
TWO = "inner_product_param { num_output: 1 bias_term: false weight_filler { value: 2 } }"
RESHAPE = "reshape_param { shape { dim: 0 dim: 3 dim: 1 } }"


def net(*layers: str) -> Net:
    """A net of layers, each written "Type bottom top settings"."""
    texts = [INPUT]
    for number, text in enumerate(layers):
        kind, bottom, top, *settings = text.split(" ", 3)
        texts.append(f'layer {{ name: "{number}" type: "{kind}" bottom: "{bottom}" top: "{top}" {"".join(settings)} }}')
    built: Net = build_net(*texts)
    return built


def run(net: Net, layerwise: bool, **diffs: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The blobs, and the gradient of x, in one piece or layer by layer."""
    if layerwise:
        passes = Layerwise(net)
        passes.data["x"].copy_(X)
        passes.forward()
        for name, diff in diffs.items():
            passes.diff[name].copy_(diff)
        passes.backward()
        return passes.data, passes.diff["x"]
    x = X.clone().requires_grad_()
    net.forward({"x": x})
    if any(net.blobs[name].requires_grad for name in diffs):
        torch.autograd.backward([net.blobs[name] for name in diffs], list(diffs.values()))
    assert torch.equal(x, X), "what the caller feeds stays"
    return net.blobs, torch.zeros_like(X) if x.grad is None else x.grad


@pytest.mark.parametrize("layerwise", [False, True])
def test_a_layer_in_place_writes_into_all_blobs_of_a_memory(layerwise: bool) -> None:
    layers = net("Sigmoid x s", f"Reshape s r {RESHAPE}", "TanH r r", "Reduction r z")
    blobs, gradient = run(layers, layerwise, z=torch.tensor(3.0))
    end = np.tanh(1 / (1 + np.exp(-X.numpy())))
    np.testing.assert_allclose(blobs["r"].detach()[..., 0], end, rtol=1e-5)
    np.testing.assert_allclose(blobs["s"].detach(), end, rtol=1e-5)
    # Sigmoid's slope at what TanH has written.
    np.testing.assert_allclose(gradient, 3 * (1 - end**2) * end * (1 - end), rtol=1e-4)


def test_consumers_before_and_after_the_layer_in_place() -> None:
    layers = net(
        f"InnerProduct x a {TWO}", "Flatten x f", "Power f f power_param { scale: 10 }", f"InnerProduct x b {TWO}"
    )
    weight = layers.layers[1].blobs[0]
    one = torch.ones(2, 1)
    blobs, gradient = run(layers, False, a=one)
    np.testing.assert_allclose(blobs["a"].detach(), 2 * X.sum(1, keepdim=True), rtol=1e-4)
    np.testing.assert_allclose(blobs["b"].detach(), 20 * X.sum(1, keepdim=True), rtol=1e-4)
    np.testing.assert_allclose(blobs["x"].detach(), 10 * X, rtol=1e-5)
    assert (gradient == 2).all()
    # The one before has computed from x, but its weight learns from ten times x.
    assert weight.grad is not None
    np.testing.assert_allclose(weight.grad, 10 * X.sum(0, keepdim=True), rtol=1e-4)


def test_a_parameter_keeps_what_is_written_into_it() -> None:
    layers = build_net(
        'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 } } }'
        'layer { name: "e" type: "Power" bottom: "p" top: "p" power_param { shift: 1 } }'
    )
    for number in (1, 2, 3):
        layers.forward()
        assert layers.layers[0].blobs[0].tolist() == [number, number]


@pytest.mark.parametrize("layerwise", [False, True])
@pytest.mark.parametrize("sharing", [f"Reshape y r {RESHAPE}", "Concat y r", "Slice y r"])
def test_a_flatten_cuts_off_the_gradient_of_what_shares_memory_before_it(layerwise: bool, sharing: str) -> None:
    """In Caffe, each of the two layers shares a diff of another blob."""
    for bugs in (True, False):
        layers = net("Power x y", sharing, "Flatten r f", "Power f z")
        layers.context.caffe_bugs = bugs
        _, gradient = run(layers, layerwise, z=torch.ones(2, 3))
        np.testing.assert_array_equal(gradient, np.full((2, 3), 0 if bugs else 1))


def test_a_warning_of_the_gradient_that_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    layers = net("Power x y", f"Reshape y r {RESHAPE}", "Flatten r f")
    warn_of_lost_gradients(layers, SolverParameter())
    assert (
        'layer "2" (Flatten): its gradient does not reach the layers before "1" (Reshape), as in Caffe' in caplog.text
    )
    caplog.clear()
    layers.context.caffe_bugs = False
    warn_of_lost_gradients(layers, SolverParameter())
    assert not caplog.text


def test_nets_that_share_nothing_run_as_before() -> None:
    """A layer in place before a Flatten, and one on a blob of its own, copy nothing."""
    layers = net("Power x y power_param { scale: 2 }", "ReLU y y", "Flatten y f", "TanH f t", "Dropout t t")
    assert not layers.shared_memory.cut
    blobs, _ = run(layers, False, t=torch.ones(2, 3))
    assert blobs["f"].data_ptr() == blobs["y"].data_ptr()
    bottoms = [X.clone()]
    for index, node in enumerate(layers.graph.nodes):
        # What `run` gives is returned as it is.
        tops = layers.shared_memory.run(index, bottoms, lambda _, given: given)
        assert tops is bottoms, node.layer.name
