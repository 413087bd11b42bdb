"""BatchNorm, Scale and Bias: layers that multiply and add constants, folded into the weights of the layer before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import BiasParameter, ScaleParameter
from caffe_io.parameters.batch_norm import scales_too
from caffe_io.weights import batch_norm_of_fork
from common.messages import shape_text

from .layer import TrainedLayer, axis_of, constant, reshaped, shape


def batch_norm(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute (x - mean) / sqrt(variance + eps) from the stored sums.

    The third blob says how much was summed, so it divides them. NVIDIA's may have a factor and a bias after them.
    """
    param = layer.parameter.batch_norm_param
    if not param.HasField("use_global_stats"):
        layer.refuse_training("use the statistics of each batch")
    elif not param.use_global_stats:
        raise layer.error(
            "use_global_stats: false would use the statistics of each batch. Write true in the deploy net."
        )
    if fork := batch_norm_of_fork(layer.blobs, scales_too(param)):
        raise layer.error(fork)
    dims = shape(inputs[0])
    channels = dims[1] if len(dims) > 1 else 1
    count = layer.weight(2, 1)[0]
    share = np.float32(0 if count == 0 else 1 / count)
    mean, variance = layer.weight(0, channels) * share, layer.weight(1, channels) * share
    factor = (1 / np.sqrt(variance + np.float32(param.eps))).astype(np.float32)
    summand = -mean * factor
    if scales_too(param):
        own = layer.weight(3, channels)
        factor, summand = factor * own, summand * own + layer.weight(4, channels)
    axis = min(1, len(dims) - 1)
    return [affine(layer, inputs[0], broadcast(factor, dims, axis), broadcast(summand, dims, axis))]


def scale(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x * factor (+ bias).

    Both have the shape of the bottom's axes from `axis` on. The factor is trained, or it is the second bottom, whose
    shape counts then; the bias is always trained.
    """
    param = layer.parameter.scale_param
    dims = shape(inputs[0])
    covered, axis = _covered(layer, param, inputs)
    bias = broadcast(layer.weight(2 - len(inputs), *covered), dims, axis) if param.bias_term else None
    if len(inputs) == 1:
        return [affine(layer, inputs[0], broadcast(layer.weight(0, *covered), dims, axis), bias)]
    top = op.multiply(inputs[0], _broadcast_output(inputs[1], dims, axis)).output(0)
    return [top if bias is None else op.add(top, constant(bias)).output(0)]


def bias(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x + bias, where the bias is trained or the second bottom; its axes are the bottom's from `axis` on."""
    dims = shape(inputs[0])
    covered, axis = _covered(layer, layer.parameter.bias_param, inputs)
    if len(inputs) == 1:
        return [affine(layer, inputs[0], None, broadcast(layer.weight(0, *covered), dims, axis))]
    return [op.add(inputs[0], _broadcast_output(inputs[1], dims, axis)).output(0)]


def _covered(
    layer: TrainedLayer, param: ScaleParameter | BiasParameter, inputs: list[Output]
) -> tuple[tuple[int, ...], int]:
    """The shape of the factor or bias, and the bottom's axis at which it begins."""
    dims = shape(inputs[0])
    axis = axis_of(layer, param.axis, len(dims))
    if len(inputs) > 1:
        given = shape(inputs[1])
        axis = axis if given else 0
        if dims[axis : axis + len(given)] != given:
            raise layer.error(
                f"its second bottom of shape {shape_text(given)} does not match the first, {shape_text(dims)}, at axis {axis}."
            )
        return given, axis
    if param.num_axes < -1 or axis + param.num_axes > len(dims):
        raise layer.error(f"axis {param.axis} and num_axes {param.num_axes} go beyond its bottom of {len(dims)} axes.")
    return dims[axis:] if param.num_axes == -1 else dims[axis : axis + param.num_axes], axis


def broadcast(values: Array, dims: tuple[int, ...], axis: int) -> Array:
    """Put axes of size 1 around those of `values`, which begin at `axis`, to broadcast it over a blob of the shape `dims`."""
    return values.reshape((1,) * axis + values.shape + (1,) * (len(dims) - axis - values.ndim))


def _broadcast_output(values: Output, dims: tuple[int, ...], axis: int) -> Output:
    own = shape(values)
    target = [1] * axis + list(own) + [1] * (len(dims) - axis - len(own))
    return values if list(own) == target else reshaped(values, target)


def affine(layer: TrainedLayer, x: Output, factor: Array | None, summand: Array | None) -> Output:
    """Compute x * factor + summand, each with as many axes as x.

    Where x is a product or a sum with constants that nothing else uses, only those constants change.
    """
    if layer.only_consumer and (factor is None or _fold_factor(x, factor)):
        factor = None
    if factor is not None:
        x = op.multiply(x, constant(factor)).output(0)
    if summand is None:
        return x
    before = _constant_of(x, "Add") if layer.only_consumer else None
    if before is not None:
        x.get_node().input(1).replace_source_output(constant(before + summand))
        return x
    return op.add(x, constant(summand)).output(0)


def _fold_factor(x: Output, factor: Array) -> bool:
    """Multiply the constants of the operation that makes `x` by `factor`; return False if it has none."""
    summand = _constant_of(x, "Add")
    product = x if summand is None else x.get_node().input_value(0)
    kind = product.get_node().get_type_name()
    weights = _constant_of(product, kind) if kind in _ALONG and len(product.get_target_inputs()) <= 1 else None
    per_output = factor.ndim > 1 and factor.size in (1, factor.shape[1])
    if weights is None or not (per_output or kind == "Multiply"):
        return False
    if kind == "MatMul" and not product.get_node().get_attributes()["transpose_b"]:
        return False
    if kind != "Multiply" and factor.size == 1 != shape(product)[1]:
        factor = np.broadcast_to(factor, (1, shape(product)[1], *factor.shape[2:]))
    product.get_node().input(1).replace_source_output(constant(weights * _ALONG[kind](factor, weights)))
    if summand is not None:
        x.get_node().input(1).replace_source_output(constant(summand * factor))
    return True


# Operation -> the factor, one for each output channel, in the shape that its weights need.
_ALONG: dict[str, Callable[[Array, Array], Array]] = {
    "Convolution": lambda factor, weights: factor.reshape(-1, 1, 1, 1),
    "ConvolutionBackpropData": lambda factor, weights: factor.reshape(1, -1, 1, 1),
    "GroupConvolution": lambda factor, weights: factor.reshape(*weights.shape[:2], 1, 1, 1),
    "GroupConvolutionBackpropData": lambda factor, weights: factor.reshape(weights.shape[0], 1, -1, 1, 1),
    "MatMul": lambda factor, weights: factor.reshape(-1, 1),
    "Multiply": lambda factor, weights: factor,
}


def _constant_of(x: Output, kind: str) -> Array | None:
    """Return the constant second operand of the node that makes `x`; None if that node is not of this `kind`."""
    node = x.get_node()
    if node.get_type_name() != kind or node.input_value(1).get_node().get_type_name() != "Constant":
        return None
    values: Array = node.input_value(1).get_node().data
    return values
