"""Fillers without chance. tests/oracle/test_layers_fillers.py compares them with Caffe's."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import FillerParameter, LayerParameter
from caffe_io.parameters.fillers import bilinear, constant, layer_fillers, made_by_prototxt


@pytest.mark.parametrize(
    ("size", "side"),
    [(1, [1]), (2, [0.5, 0.5]), (3, [0.5, 1, 0.5]), (4, [0.25, 0.75, 0.75, 0.25])],
)
def test_tents(size: int, side: list[float]) -> None:
    values = bilinear((2, 3, size, size), FillerParameter(type="bilinear"))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.broadcast_to(np.outer(side, side), (2, 3, size, size)))


def test_a_kernel_that_is_not_square() -> None:
    with pytest.raises(ValueError, match="square kernel; found 2x3x4x5"):
        bilinear((2, 3, 4, 5), FillerParameter())


def test_constant_takes_no_memory() -> None:
    assert constant((1 << 20, 1 << 20), FillerParameter(value=2))[5, 7] == 2


def fillers(text: str) -> tuple[list[str], bool]:
    """The kinds of a layer's fillers, and whether they make its weights."""
    layer = text_format.Parse(f'name: "l" bottom: "x" {text}', LayerParameter())
    found = layer_fillers(layer)
    return [filler.type for filler in found], made_by_prototxt(layer, found)


BILINEAR = 'weight_filler { type: "bilinear" }'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'type: "Deconvolution" convolution_param {{ {BILINEAR} bias_term: false }}', (["bilinear"], True)),
        (f'type: "Deconvolution" convolution_param {{ {BILINEAR} }}', (["bilinear", "constant"], True)),
        (
            f'type: "Convolution" convolution_param {{ {BILINEAR} bias_filler {{ type: "gaussian" }} }}',
            (["bilinear", "gaussian"], False),
        ),
        ('type: "InnerProduct" inner_product_param { }', (["constant", "constant"], False)),
        ('type: "Scale" scale_param { filler { value: 2 } bias_term: true }', (["constant", "constant"], True)),
        ('type: "Scale" scale_param { }', (["constant"], False)),
        ('type: "Scale" bottom: "y" scale_param { bias_term: true }', (["constant"], False)),
        ('type: "Bias" bias_param { filler { value: 3 } }', (["constant"], True)),
        ('type: "PReLU" prelu_param { filler { value: 0.1 } }', (["constant"], True)),
        ('type: "PReLU"', (["constant"], False)),
        ('type: "ReLU"', ([], False)),
    ],
)
def test_fillers_of_a_layer(text: str, expected: tuple[list[str], bool]) -> None:
    assert fillers(text) == expected
