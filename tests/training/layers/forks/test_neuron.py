"""HardSigmoid, HardSwish and Mish against their papers' formulas in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

X = np.linspace(-40, 40, 4001)
FORMULAS = {
    "HardSwish": ("", X * np.clip(X + 3, 0, 6) / 6),
    "HardSigmoid": ("hardsigmoid_param { alpha: 0.25 beta: 0.4 }", np.clip(0.25 * X + 0.4, 0, 1)),
    "Mish": ("", X * np.tanh(np.log1p(np.exp(X)))),
}


@pytest.mark.parametrize("kind", FORMULAS)
def test_formula(kind: str) -> None:
    setting, expected = FORMULAS[kind]
    layer, _ = layer_of(f'type: "{kind}" bottom: "x" top: "y" {setting}', X.shape)
    np.testing.assert_allclose(run(layer, X.astype(np.float32))[0], expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("setting", ["", "hardsigmoid_param { alpha: 0.2 }"])
def test_hard_sigmoid_without_a_slope_is_refused(setting: str) -> None:
    with pytest.raises(LayerError, match=r"its slope is 1/6 in some forks .* 0\.2 in others"):
        layer_of(f'type: "HardSigmoid" bottom: "x" top: "y" {setting}', (2, 3))
