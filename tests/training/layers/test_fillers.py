"""First values: their distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import FillerParameter
from training.errors import LayerError
from training.layers.fillers import fill


def filled(text: str, *shape: int, seed: int = 0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return fill(shape, text_format.Parse(text, FillerParameter()), generator, "conv1").numpy()


def test_constant() -> None:
    np.testing.assert_array_equal(filled("", 3), [0, 0, 0])  # Caffe's default
    np.testing.assert_array_equal(filled('type: "constant" value: 0.5', 2, 2), np.full((2, 2), 0.5))


def test_uniform() -> None:
    values = filled('type: "uniform" min: -1 max: 3', 200, 200)
    assert -1 <= values.min() < -0.99
    assert 2.99 < values.max() <= 3
    assert values.mean() == pytest.approx(1, abs=0.03)


def test_gaussian() -> None:
    values = filled('type: "gaussian" mean: 2 std: 0.5', 200, 200)
    assert values.mean() == pytest.approx(2, abs=0.02)
    assert values.std() == pytest.approx(0.5, rel=0.02)
    assert abs(values - 2).max() > 1.5  # not uniform


def test_sparse_gaussian() -> None:
    """A weight stays with probability sparse / outputs: 30 of 200 for each input."""
    values = filled('type: "gaussian" std: 1 sparse: 30', 200, 200)
    assert (values != 0).mean() == pytest.approx(0.15, abs=0.01)


# fan_in = 3 * 5 * 5 = 75, fan_out = 60 * 5 * 5 = 1500
@pytest.mark.parametrize(("norm", "fan"), [("", 75), ("FAN_IN", 75), ("FAN_OUT", 1500), ("AVERAGE", 787.5)])
def test_xavier_and_msra(norm: str, fan: float) -> None:
    setting = f"variance_norm: {norm}" if norm else ""
    xavier = filled(f'type: "xavier" {setting}', 60, 3, 5, 5)
    limit = math.sqrt(3 / fan)
    assert 0.99 * limit < abs(xavier).max() <= limit
    assert xavier.std() == pytest.approx(math.sqrt(1 / fan), rel=0.05)
    msra = filled(f'type: "msra" {setting}', 60, 3, 5, 5)
    assert msra.std() == pytest.approx(math.sqrt(2 / fan), rel=0.05)
    assert abs(msra).max() > 2 * msra.std()


def test_positive_unitball() -> None:
    values = filled('type: "positive_unitball"', 50, 2, 4, 4)
    assert values.min() >= 0
    np.testing.assert_allclose(values.sum((1, 2, 3)), np.ones(50), rtol=1e-5)
    assert values.std() == pytest.approx(1 / 32 / math.sqrt(3), rel=0.1)  # even before they were scaled


@pytest.mark.parametrize(("size", "tent"), [(4, [0.25, 0.75, 0.75, 0.25]), (3, [0.5, 1, 0.5]), (1, [1])])
def test_bilinear(size: int, tent: list[float]) -> None:
    values = filled('type: "bilinear"', 3, 2, size, size)
    np.testing.assert_allclose(values, np.tile(np.outer(tent, tent), (3, 2, 1, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ('type: "bilinear"', (2, 2, 3, 4), "square kernel"),
        ('type: "bilinear"', (2, 3), "4 axes"),
        ('type: "constant" sparse: 2', (4, 4), "only gaussian"),
        ('type: "gaussian" sparse: -2', (4, 4), "sparse is -2"),
        ('type: "gaussian" sparse: 5', (4, 4), "more than the first size of the weights, 4"),
        ('type: "gaussian" std: 0', (4,), "std is 0"),
        ('type: "uniform" min: 2 max: 1', (4,), "min 2 is above max 1"),
        ('type: "xavier"', (), "a single number"),
        ('type: "positive_unitball"', (), "a single number"),
    ],
)
def test_settings_that_do_not_fit(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=f'layer "conv1": filler .*{message}'):
        filled(text, *shape)


def test_the_seed_decides() -> None:
    text = 'type: "xavier"'
    np.testing.assert_array_equal(filled(text, 4, 4), filled(text, 4, 4))
    assert not np.array_equal(filled(text, 4, 4), filled(text, 4, 4, seed=1))


def test_an_unknown_filler_names_layer_and_nearest() -> None:
    with pytest.raises(LayerError, match=r'layer "conv1": unknown filler "gausian"\. Known: .*Did you mean "gaussian"'):
        filled('type: "gausian"', 2)
