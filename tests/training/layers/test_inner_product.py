"""InnerProduct against plain sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import in_double, layer_of, run, set_blobs
from training.errors import LayerError

TEXT = 'type: "InnerProduct" bottom: "x" top: "y" inner_product_param {{ num_output: 5 {} }}'


@pytest.mark.parametrize(
    ("settings", "rows", "inputs", "top"),
    [
        ("", 2, 60, (2, 5)),
        ("axis: 2", 6, 20, (2, 3, 5)),
        ("axis: -1", 24, 5, (2, 3, 4, 5)),
        ("axis: 0", 1, 120, (5,)),
        ("transpose: true", 2, 60, (2, 5)),
        ("transpose: true axis: -2 bias_term: false", 6, 20, (2, 3, 5)),
        ("bias_term: false", 2, 60, (2, 5)),
    ],
)
def test_values(settings: str, rows: int, inputs: int, top: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer, shapes = layer_of(TEXT.format(settings), x.shape)
    transposed, biased = "transpose" in settings, "bias_term" not in settings
    assert tuple(layer.blobs[0].shape) == ((inputs, 5) if transposed else (5, inputs))
    assert len(layer.blobs) == 1 + biased
    weights = random.standard_normal(tuple(layer.blobs[0].shape)).astype(np.float32)
    bias = random.standard_normal(5).astype(np.float32) if biased else np.zeros(5, np.float32)
    set_blobs(layer, weights, *([bias] if biased else []))
    expected = np.zeros((rows, 5))
    for row, output in np.ndindex(rows, 5):
        for index, value in enumerate(x.reshape(rows, inputs)[row]):
            expected[row, output] += value * (weights[index, output] if transposed else weights[output, index])
        expected[row, output] += bias[output]
    (found,) = run(layer, x)
    assert shapes == [top] == [found.shape]
    np.testing.assert_allclose(found, expected.reshape(top), atol=1e-4)


@pytest.mark.parametrize("settings", ["", "transpose: true"])
def test_gradient(settings: str) -> None:
    layer, _ = layer_of(TEXT.format(f'{settings} weight_filler {{ type: "gaussian" std: 1 }}'), (3, 4))
    in_double(layer)
    x = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *blobs: layer.forward([x])[0], (x, *layer.blobs), fast_mode=True)


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(LayerError, match="num_output is missing"):
        layer_of('type: "InnerProduct" bottom: "x" top: "y"', (2, 3))
    with pytest.raises(LayerError, match=r"axis 2 is outside its bottom of shape 2x3"):
        layer_of(TEXT.format("axis: 2"), (2, 3))
