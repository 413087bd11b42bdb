"""Layers that join, cut or reshape blobs, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from kits.ncs import pixels, run_net
from ncs.errors import ConversionError

THREE = (
    'layer { name: "split" type: "Split" bottom: "data" top: "a" top: "s" }'
    'layer { name: "b" type: "Power" bottom: "s" top: "b" power_param { scale: -0.5 shift: 3 } }'
    'layer { name: "c" type: "Power" bottom: "s" top: "c" power_param { scale: 0.25 } }'
)
PICTURE = pixels()
A = PICTURE.astype(np.float32) - 128
B = A * np.float32(-0.5) + 3
C = A * np.float32(0.25)


def joined(kind: str, param: str = "") -> np.ndarray:
    return run_net(
        f'{THREE} layer {{ name: "j" type: "{kind}" bottom: "a" bottom: "b" bottom: "c" top: "j" {param} }}', PICTURE
    )["j"]


def reshaped(kind: str, param: str) -> tuple[int, ...]:
    got = run_net(f'layer {{ name: "r" type: "{kind}" bottom: "data" top: "r" {param} }}', PICTURE)["r"]
    np.testing.assert_array_equal(got.ravel(), A.ravel())
    return got.shape


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("", A + B + C),
        ("eltwise_param { operation: PROD }", A * B * C),
        ("eltwise_param { operation: MAX }", np.maximum(np.maximum(A, B), C)),
        ("eltwise_param { coeff: 2 coeff: -1 coeff: 0.5 }", 2 * A - B + C / 2),
        ("eltwise_param { coeff: 1 coeff: -1 coeff: 1 }", A - B + C),
    ],
)
def test_eltwise(param: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(joined("Eltwise", param), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("param", "axis"),
    [("", 1), ("concat_param { axis: 2 }", 2), ("concat_param { axis: -1 }", 3), ("concat_param { concat_dim: 2 }", 2)],
)
def test_concat(param: str, axis: int) -> None:
    np.testing.assert_allclose(joined("Concat", param), np.concatenate([A, B, C], axis), atol=1e-4)


@pytest.mark.parametrize(
    ("param", "shape"),
    [("", (1, 216)), ("flatten_param { axis: 2 }", (1, 3, 72)), ("flatten_param { axis: 1 end_axis: 2 }", (1, 27, 8))],
)
def test_flatten(param: str, shape: tuple[int, ...]) -> None:
    assert reshaped("Flatten", param) == shape


@pytest.mark.parametrize(
    ("param", "shape"),
    [
        ("shape { dim: 1 dim: 9 dim: 3 dim: 8 }", (1, 9, 3, 8)),
        ("shape { dim: 0 dim: 0 dim: -1 }", (1, 3, 72)),
        ("shape { dim: 1 } axis: 1 num_axes: 0", (1, 1, 3, 9, 8)),
        ("shape { dim: 3 dim: 3 } axis: -3 num_axes: 1", (1, 3, 3, 3, 8)),
    ],
)
def test_reshape(param: str, shape: tuple[int, ...]) -> None:
    assert reshaped("Reshape", f"reshape_param {{ {param} }}") == shape


def test_reshape_to_another_size() -> None:
    with pytest.raises(ConversionError, match="does not fill"):
        reshaped("Reshape", "reshape_param { shape { dim: 4 dim: -1 } axis: 1 num_axes: 2 }")


@pytest.mark.parametrize(
    "param", ["shape { dim: -1 dim: -1 }", "shape { dim: 2 } num_axes: 9", "shape { dim: 0 dim: 0 } axis: 3"]
)
def test_reshape_that_is_impossible(param: str) -> None:
    with pytest.raises(ConversionError, match="cannot replace"):
        reshaped("Reshape", f"reshape_param {{ {param} }}")


def test_eltwise_needs_one_shape_and_a_coeff_each() -> None:
    flat = 'layer { name: "f" type: "Flatten" bottom: "data" top: "f" }'
    with pytest.raises(ConversionError, match=r"have the shapes 1x216, 1x3x9x8; expected the same shape\."):
        run_net(f'{flat} layer {{ name: "e" type: "Eltwise" bottom: "f" bottom: "data" top: "e" }}', PICTURE)
    with pytest.raises(ConversionError, match=r"2 coeff and 3 bottoms; expected one"):
        joined("Eltwise", "eltwise_param { coeff: 1 coeff: 2 }")
