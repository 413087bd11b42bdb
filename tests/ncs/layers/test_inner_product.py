"""Fully connected layers against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from kits.ncs import pixels, run_net, values
from ncs.errors import ConversionError


def layer(param: str) -> str:
    return f'layer {{ name: "f" type: "InnerProduct" bottom: "data" top: "f" inner_product_param {{ {param} }} }}'


@pytest.mark.parametrize(
    ("axis", "param"),
    [
        (1, ""),
        (1, "transpose: true"),
        (1, "bias_term: false"),
        (2, "axis: 2"),
        (3, "axis: -1"),
        (3, "axis: 3 transpose: true"),
    ],
)
def test_equals_numpy(axis: int, param: str) -> None:
    picture = pixels((1, 3, 4, 5))
    features = int(np.prod(picture.shape[axis:]))
    weight, bias = values(7, features), values(7, seed=2)
    stored = weight.T if "transpose" in param else weight
    got = run_net(
        layer(f"num_output: 7 {param}"), picture, {"f": [stored] if "bias_term" in param else [stored, bias]}
    )["f"]
    rows = (picture.astype(np.float32) - 128).reshape(*picture.shape[:axis], features)
    expected = rows @ weight.T + (0 if "bias_term" in param else bias)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-2)


def test_weights_of_a_legacy_file() -> None:
    picture, weight, bias = pixels((1, 3, 4, 5)), values(7, 60), values(7)
    new = run_net(layer("num_output: 7"), picture, {"f": [weight, bias]})
    old = run_net(layer("num_output: 7"), picture, {"f": [weight.reshape(1, 1, 7, 60), bias.reshape(1, 1, 1, 7)]})
    np.testing.assert_array_equal(new["f"], old["f"])


@pytest.mark.parametrize(
    ("blobs", "words"),
    [
        ([values(7, 61), values(7)], ["blob 0", "7x61", "7x60"]),
        ([values(60, 7), values(7)], ["blob 0", "60x7", "7x60"]),
        ([values(7, 60), values(8)], ["blob 1", "shape 8", "expected 7"]),
    ],
)
def test_weights_that_do_not_fit(blobs: list[np.ndarray], words: list[str]) -> None:
    with pytest.raises(ConversionError) as caught:
        run_net(layer("num_output: 7"), pixels((1, 3, 4, 5)), {"f": blobs})
    for word in ['layer "f" (InnerProduct)', *words]:
        assert word in str(caught.value)


def test_axis_out_of_range() -> None:
    with pytest.raises(ConversionError, match="axis 4 is out of range"):
        run_net(layer("num_output: 7 axis: 4"), pixels())
