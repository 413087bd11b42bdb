"""Bias and Scale against numpy's broadcasting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.oracle_layers import net_text, our_net
from kits.training_layers import in_double, layer_of, run, set_blobs
from training.errors import LayerError

SHAPE = (2, 3, 4, 5)
AXES = [
    ("", (3,), (3, 1, 1)),
    ("axis: 0 num_axes: 2", (2, 3), (2, 3, 1, 1)),
    ("axis: 2 num_axes: -1", (4, 5), (4, 5)),
    ("axis: -1", (5,), (5,)),
    ("num_axes: 0", (), ()),
]


@pytest.mark.parametrize(("settings", "shape", "broadcast"), AXES)
def test_weights(settings: str, shape: tuple[int, ...], broadcast: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal(SHAPE).astype(np.float32)
    factor, bias = random.standard_normal((2, *shape)).astype(np.float32)
    scale, shapes = layer_of(
        f'type: "Scale" bottom: "x" top: "y" scale_param {{ {settings} bias_term: true bias_filler {{ value: 2 }} }}',
        SHAPE,
    )
    assert shapes == [SHAPE]
    assert [blob.tolist() for blob in scale.blobs] == [np.ones(shape).tolist(), np.full(shape, 2).tolist()]
    set_blobs(scale, factor, bias)
    np.testing.assert_allclose(
        run(scale, x)[0], x * factor.reshape(broadcast) + bias.reshape(broadcast), rtol=1e-5, atol=1e-6
    )
    shift, _ = layer_of(f'type: "Bias" bottom: "x" top: "y" bias_param {{ {settings} }}', SHAPE)
    set_blobs(shift, bias)
    np.testing.assert_allclose(run(shift, x)[0], x + bias.reshape(broadcast), rtol=1e-5, atol=1e-6)


def test_second_bottom() -> None:
    """Its own axes count, whatever num_axes says; the bias stays a weight."""
    x, factor = np.random.default_rng(1).standard_normal((2, 2, 3, 4)).astype(np.float32)
    factor = factor[:, :, 0]
    text = 'bottom: "x" bottom: "f" top: "y"'
    scale, _ = layer_of(f'type: "Scale" {text} scale_param {{ axis: 0 num_axes: 7 }}', x.shape, factor.shape)
    assert scale.blobs == []
    np.testing.assert_array_equal(run(scale, x, factor)[0], x * factor[..., None])
    scale, _ = layer_of(f'type: "Scale" {text} scale_param {{ axis: 0 bias_term: true }}', x.shape, factor.shape)
    assert [tuple(blob.shape) for blob in scale.blobs] == [(2, 3)]
    bias, _ = layer_of(f'type: "Bias" {text} bias_param {{ axis: 0 }}', x.shape, factor.shape)
    np.testing.assert_array_equal(run(bias, x, factor)[0], x + factor[..., None])


def test_gradient() -> None:
    layer, _ = layer_of('type: "Scale" bottom: "x" top: "y" scale_param { bias_term: true }', SHAPE)
    in_double(layer)
    x = torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: layer.forward([x])[0], (x, *layer.blobs), fast_mode=True)


@pytest.mark.parametrize(
    ("settings", "shapes", "message"),
    [
        ("scale_param { num_axes: 4 }", [(2, 3)], "num_axes 4 do not fit"),
        ("scale_param { num_axes: -2 }", [(2, 3)], "num_axes -2 do not fit"),
        ("scale_param { axis: 2 }", [(2, 3)], "axis 2 is outside"),
        ("", [(2, 3), (2,)], r"shape 2 does not match the first, 2x3, from axis 1"),
    ],
)
def test_settings_that_do_not_fit(settings: str, shapes: list[tuple[int, ...]], message: str) -> None:
    bottoms = " ".join(f'bottom: "{i}"' for i in range(len(shapes)))
    with pytest.raises(LayerError, match=message):
        layer_of(f'type: "Scale" {bottoms} top: "y" {settings}', *shapes)


def test_caffe_keeps_the_last_gradient_of_a_factor_that_needs_no_sum_over_the_batch() -> None:
    """BVLC/caffe#6604: with one picture a batch, two passes leave the gradient of the second. caffe_bugs off adds them."""
    for batch, bugs, times in ((1, True, 1), (1, False, 2), (2, True, 2)):
        net = our_net(net_text('layer { name: "s" type: "Scale" bottom: "x" top: "y" }', {"x": (batch, 3, 2, 2)}))
        net.context.caffe_bugs = bugs
        x = torch.arange(12.0 * batch).reshape(batch, 3, 2, 2)
        for _ in range(2):
            net.forward({"x": x})
            net.blobs["y"].sum().backward()  # type: ignore[no-untyped-call]
        assert torch.equal(net.layers[1].blobs[0].grad, times * x.sum((0, 2, 3)))
