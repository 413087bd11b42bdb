"""Coordinates of tops. The expected ones follow from one pixel's place, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.errors import TrainingError
from training.pycaffe import layers
from training.pycaffe.coord_map import (
    AxisMismatchException,
    Map,
    UndefinedMapException,
    compose,
    coord_map,
    coord_map_from_to,
    crop,
)


def data() -> Any:
    return layers.Input(shape={"dim": [1, 1, 30, 30]})


def numbers(found: Map) -> tuple[Any, list[float], list[float]]:
    return found.axis, np.ravel(found.scale).tolist(), np.ravel(found.shift).tolist()


def test_windows() -> None:
    top = data()
    conv = layers.Convolution(top, kernel_size=5, stride=2, pad=1, dilation=2)
    # Pixel x of the top has its middle at 2 x + 4 - 1 of the bottom: the kernel spans 9 pixels.
    assert numbers(coord_map_from_to(conv, top)) == (1, [2], [3])
    assert numbers(coord_map_from_to(top, conv)) == (1, [0.5], [-1.5])
    pool = layers.Pooling(layers.ReLU(conv), kernel_size=3, stride=3)
    assert numbers(coord_map_from_to(pool, top)) == (1, [6], [5])
    up = layers.Deconvolution(top, convolution_param={"kernel_size": 4, "stride": 2, "pad": 1})
    # Pixel x of the bottom has its middle at 2 x + 1.5 - 1 of the top.
    assert numbers(coord_map(up.fn)) == (1, [2], [0.5])
    both = layers.Convolution(top, kernel_size=[3, 5], stride=[1, 2], pad=[0, 2])
    assert numbers(coord_map_from_to(both, top)) == (1, [1, 2], [1, 0])


def test_two_branches_meet() -> None:
    top = data()
    left = layers.Convolution(top, kernel_size=3)
    right = layers.Eltwise(layers.Convolution(top, kernel_size=7), left)
    assert numbers(coord_map_from_to(left, top)) == (1, [1], [1])
    found = crop(left, layers.Convolution(top, kernel_size=7))
    assert (found.fn.type_name, found.fn.inputs[0]) == ("Crop", left)
    assert found.fn.params == {"crop_param": {"axis": 2, "offset": [2]}}
    assert numbers(coord_map_from_to(found, left)) == (1, [1], [2])
    assert coord_map_from_to(right, right) == (None, 1, 0)


def test_wrong_use() -> None:
    top = data()
    with pytest.raises(RuntimeError, match="no blob in common"):
        coord_map_from_to(layers.InnerProduct(top, num_output=2), top)
    with pytest.raises(UndefinedMapException):
        coord_map(layers.InnerProduct(top, num_output=2).fn)
    with pytest.raises(AssertionError, match="differ in scale"):
        crop(layers.Pooling(top, kernel_size=2, stride=2), top)
    with pytest.raises(AssertionError, match="not negative"):
        crop(top, layers.Convolution(top, kernel_size=3, pad=2))
    with pytest.raises(TrainingError, match=r"kernel_h.* cannot be mapped"):
        coord_map(layers.Convolution(top, kernel_h=3, kernel_w=3).fn)
    with pytest.raises(AxisMismatchException):
        compose(Map(1, 1, 0), Map(2, 1, 0))
