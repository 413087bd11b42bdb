"""Arithmetic with each number: Power, Exp, Log, AbsVal, Eltwise."""

from __future__ import annotations

import functools
import math

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import EltwiseParameter, ExpParameter, LogParameter
from common.messages import shape_text

from .layer import TrainedLayer, constant, shape

_ELTWISE = {EltwiseParameter.PROD: op.multiply, EltwiseParameter.SUM: op.add, EltwiseParameter.MAX: op.maximum}


def power(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute (shift + scale * x) ^ power, without the steps that change nothing."""
    param = layer.parameter.power_param
    top = _affine(inputs[0], param.scale, param.shift)
    return [top if param.power == 1 else op.power(top, constant(param.power)).output(0)]


def exp(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute base ^ (shift + scale * x); base -1 stands for e."""
    param = layer.parameter.exp_param
    base = _log_base(layer, param)
    return [op.exp(_affine(inputs[0], param.scale * base, param.shift * base)).output(0)]


def log(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute the logarithm of shift + scale * x; base -1 stands for e."""
    param = layer.parameter.log_param
    base = _log_base(layer, param)
    if base == 0:
        raise layer.error("base 1 has no logarithms.")
    return [_affine(op.log(_affine(inputs[0], param.scale, param.shift)).output(0), 1 / base, 0)]


def absval(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute |x|."""
    return [absolute(inputs[0])]


def absolute(x: Output) -> Output:
    """Compute |x| as the maximum of x and -x."""
    return op.maximum(x, op.multiply(x, constant(-1.0))).output(0)


def eltwise(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute the product, the (weighted) sum or the maximum of bottoms of one shape."""
    param = layer.parameter.eltwise_param
    if len({shape(bottom) for bottom in inputs}) != 1:
        shapes = ", ".join(shape_text(shape(bottom)) for bottom in inputs)
        raise layer.error(f"its bottoms have the shapes {shapes}; expected the same shape.")
    if param.coeff:
        if param.operation != EltwiseParameter.SUM or len(param.coeff) != len(inputs):
            raise layer.error(
                f"has {len(param.coeff)} coeff and {len(inputs)} bottoms; expected one for each bottom, and SUM."
            )
        inputs = [_affine(bottom, coeff, 0) for bottom, coeff in zip(inputs, param.coeff, strict=True)]
    join = _ELTWISE[param.operation]
    return [functools.reduce(lambda left, right: join(left, right).output(0), inputs)]


def _affine(x: Output, scale: float, shift: float) -> Output:
    if scale != 1:
        x = op.multiply(x, constant(scale)).output(0)
    return op.add(x, constant(shift)).output(0) if shift else x


def _log_base(layer: TrainedLayer, param: ExpParameter | LogParameter) -> float:
    if param.base == -1:
        return 1.0
    if not 0 < param.base < math.inf:
        raise layer.error(f"base is {param.base:g}; expected a number above 0, or -1 for e.")
    return math.log(param.base)
