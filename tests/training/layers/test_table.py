"""The table of classes against the rows of layer types, and the advice in refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.prototxt import parse_text
from kits.training_layers import layer_of
from training.errors import LayerError
from training.layers import LAYERS
from training.nets.net import Net

REFUSED = sorted(name for name, row in LAYER_TYPES.items() if not row.trained)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_names_the_type_and_says_what_to_do(kind: str) -> None:
    with pytest.raises(LayerError, match=rf'^layer "it" is of type {kind}: .*\.$'):
        layer_of(f'type: "{kind}" bottom: "x" top: "y"', (1, 3))


def test_every_row_that_is_trained_has_a_class() -> None:
    assert set(LAYERS) == LAYER_TYPES.keys() - set(REFUSED)


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(LayerError, match=r'unknown layer type "Convolutoin"\. Known: .* Did you mean "Convolution"\?'):
        layer_of('type: "Convolutoin" bottom: "x" top: "y"', (1, 3))


def test_a_type_of_v1_names_its_current_name() -> None:
    with pytest.raises(LayerError, match=r'unknown layer type "SOFTMAX_LOSS"\. .*write type: "SoftmaxWithLoss"\.'):
        layer_of('type: "SOFTMAX_LOSS" bottom: "x" top: "y"', (1, 3))


def forward(net: str, *bottoms: np.ndarray) -> np.ndarray:
    """The blob "y" of a net whose Input layers "x0", "x1", ... take `bottoms`."""
    inputs = "".join(
        f'layer {{ name: "x{i}" type: "Input" top: "x{i}" input_param {{ shape {{ {dims(x)} }} }} }}'
        for i, x in enumerate(bottoms)
    )
    network = Net(parse_text(inputs + net, NetParameter(), "n"), TEST)
    network.forward({f"x{i}": torch.from_numpy(x) for i, x in enumerate(bottoms)})
    return network.blobs["y"].numpy()


def dims(x: np.ndarray) -> str:
    return " ".join(f"dim: {n}" for n in x.shape)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def test_the_advice_for_axpy() -> None:
    a, x, y = random(2, 3, 1, 1), random(2, 3, 4, 5), random(2, 3, 4, 5)
    net = """
        layer { name: "f" type: "Flatten" bottom: "x0" top: "a" }
        layer { name: "s" type: "Scale" bottom: "x1" bottom: "a" top: "ax" scale_param { axis: 0 } }
        layer { name: "e" type: "Eltwise" bottom: "ax" bottom: "x2" top: "y" }"""
    np.testing.assert_allclose(forward(net, a, x, y), a * x + y, rtol=1e-5, atol=1e-6)


def test_the_advice_for_shuffle_channel() -> None:
    x = random(2, 6, 3, 4)
    net = """
        layer { name: "r" type: "Reshape" bottom: "x0" top: "r"
                reshape_param { shape { dim: 0 dim: 3 dim: 2 dim: -1 } } }
        layer { name: "p" type: "Permute" bottom: "r" top: "p"
                permute_param { order: 0 order: 2 order: 1 order: 3 } }
        layer { name: "b" type: "Reshape" bottom: "p" top: "y"
                reshape_param { shape { dim: 0 dim: 6 dim: 3 dim: 4 } } }"""
    np.testing.assert_array_equal(forward(net, x), torch.channel_shuffle(torch.from_numpy(x), 3).numpy())


def test_the_advice_for_upsample() -> None:
    x = random(2, 3, 4, 5)
    net = """
        layer { name: "up" type: "Deconvolution" bottom: "x0" top: "y" convolution_param { num_output: 3 group: 3
                kernel_size: 2 stride: 2 bias_term: false weight_filler { type: "constant" value: 1 } } }"""
    np.testing.assert_array_equal(forward(net, x), x.repeat(2, 2).repeat(2, 3))
