"""Layers that change each number by itself, against their formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kits.ncs import Floats, pixels, run_net, values

X = 'layer { name: "x" type: "Power" bottom: "data" top: "x" power_param { scale: 0.03 } }'  # -3.84 to 3.81
FORMULAS: list[tuple[str, str, Callable[[Floats], Floats]]] = [
    ("ReLU", "", lambda x: np.maximum(x, 0)),
    ("ReLU", "relu_param { negative_slope: 0.1 }", lambda x: np.where(x > 0, x, x * np.float32(0.1))),
    ("ELU", "", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    ("ELU", "elu_param { alpha: 0.5 }", lambda x: np.where(x > 0, x, (np.exp(x) - 1) * np.float32(0.5))),
    ("Sigmoid", "", lambda x: 1 / (1 + np.exp(-x))),
    ("TanH", "", np.tanh),
    ("Power", "power_param { power: 2 scale: 0.5 shift: 1.5 }", lambda x: (x * np.float32(0.5) + np.float32(1.5)) ** 2),
    ("Power", "power_param { shift: -2 }", lambda x: x - 2),
    ("Power", "", lambda x: x),
    ("Dropout", "dropout_param { dropout_ratio: 0.9 }", lambda x: x),
]


@pytest.mark.parametrize(("kind", "param", "formula"), FORMULAS)
def test_formula(kind: str, param: str, formula: Callable[[Floats], Floats]) -> None:
    picture = pixels()
    got = run_net(f'{X} layer {{ name: "y" type: "{kind}" bottom: "x" top: "y" {param} }}', picture)["y"]
    expected = formula((picture.astype(np.float32) - 128) * np.float32(0.03))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_prelu(shared: bool) -> None:
    picture = pixels()
    slope = np.array(0.25, np.float32) if shared else values(3)
    param = f"prelu_param {{ channel_shared: {str(shared).lower()} }}"
    got = run_net(f'{X} layer {{ name: "y" type: "PReLU" bottom: "x" top: "y" {param} }}', picture, {"y": [slope]})["y"]
    x = (picture.astype(np.float32) - 128) * np.float32(0.03)
    np.testing.assert_allclose(got, np.where(x > 0, x, x * slope.reshape(-1, 1, 1)), rtol=1e-5, atol=1e-5)


def test_dropout_of_a_fork_that_scales_in_test() -> None:
    text = 'layer { name: "d" type: "Dropout" bottom: "data" top: "d" dropout_param { %s scale_train: false } }'
    x = pixels()
    np.testing.assert_allclose(run_net(text % "dropout_ratio: 0.25", x)["d"], (x - 128.0) * 0.75, rtol=1e-6)
    np.testing.assert_allclose(run_net(text % "dropout_ratio: 0", x)["d"], x - 128.0, rtol=1e-6)
