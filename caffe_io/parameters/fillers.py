"""Fillers without chance: weights that the prototxt alone makes, such as those of a Deconvolution that enlarges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from common.messages import shape_text

from ..blobs import Array
from ..caffe_pb2 import (
    ConvolutionParameter,
    FillerParameter,
    InnerProductParameter,
    LayerParameter,
    PReLUParameter,
    ScaleParameter,
)

Filler = Callable[[Sequence[int], FillerParameter], Array]
"""Makes weights of a shape, as a view that takes no memory; raises ValueError for a shape that does not fit."""

DEFAULT_FILL = {"Normalize": 1.0, "PReLU": 0.25, "Scale": 1.0}
"""Layer type -> the number that its first weights are without a filler; 0 for all others."""


def constant(shape: Sequence[int], param: FillerParameter) -> Array:
    """Fill with `value`."""
    return np.broadcast_to(np.float32(param.value), tuple(shape))


def bilinear(shape: Sequence[int], param: FillerParameter) -> Array:
    """Put the same tent over each kernel, so that a Deconvolution enlarges by interpolation.

    The weights must be N x C x K x K.
    """
    if len(shape) != 4 or shape[2] != shape[3]:
        raise ValueError(f"expected weights of 4 axes and a square kernel; found {shape_text(shape)}")
    size = shape[3]
    half = (size + 1) // 2
    distance = np.arange(size, dtype=np.float32) / np.float32(half) - np.float32((size - 1) / (2 * half))
    tent = 1 - np.abs(distance)
    return np.broadcast_to(tent[:, None] * tent, tuple(shape))


FILLERS: dict[str, Filler] = {"bilinear": bilinear, "constant": constant}


def made_by_prototxt(layer: LayerParameter, fillers: Sequence[FillerParameter]) -> bool:
    """Whether the prototxt alone says what the weights of `layer` are, which have these `fillers`.

    The first filler must differ from the default, which is where training starts and nothing that was meant.
    """
    # A second bottom takes the place of the first weight.
    default = DEFAULT_FILL.get(layer.type, 0.0) if len(layer.bottom) == 1 else 0.0
    if not fillers or any(filler.type not in FILLERS for filler in fillers):
        return False
    if layer.type == "Normalize" and not layer.HasField("norm_param"):
        # In forks for faces the layer has no weights.
        return True
    return fillers[0].type != "constant" or fillers[0].value != default


def layer_fillers(layer: LayerParameter) -> list[FillerParameter]:
    """Return the fillers of a layer's weights, in the order of its blobs; none for a layer that has no fillers."""
    if layer.type == "InnerProduct":
        return _weights_and_bias(layer.inner_product_param)
    if layer.HasField("convolution_param"):
        return _weights_and_bias(layer.convolution_param)
    if layer.type == "PReLU":
        return [_first(layer, layer.prelu_param)]
    if layer.type == "Normalize":
        given = layer.norm_param.HasField("scale_filler")
        return [layer.norm_param.scale_filler if given else FillerParameter(value=DEFAULT_FILL[layer.type])]
    own = len(layer.bottom) == 1
    if layer.type == "Bias":
        return [layer.bias_param.filler] if own else []
    if layer.type == "Scale":
        scale = layer.scale_param
        return ([_first(layer, scale)] if own else []) + ([scale.bias_filler] if scale.bias_term else [])
    return []


def _weights_and_bias(param: InnerProductParameter | ConvolutionParameter) -> list[FillerParameter]:
    return [param.weight_filler, param.bias_filler] if param.bias_term else [param.weight_filler]


def _first(layer: LayerParameter, param: PReLUParameter | ScaleParameter) -> FillerParameter:
    return param.filler if param.HasField("filler") else FillerParameter(value=DEFAULT_FILL[layer.type])
