"""Eltwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

TEXT = 'type: "Eltwise" bottom: "a" bottom: "b" bottom: "c" top: "y" eltwise_param {{ {} }}'
BLOBS = list(np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", BLOBS[0] + BLOBS[1] + BLOBS[2]),
        ("coeff: 2 coeff: -1 coeff: 0.5", 2 * BLOBS[0] - BLOBS[1] + BLOBS[2] / 2),
        ("operation: PROD", BLOBS[0] * BLOBS[1] * BLOBS[2]),
        ("operation: MAX", np.maximum(np.maximum(BLOBS[0], BLOBS[1]), BLOBS[2])),
    ],
)
def test_values_and_gradient(settings: str, expected: np.ndarray) -> None:
    layer, shapes = layer_of(TEXT.format(settings), *[(2, 4)] * 3)
    assert shapes == [(2, 4)]
    np.testing.assert_allclose(run(layer, *BLOBS)[0], expected, rtol=1e-5, atol=1e-6)
    bottoms = [torch.from_numpy(blob).double().requires_grad_() for blob in BLOBS]
    assert torch.autograd.gradcheck(lambda *x: layer.forward(list(x))[0], bottoms)


def test_of_equal_numbers_one_gets_the_gradient() -> None:
    layer, _ = layer_of(TEXT.format("operation: MAX"), *[(2,)] * 3)
    bottoms = [torch.tensor(values).requires_grad_() for values in ([1.0, 0.0], [1.0, 3.0], [1.0, 3.0])]
    layer.forward(bottoms)[0].sum().backward()
    assert [bottom.grad.tolist() for bottom in bottoms if bottom.grad is not None] == [[0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ("", (2, 5), "different shapes"),
        ("coeff: 1 coeff: 1", (2, 4), "has 2 coeff and 3 bottoms"),
        ("operation: PROD coeff: 1 coeff: 1 coeff: 1", (2, 4), "PROD takes none"),
    ],
)
def test_settings_that_do_not_fit(settings: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(TEXT.format(settings), (2, 4), (2, 4), shape)
