"""Single layers for the tests of training, and numeric gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TRAIN, LayerParameter, NetParameter
from training.layers import Context, Layer, make_layer
from training.nets.net import Net

Doubles = NDArray[np.float64]


def build_net(*layers: str, phase: int = TRAIN, seed: int = 0) -> Net:
    """Build the net "N" from prototxt texts, as if they had been read from n.prototxt."""
    param = text_format.Parse(f'name: "N" {" ".join(layers)}', NetParameter())
    return Net(param, phase, "n.prototxt", seed=seed)  # type: ignore[arg-type]


def param_of(text: str) -> LayerParameter:
    """Parse `text`, the inside of a layer { } block; without a name the layer is called "it"."""
    param = text_format.Parse(text, LayerParameter())
    if not param.name:
        param.name = "it"
    return param


def layer_of(
    text: str, *shapes: Sequence[int], phase: Any = TRAIN, seed: int = 0
) -> tuple[Layer, list[tuple[int, ...]]]:
    """Make the layer of a prototxt text, set up for bottoms of `shapes`; also return the shapes of its tops."""
    context = Context(phase, seed=seed)
    context.generator.manual_seed(seed)
    layer = make_layer(param_of(text), context)
    return layer, layer.setup([tuple(shape) for shape in shapes])


def run(layer: Layer, *bottoms: Any) -> list[Any]:
    """Run the layer on numpy bottoms; return the tops as numpy arrays."""
    tops = layer.forward([torch.as_tensor(np.asarray(bottom)) for bottom in bottoms])
    return [top.detach().numpy() for top in tops]


def set_blobs(layer: Layer, *values: Any) -> None:
    """Set the layer's weights to these values."""
    with torch.no_grad():
        for blob, array in zip(layer.blobs, values, strict=True):
            blob.copy_(torch.as_tensor(np.asarray(array)))


def in_double(layer: Layer) -> Layer:
    """Turn the layer's weights into doubles, for torch.autograd.gradcheck."""
    layer.blobs = [blob.detach().double().requires_grad_() for blob in layer.blobs]
    return layer


def slope(function: Callable[[Doubles], float], at: Doubles, width: float = 1e-5) -> Doubles:
    """Compute the gradient of `function` by central differences, number by number."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        low, high = at.copy(), at.copy()
        low[index] -= width
        high[index] += width
        gradient[index] = (function(high) - function(low)) / (2 * width)
    return gradient
